"""The language-model engineer: every agent of MLE-STAR as one prompt and one typed answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mle_star.engineer.base import (
    Brief,
    Extraction,
    LeakageReport,
    MemberView,
    ModelCard,
    Tried,
    UsageReport,
)
from mle_star.engineer.llm.alignment import align
from mle_star.engineer.llm.answers import Leak, Picked, Plan, Usage
from mle_star.engineer.llm.asking import Asker
from mle_star.engineer.llm.code import one_block
from mle_star.engineer.llm.completeness import check_holds_code, study_code, whole
from mle_star.engineer.llm.parsing import parse
from mle_star.engineer.llm.prompting import render
from mle_star.engineer.llm.remedies import remedies
from mle_star.engineer.llm.retrieval import Retriever
from mle_star.engineer.llm.text import Unusable
from mle_star.models.base import Reply, Request
from mle_star.search.base import Search

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T")

_PYTHON = re.compile(r"^\s*`{3,}\s*py", re.MULTILINE | re.IGNORECASE)
"""The fence that opens a rewritten script."""

SUMMARY_CHARACTERS = 3_000
"""Most characters kept of an ablation summary."""


class Answers(Protocol):
    """Whoever takes a request to a model; :class:`mle_star.models.client.Client` does."""

    def call(self, request: Request) -> Reply:
        """The answer to one request."""


class LLMEngineer:
    """Answers every agent's question by asking a chat model.

    Implements :class:`mle_star.engineer.base.Engineer`. Every method raises
    :class:`mle_star.errors.NoAnswer` when the model gave no usable answer after all tries. One
    object serves all branches of a run, from several threads.
    """

    name = "llm"

    def __init__(
        self,
        client: Answers,
        search: Search,
        *,
        tries: int = 3,
        prompt_tokens: int = 60_000,
        exclude: Sequence[str] = (),
    ) -> None:
        """Ask through ``client``, look things up in ``search``.

        Args:
            client: takes requests to the models.
            search: where model cards and remedies come from.
            tries: times a model is asked before the step is given up.
            prompt_tokens: longest prompt, in estimated tokens.
            exclude: names and domains no query may speak of.
        """
        self.search = search
        self._asker = Asker(client, tries)
        self._budget = prompt_tokens
        self._retriever = Retriever(self._ask, search, exclude)

    def retrieve(self, brief: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
        """Model cards for one solution; all solutions share one retrieval and its cards."""
        return self._retriever.cards(brief, count, solution, solutions)

    def write(self, brief: Brief, card: ModelCard) -> str:
        """One simple script with exactly the card's model."""
        return self._ask("write", brief, whole(brief), card=card)

    def merge(self, brief: Brief, base: str, reference: str) -> str:
        """The base script with the reference's model averaged in."""
        return self._ask("merge", brief, whole(brief), base=base, reference=reference)

    def check_usage(self, brief: Brief, script: str) -> UsageReport:
        """Data the script ignores, and a rewrite that uses them."""

        def read(text: str) -> UsageReport:
            usage = parse(text, Usage)
            rewritten = usage.unused and _PYTHON.search(text)
            return UsageReport(
                tuple(usage.unused), whole(brief)(text) if rewritten else None, usage.note
            )

        return self._ask("check_usage", brief, read, script=script)

    def ablate(self, brief: Brief, script: str, summaries: Sequence[str]) -> str:
        """A study of two or three parts of the script."""
        return self._ask("ablate", brief, study_code, script=script, summaries=list(summaries))

    def summarise(self, brief: Brief, study: str, output: str) -> str:
        """What the study shows, in a few lines."""

        def read(text: str) -> str:
            if not text.strip():
                raise Unusable("the answer is empty; write the summary as plain text")
            return text.strip()[:SUMMARY_CHARACTERS]

        return self._ask("summarise", brief, read, study=study, output=output)

    def extract(
        self, brief: Brief, summary: str, script: str, refined: Sequence[str]
    ) -> Extraction:
        """The block that matters most, as it stands in the script, and a first plan."""

        def read(text: str) -> Extraction:
            picked = parse(text, Picked)
            block = align(script, picked.block)
            check_holds_code(script, block)
            if block in refined:
                raise Unusable("this block was refined before; pick another one")
            return Extraction(block, picked.plan)

        return self._ask(
            "extract", brief, read, Picked, summary=summary, script=script, refined=list(refined)
        )

    def plan(self, brief: Brief, script: str, block: str, tried: Sequence[Tried]) -> str:
        """The next plan for the block."""
        return self._ask(
            "plan", brief, _new_plan(tried), Plan, script=script, block=block, tried=list(tried)
        )

    def refine(self, brief: Brief, script: str, block: str, plan: str) -> str:
        """The new text of the block."""

        def read(text: str) -> str:
            new = one_block(text, script=script, block=block)
            if new == block:
                raise Unusable("the block is unchanged", "carry the plan out")
            return new

        return self._ask("refine", brief, read, script=script, block=block, plan=plan)

    def plan_ensemble(
        self, brief: Brief, members: Sequence[MemberView], tried: Sequence[Tried]
    ) -> str:
        """The next way to combine the members."""
        return self._ask(
            "plan_ensemble",
            brief,
            _new_plan(tried),
            Plan,
            members=list(members),
            tried=list(tried),
        )

    def ensemble(self, brief: Brief, plan: str, members: Sequence[MemberView]) -> str:
        """The ensemble script."""
        return self._ask("ensemble", brief, whole(brief), plan=plan, members=list(members))

    def debug(self, brief: Brief, script: str, error: str) -> str:
        """The repaired script; an error of a library is looked up first."""
        pages = remedies(self.search, error)
        read = study_code if brief.phase == "ablate" else whole(brief)
        return self._ask("debug", brief, read, script=script, error=error, pages=pages)

    def check_leakage(self, brief: Brief, script: str, evidence: str = "") -> LeakageReport:
        """Whether anything is fitted on rows or labels it must not see."""

        def read(text: str) -> LeakageReport:
            leak = parse(text, Leak)
            if not leak.leaking:
                return LeakageReport(False, reason=leak.reason)
            return LeakageReport(True, align(script, leak.block), leak.reason)

        return self._ask("check_leakage", brief, read, Leak, script=script, evidence=evidence)

    def fix_leakage(self, brief: Brief, script: str, block: str, reason: str) -> str:
        """The new text of the leaking block."""

        def read(text: str) -> str:
            return one_block(text, script=script, block=block)

        return self._ask("fix_leakage", brief, read, script=script, block=block, reason=reason)

    def _ask(
        self,
        agent: str,
        brief: Brief,
        read: Callable[[str], T],
        schema: type[BaseModel] | None = None,
        **values: Any,
    ) -> T:
        """Render the agent's prompt, ask, and read the answer.

        Two prompts belong to the retriever (``queries``, ``retrieve``); both are asked in its role,
        and for the run as a whole.
        """
        shared = agent in ("queries", "retrieve")
        request = Request(
            role="retrieve" if shared else agent,
            messages=render(agent, brief, self._budget, **values),
            schema=schema,
            solution=-1 if shared else brief.solution,
            phase=brief.phase,
        )
        return self._asker.ask(request, read)


def _new_plan(tried: Sequence[Tried]) -> Callable[[str], str]:
    """Reads a plan that was not tried before."""
    before = {" ".join(t.plan.lower().split()) for t in tried}

    def read(text: str) -> str:
        plan = parse(text, Plan).plan.strip()
        if " ".join(plan.lower().split()) in before:
            raise Unusable("this plan was tried before; propose another one")
        return plan

    return read
