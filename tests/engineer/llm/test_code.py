"""The code of an answer: what is taken, what is mended, and what is asked for again and why."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.llm.code import one_block, one_script
from mle_star.engineer.llm.text import LONGEST, Unusable
from mle_star.engineer.splice import replace_once

CODE = 'import pandas as pd\n\nscore = 0.5\nprint(f"Final Validation Performance: {score}")\n'


def fenced(code: str, label: str = "python") -> str:
    return f"```{label}\n{code}\n```\n"


def script_refused(text: str) -> str:
    with pytest.raises(Unusable) as caught:
        one_script(text)
    assert "one fenced Python block" in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        fenced(CODE),
        fenced(CODE, "py"),
        fenced(CODE, "Python title=run.py"),
        fenced(CODE, "run.py"),
        fenced(CODE, "tool_code"),
        fenced(CODE, ""),
        f"~~~python\n{CODE}~~~",
        f"````python\n{CODE}````",
        f"Here it is: ```python\n{CODE}```",
        f"```python\n{CODE.rstrip()}```",
        CODE,
        f"Here is the script:\n\n{fenced(CODE)}\nIt uses `pandas`. Enjoy!",
        f"<think>\n{fenced('import draft')}</think>\n{fenced(CODE)}",
        f"1. The script:\n   ```python\n{''.join('   ' + s for s in CODE.splitlines(True))}   ```",
        fenced(CODE).replace("\n", "\r\n"),
        fenced("".join("    " + line for line in CODE.splitlines(True))),
        "\ufeff" + fenced(CODE),
    ],
)
def test_the_one_script(text: str) -> None:
    assert one_script(text).replace("\n    ", "\n") == CODE


@pytest.mark.parametrize("label", ["bash", "sh", "json", "text", "output", ""])
def test_blocks_of_other_things_are_left_aside(label: str) -> None:
    aside = {"json": '{"a": 1}', "": "0.8312"}.get(label, "pip install catboost")
    text = f"First:\n{fenced(aside, label)}\nThen:\n{fenced(CODE)}"
    assert one_script(text) == CODE


def test_a_whole_script_wins_over_excerpts_of_itself() -> None:
    excerpt = fenced("    score = 0.5")
    assert one_script(f"{excerpt}I set the score.\n{fenced(CODE)}{excerpt}") == CODE


def test_several_blocks_are_asked_for_again() -> None:
    assert "2 code blocks" in script_refused(fenced(CODE) + fenced("import numpy\nx = 1"))


def test_a_block_of_nothing_but_an_installation_is_an_aside() -> None:
    assert one_script(fenced("!pip install catboost") + fenced(CODE)) == CODE


def test_an_empty_answer() -> None:
    for text in ("", " \n", "<think>long thoughts</think>"):
        assert script_refused(text) == "the answer is empty"
    assert "no Python" in script_refused(fenced(""))


def test_a_refusal() -> None:
    for text in ("I'm sorry, but I can't help with that.", "I cannot write this code for you."):
        assert "declines" in script_refused(text)


def test_prose_without_code() -> None:
    assert script_refused("I would train LightGBM.") == "the answer holds no code block"
    assert script_refused("ok") == "the answer holds no code block"


@pytest.mark.parametrize(
    "diff",
    [
        "--- a/run.py\n+++ b/run.py\n@@ -1,2 +1,2 @@\n import pandas\n-x = 1\n+x = 2",
        "-x = foo(1)\n+x = foo(2)",
        "<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE",
    ],
)
@pytest.mark.parametrize("label", ["diff", "python", ""])
def test_a_diff_instead_of_code(diff: str, label: str) -> None:
    assert "diff" in script_refused(fenced(diff, label))
    assert "diff" in script_refused(diff)


@pytest.mark.parametrize(
    ("code", "label", "language"),
    [
        ("library(dplyr)\nx <- 1", "r", "R"),
        ("library(dplyr)\nx <- c(1, 2)", "", "R"),
        ("library(dplyr)\nx <- c(1, 2) %>% sum", "python", "R"),
        ("pip install lightgbm", "bash", "shell"),
        ("<html><body>x</body></html>", "html", "HTML"),
        ("<!DOCTYPE html>\n<p>no</p>", "", "HTML"),
        ('{"a": 1}', "json", "JSON"),
    ],
)
def test_another_language(code: str, label: str, language: str) -> None:
    assert language in script_refused(fenced(code, label))


def test_a_truncated_answer() -> None:
    assert "cut off" in script_refused("```python\n" + CODE)
    assert "cut off" in script_refused(fenced(CODE) + "and\n```python\nimport nu")


def test_a_syntax_error_is_named_with_its_line() -> None:
    reason = script_refused(fenced("import a\nx = (1\ny = 2\n"))
    assert "line 2" in reason
    assert "x = (1" in reason
    assert "was never closed" in reason


@pytest.mark.parametrize(
    "left_out",
    [
        "# ... existing code ...",
        "# rest unchanged",
        "# ...",
        "# (rest of the code remains the same)",
        "# --- existing code ---",
        "# the rest of the script goes here",
        "# your code here",
        "...",
        "def f():\n    ...",
    ],
)
def test_a_script_that_leaves_code_out(left_out: str) -> None:
    assert "leaves code out" in script_refused(fenced(f"{CODE}\n{left_out}\n"))


@pytest.mark.parametrize(
    "kept",
    [
        "# fill the rest of the column with its mean",
        "# remaining columns stay numeric",
        "# ... and then the mean",
        "x = a[..., 0]",
        "class Missing(Exception): ...",
        'print("... existing code ...")',
        "# Same as for train, before the split",
    ],
)
def test_ordinary_comments_leave_nothing_out(kept: str) -> None:
    assert kept in one_script(fenced(f"{CODE}\n{kept}\n"))


def test_notebook_commands_are_dropped() -> None:
    code = "!pip install x\n%matplotlib inline\nimport a\nif a:\n    !ls\nx = 5 % a\n"
    assert one_script(fenced(code)) == "import a\nif a:\n    pass\nx = 5 % a\n"


def test_odd_characters_are_mended_only_where_they_break_the_code() -> None:
    assert one_script(fenced("import\u00a0a\nx\u200b = “b”")) == 'import a\nx = "b"\n'
    odd = 'import a\nx = "\u00a0“\u200b"\n'
    assert one_script(fenced(odd)) == odd


def test_tabs_among_spaces() -> None:
    mixed = "import a\nif a:\n        x = 1\n\ty = 2\n"
    assert "y = 2" in one_script(fenced(mixed))


def test_warnings_of_the_compiler_stay_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "\\d" in one_script(fenced('import re\nx = re.compile("\\d")\n'))


def test_an_answer_beyond_all_bounds() -> None:
    assert "too long" in script_refused("x" * (LONGEST + 1))
    script_refused(fenced("(" * 5_000))
    script_refused(fenced("x = " + "-" * 50_000 + "1"))


SCRIPT = """import numpy as np

def features(table):
    table = table.copy()
    for name in ["a", "b"]:
        table[name] = table[name].fillna(0)
    return table

x = features(1)
print(x)
"""
LOOP = '    for name in ["a", "b"]:\n        table[name] = table[name].fillna(0)\n'
NEW_LOOP = '    for name in ["a"]:\n        table[name] = 1\n'


def block_refused(text: str, block: str = LOOP) -> str:
    with pytest.raises(Unusable) as caught:
        one_block(text, SCRIPT, block)
    assert "one fenced Python block" in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "new",
    [
        NEW_LOOP,
        NEW_LOOP.replace("\n    ", "\n")[4:],
        "".join("        " + line for line in NEW_LOOP.splitlines(True)),
        SCRIPT.replace(LOOP, NEW_LOOP),
        "\n\n" + NEW_LOOP + "\n\n",
    ],
    ids=["as wanted", "dedented", "deeper", "whole script", "blank lines"],
)
def test_a_block_gets_the_indentation_of_the_old_one(new: str) -> None:
    assert one_block(fenced(new), SCRIPT, LOOP) == NEW_LOOP


def test_a_block_without_its_first_blanks() -> None:
    old = LOOP.strip()
    for new in (NEW_LOOP.strip(), NEW_LOOP, NEW_LOOP.replace("\n    ", "\n")[4:]):
        text = one_block(fenced(new), SCRIPT, old)
        assert replace_once(SCRIPT, old, text) == SCRIPT.replace(LOOP, NEW_LOOP)


def test_a_block_at_the_end_of_a_function_stays_in_it() -> None:
    assert one_block(fenced("return 2"), SCRIPT, "    return table") == "    return 2"


def test_line_ends_are_those_of_the_old_block() -> None:
    for old in ("x = features(1)", "x = features(1)\n", "\nx = features(1)\n"):
        new = one_block(fenced("x = features(2)\ny = 1\n"), SCRIPT, old)
        assert new == old.replace("x = features(1)", "x = features(2)\ny = 1")


def test_a_block_that_breaks_the_script() -> None:
    reason = block_refused(fenced("    for name in []:"))
    assert "does not compile" in reason or "syntax error" in reason
    assert "repeats the script" in block_refused(fenced(SCRIPT.replace("import", "from x import")))
    assert "syntax error in line 1" in block_refused(fenced("x = ("))


def test_a_block_that_leaves_code_out() -> None:
    assert "leaves code out" in block_refused(fenced("    # ... existing code ...\n    x = 1"))


def test_a_block_is_refused_for_the_reasons_a_script_is() -> None:
    assert block_refused("") == "the answer is empty"
    assert "declines" in block_refused("Sorry, I can't.")
    assert "cut off" in block_refused("```python\n    x = 1")
    assert "diff" in block_refused(fenced("-x = 1\n+x = 2", "diff"))
    assert "2 code blocks" in block_refused(fenced("    x = 1") + fenced("    x = 2"))


def test_a_block_may_stand_alone() -> None:
    assert one_block(fenced("    return 1\n")) == "return 1\n"


LINES = st.lists(st.sampled_from(["a = 1", "b = [1,\n 2]", "f(x)", "# note", "if a:\n    b = 2"]))


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_sound_script_comes_back_as_it_is(lines: list[str], ends: str, bare: bool) -> None:
    code = "\n".join(["import a", *lines, "print(a)"]) + "\n"
    text = code if bare else f"Done.\n\n{fenced(code)}\nBye."
    assert one_script(text.replace("\n", ends)) == code


@given(
    st.text() | st.lists(st.sampled_from(["```", "python\n", "\n", "x = 1", "(", "-", "+", " "]))
)
def test_no_text_raises_anything_but_unusable(text: str | list[str]) -> None:
    for read in (one_script, lambda t: one_block(t, SCRIPT, LOOP)):
        try:
            code = read("".join(text))
        except Unusable:
            continue
        compile(code if read is one_script else SCRIPT.replace(LOOP, code), "", "exec")


OUTER = """import math
RATE = 2
def half(x):
    return x / RATE
print(half(3), math.pi, input)
"""
INNER = "def half(x):\n    return x / RATE\n"


@pytest.mark.parametrize("new", ["def halved(x):\n    return x / RATE\n", "RATE = 3\n"])
def test_a_block_still_defines_what_the_script_takes_from_it(new: str) -> None:
    with pytest.raises(Unusable, match="uses half, which only the old block defined"):
        one_block(f"```python\n{new}```", script=OUTER, block=INNER)


@pytest.mark.parametrize(
    "new",
    [
        "half = lambda number: number / RATE\n",
        "from fractions import Fraction as half\n",
        "from somewhere import *\n",
        "def half(number):\n    rest = number\n    return rest / RATE\n",
    ],
)
def test_it_may_define_it_in_any_way(new: str) -> None:
    assert one_block(f"```python\n{new}```", script=OUTER, block=INNER) == new
