"""What a run asks people, and what they may answer: plain data, the same in CLI, Python and Studio.

A node asks by LangGraph's ``interrupt`` with a :class:`Question`; ``Command(resume={id: answer})``
goes on with an :class:`Answer`, or with ``True``, ``False``, ``"yes"``, ``"no"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import TypedDict

from mle_star.errors import UserError
from mle_star.parsing import parse

Kind = Literal["script", "plan", "spend"]


class Question(TypedDict, total=False):
    """Something a run waits for."""

    id: str
    """Of the interrupt; given by LangGraph."""
    kind: Kind
    solution: int
    """Index of the solution branch, -1 for the run as a whole."""
    label: str
    """What it is about, in one line."""
    why: str
    """What it is for, in one sentence."""
    text: str
    """The script (kind ``script``) or the plan (kind ``plan``)."""
    path: str
    """File of the script, or of the script that the plan changes."""
    diff: str
    """Unified diff of the script against the one it was made from; empty where there is none."""
    block: str
    """Of a plan: the block it changes."""
    usd: float | None
    """Of ``spend``: the bill in US dollars."""
    answers: list[str]
    """What may be answered: yes, no, and edit where the text can be replaced."""
    problem: str
    """Why the answer before this one could not be used; empty at first."""


class Answer(TypedDict, total=False):
    """What a person decides."""

    answer: Literal["yes", "no", "edit"]
    reason: str
    """Of ``no``: why, in plain words."""
    text: str
    """Of ``edit``: the script, or the plan, to go on with."""


_WORDS: dict[Any, Literal["yes", "no"]] = {True: "yes", False: "no", "y": "yes", "n": "no"}


def read_answer(question: Question, given: Any) -> Answer:
    """An answer as it was given, checked.

    Raises:
        UserError: it can't be used; the text says what can be answered.
    """
    values = given if isinstance(given, Mapping) else {"answer": given}
    word, reason, text = (values.get(name, "") for name in ("answer", "reason", "text"))
    if isinstance(word, str):
        word = word.strip().lower()
    if isinstance(word, str | bool):
        word = _WORDS.get(word, word)
    known = question["answers"]
    if word not in known:
        raise UserError(f"The answer {str(given)[:60]!r} is none of {', '.join(known)}.")
    if word == "no":
        return Answer(answer="no", reason=" ".join(str(reason or "").split())[:500])
    if word == "yes":
        return Answer(answer="yes")
    return Answer(answer="edit", text=_edited(question, text))


def _edited(question: Question, text: Any) -> str:
    if not (isinstance(text, str) and text.strip()):
        raise UserError("The answer 'edit' has no text: give what to go on with as 'text'.")
    if question["kind"] == "script":
        try:
            parse(text)
        except (SyntaxError, ValueError) as error:
            raise UserError(f"The edited script is no Python: {error}.") from None
    return text


def in_one_line(question: Question) -> str:
    """The question as a sentence for people."""
    number = question["solution"]
    whose = "" if number < 0 else f" of solution {number + 1}"
    label = " ".join(question["label"].split())[:120]
    if question["kind"] == "script":
        return f"may the script {label!r}{whose} be run?"
    if question["kind"] == "plan":
        return f"may the plan {label!r}{whose} be carried out?"
    return f"{question['why']} May the search go on?"
