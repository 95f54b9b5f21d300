"""The Python code of an answer: one whole script, or the new text of one block."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

from mle_star.engineer.llm.fitting import fitted, middle, repeats
from mle_star.engineer.llm.languages import NAMES, PYTHON, is_diff, other_language
from mle_star.engineer.llm.syntax import (
    compiles,
    parsed,
    placeholder,
    repairs,
    says_something,
    unbound,
)
from mle_star.engineer.llm.text import (
    LONGEST,
    Fence,
    Unusable,
    cut_out,
    declines,
    plain_lines,
    without_thoughts,
)

_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+\w", re.MULTILINE)
_FORM = "answer with exactly one fenced Python block (```python ... ```) that holds the {what}"
_SCRIPT = _FORM.format(what="whole script")
_BLOCK = _FORM.format(what="new text of the block and nothing else")


def one_script(text: str) -> str:
    """The whole script of an answer, which compiles and leaves nothing out.

    Raises:
        Unusable: there is no script, there are several, or it can't be compiled.
    """
    code = _only(text, _SCRIPT)
    repaired = next((each for each in repairs(code) if compiles(each) is None), None)
    if repaired is None:
        raise Unusable(_wrong(code), _SCRIPT)
    if not says_something(repaired):
        raise Unusable("the block holds no statements", _SCRIPT)
    if left_out := placeholder(repaired):
        raise Unusable(f"the script leaves code out ({left_out!r})", f"{_SCRIPT}, every line of it")
    return repaired.strip("\n") + "\n"


def one_block(text: str, script: str = "", block: str = "") -> str:
    """The new text of a block, which compiles in its place.

    Args:
        text: the answer.
        script: the script that holds the block; empty where the block stands alone.
        block: the old text, which occurs once in ``script``. The new text gets its indentation
            and its line ends.

    Raises:
        Unusable: there is no block, there are several, or it does not fit into the script.
    """
    code = _only(text, _BLOCK)
    fits = _in_place(code, script, block) if script and block else _alone(code)
    left_out = placeholder(fits)
    if left_out and left_out not in block:
        raise Unusable(f"the block leaves code out ({left_out!r})", _BLOCK)
    if block and (lost := unbound(script, script.replace(block, fits, 1))):
        raise Unusable(
            f"with this block the script still uses {', '.join(lost[:5])}, which only the old "
            "block defined; define every name that the rest of the script takes from it",
            _BLOCK,
        )
    return fits


def _in_place(code: str, script: str, block: str) -> str:
    """The code in the form in which the script compiles with it."""
    first: SyntaxError | None = None
    for repaired in repairs(middle(script, block, code)):
        if repeats(script, block, repaired):
            raise Unusable("the answer repeats the script around the block", _BLOCK)
        try:
            if repaired.strip():
                return fitted(script, block, repaired)
        except SyntaxError as error:
            first = first or error
    dedented = textwrap.dedent(code)
    if not _compiles_somewhere(dedented) or first is None:
        raise Unusable(_wrong(dedented), _BLOCK)
    line = f" ({first.text.strip()[:120]!r})" if first.text and first.text.strip() else ""
    raise Unusable(
        "with this block in place of the old one the script does not compile: "
        f"{first.msg}{line}; keep to the old block's indentation and close what it closes",
        _BLOCK,
    )


def _alone(code: str) -> str:
    for repaired in repairs(code):
        dedented = textwrap.dedent(repaired).strip("\n") + "\n"
        if dedented.strip() and _compiles_somewhere(dedented):
            return dedented
    raise Unusable(_wrong(textwrap.dedent(code)), _BLOCK)


def _compiles_somewhere(code: str) -> bool:
    """Whether it compiles by itself or in a loop of a function, where it may return or break."""
    inside = "def f():\n while 1:\n" + textwrap.indent(code, "  ") + "\n  pass"
    return compiles(code) is None or compiles(inside) is None


def _only(text: str, form: str) -> str:
    """The code of an answer's one Python block; not yet checked."""
    if len(text) > LONGEST:
        raise Unusable("the answer is far too long", form)
    text = without_thoughts(plain_lines(text))
    if not text.strip():
        raise Unusable("the answer is empty", form)
    _, blocks = cut_out(text)
    if not blocks:
        return _bare(text, form)
    if not blocks[-1].closed:
        raise Unusable("the answer was cut off within its code block", f"{form}, and be shorter")
    found = list(_python(blocks))
    if not found:
        raise Unusable(_no_python(blocks), form)
    if len(found) == 1:
        return found[0]
    whole = max(found, key=len)
    if all(_within(part, whole) for part in found):
        return whole
    raise Unusable(f"the answer holds {len(found)} code blocks", form)


def _python(blocks: list[Fence]) -> Iterator[str]:
    """The different blocks that are Python: by their label, or because they read as such."""
    seen: set[str] = set()
    for block in blocks:
        code = block.code
        key = code.strip()
        if not key or key in seen or is_diff(code):
            continue
        readable = any(_compiles_somewhere(textwrap.dedent(each)) for each in repairs(code))
        if other_language(code) and not (readable and _IMPORT.search(code)):
            continue  # "x <- 1" is Python by accident
        if block.language in PYTHON:
            # A block of nothing but "!pip install" is an aside.
            wanted = not readable or any(says_something(each) for each in repairs(code))
        elif block.language in NAMES:
            wanted = False
        else:
            wanted = says_something(code) if readable else bool(_IMPORT.search(code))
        if wanted:
            seen.add(key)
            yield code


def _within(part: str, whole: str) -> bool:
    return textwrap.dedent(part).strip() in whole or part.strip() in whole


def _no_python(blocks: list[Fence]) -> str:
    if any(is_diff(b.code) or b.language in ("diff", "patch") for b in blocks):
        return "the answer is a diff, not the code itself"
    for block in blocks:
        if named := other_language(block.code, block.language):
            return f"the code is {named}, not Python"
    return "the answer holds no Python code"


def _bare(text: str, form: str) -> str:
    """The whole answer, where it is Python without any fence."""
    for code in repairs(text):
        if compiles(code) is None and _assigns(code):
            return code
    if is_diff(text):
        raise Unusable("the answer is a diff, not the code itself", form)
    if declines(text):
        raise Unusable("the answer declines and holds no code, but the task is harmless", form)
    if named := other_language(text):
        raise Unusable(f"the code is {named}, not Python", form)
    raise Unusable("the answer holds no code block", form)


def _assigns(code: str) -> bool:
    """Whether there is an import or an assignment: words alone may be Python by accident."""
    kinds = (ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign)
    return any(isinstance(node, kinds) for node in ast.walk(parsed(code)))


def _wrong(code: str) -> str:
    """What keeps the code from being compiled."""
    if is_diff(code):
        return "the answer is a diff, not the code itself"
    error = compiles(code)
    if error is None:
        return "the code can't be used"
    lines = code.split("\n")
    at = error.lineno or 0
    if not 0 < at <= len(lines):
        return f"the code has a syntax error: {error.msg}"
    return (
        f"the code has a syntax error in line {at} ({lines[at - 1].strip()[:120]!r}): {error.msg}"
    )
