"""The built-in engineer: no key, no network."""

from __future__ import annotations

from collections.abc import Sequence

from mle_star.engineer.base import (
    Brief,
    Extraction,
    LeakageReport,
    MemberView,
    ModelCard,
    Tried,
    UsageReport,
)


class PlaybookEngineer:
    """Answers every agent's question from a library of models, strategies and rules.

    Implements :class:`mle_star.engineer.base.Engineer`. It holds no state: the same question
    always has the same answer. Modules are imported by the method that needs them, so that
    building an engineer costs nothing.
    """

    name = "playbook"

    def retrieve(self, brief: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
        """Model cards that fit the data profile; every solution starts from another strong one."""
        from mle_star.engineer.playbook.catalogue import retrieve

        return retrieve(brief, count, solution, solutions)

    def write(self, brief: Brief, card: ModelCard) -> str:
        """A script in the canonical shape with exactly this model."""
        from mle_star.engineer.playbook.writer import write

        return write(brief, card)

    def merge(self, brief: Brief, base: str, reference: str) -> str:
        """The base script with the reference's models averaged in."""
        from mle_star.engineer.playbook.merger import merge

        return merge(brief, base, reference)

    def check_usage(self, brief: Brief, script: str) -> UsageReport:
        """Columns and files the script leaves aside, and a rewrite that uses them."""
        from mle_star.engineer.playbook.usage import check_usage

        return check_usage(brief, script)

    def ablate(self, brief: Brief, script: str, summaries: Sequence[str]) -> str:
        """A study that runs the script with some of its parts switched off."""
        from mle_star.engineer.playbook.ablation import ablate

        return ablate(brief, script, summaries)

    def summarise(self, brief: Brief, study: str, output: str) -> str:
        """What the study measured, part by part."""
        from mle_star.engineer.playbook.ablation import summarise

        return summarise(brief, study, output)

    def extract(
        self, brief: Brief, summary: str, script: str, refined: Sequence[str]
    ) -> Extraction:
        """The block that matters most and was not refined yet, with a first plan."""
        from mle_star.engineer.playbook.extractor import extract

        return extract(brief, summary, script, refined)

    def plan(self, brief: Brief, script: str, block: str, tried: Sequence[Tried]) -> str:
        """The next strategy for the block."""
        from mle_star.engineer.playbook.planner import plan

        return plan(brief, script, block, tried)

    def refine(self, brief: Brief, script: str, block: str, plan: str) -> str:
        """The block with the planned strategy applied."""
        from mle_star.engineer.playbook.planner import refine

        return refine(brief, block, plan)

    def plan_ensemble(
        self, brief: Brief, members: Sequence[MemberView], tried: Sequence[Tried]
    ) -> str:
        """The next way to combine the members."""
        from mle_star.engineer.playbook.ensembles import plan_ensemble

        return plan_ensemble(brief, members, tried)

    def ensemble(self, brief: Brief, plan: str, members: Sequence[MemberView]) -> str:
        """A script that combines the members' predictions as planned."""
        from mle_star.engineer.playbook.ensembles import ensemble

        return ensemble(brief, plan, members)

    def debug(self, brief: Brief, script: str, error: str) -> str:
        """The script, repaired for the newest error."""
        from mle_star.engineer.playbook.debugger import debug

        return debug(brief, script, error)

    def check_leakage(self, brief: Brief, script: str, evidence: str = "") -> LeakageReport:
        """A static look for rows or labels that models must not see."""
        from mle_star.engineer.playbook.leakage import check_leakage

        return check_leakage(brief, script, evidence)

    def fix_leakage(self, brief: Brief, script: str, block: str, reason: str) -> str:
        """The leaking block without the leak."""
        from mle_star.engineer.playbook.leakage import fix_leakage

        return fix_leakage(brief, script, block, reason)
