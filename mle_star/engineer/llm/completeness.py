"""Whether an answer is all of what was asked for: a whole script, a whole block."""

from __future__ import annotations

from collections.abc import Callable

from mle_star.engineer.base import Brief
from mle_star.engineer.llm.code import one_script
from mle_star.engineer.llm.syntax import strings
from mle_star.engineer.llm.text import Unusable
from mle_star.engineer.llm.trimming import was_cut

_ALL_OF_IT = "write the whole script, not only the part that changed"


def whole(brief: Brief) -> Callable[[str], str]:
    """A reader of scripts that speak of every file that a script of the task must write.

    Models like to answer with the repaired function alone; run as the script, it would take the
    place of a good one.
    """
    printed = brief.task.evaluation == "printed"
    files = ("submission",) if printed else ("oof", "submission")

    def read(text: str) -> str:
        script = study_code(text)
        said = strings(script).replace("sample_submission", "")
        for name in files:
            if name not in said:
                raise Unusable(f"the script does not write ./final/{name}.csv", _ALL_OF_IT)
        return script

    return read


def study_code(text: str) -> str:
    """The one program of an answer, which reads the data; a part of one seldom does.

    Raises:
        Unusable: there is none, or it has a hole that a shortened prompt had.
    """
    script = one_script(text)
    if was_cut(script):
        raise Unusable("lines are left out of the script; write the whole script")
    if "input" not in strings(script):
        raise Unusable("the code reads nothing from ./input", _ALL_OF_IT)
    return script


def check_holds_code(script: str, block: str) -> None:
    """Refuse a heading or the first line of a function: the rest would stay beside the new text.

    Raises:
        Unusable: the block, a substring of the script, is no more than that.
    """
    start = script.find(block)
    text = script[script.rfind("\n", 0, start) + 1 : start] + block
    code = [line.partition("#")[0].rstrip() for line in text.split("\n")]
    last = next((line for line in reversed(code) if line), "")
    if not last or last.endswith(":"):
        raise Unusable(
            "the block is a heading without what stands below it", "copy all lines of the part"
        )
