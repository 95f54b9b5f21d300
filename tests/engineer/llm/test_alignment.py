"""Finding the block that was meant: near misses find it, and doubt is an error."""

from __future__ import annotations

import textwrap
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mle_star.engineer.llm.alignment import align
from mle_star.engineer.llm.text import Unusable

SCRIPT = '''"""Predict."""

import numpy as np
from lightgbm import LGBMRegressor

SEED = 0


def features(table):
    """Columns of a table."""
    table = table.copy()

    for name in ["a", "b"]:
        table[name] = table[name].fillna(table[name].median())
    return table


def fit(x, y, seed):
    model = LGBMRegressor(n_estimators=200, learning_rate=0.05, random_state=seed)
    model.fit(x, y)
    return model


max_rows = 12
rows = 1
total = rows
scores = []
for fold in range(5):
    part = fold == 1
    scores.append(np.mean(part))
print("Final Validation Performance:", np.mean(scores))
'''
LINES = SCRIPT.rstrip("\n").split("\n")
LOOP = """    for name in ["a", "b"]:
        table[name] = table[name].fillna(table[name].median())
    return table"""


def refused(block: str, script: str = SCRIPT) -> str:
    with pytest.raises(Unusable) as caught:
        align(script, block)
    return caught.value.reason


@pytest.mark.parametrize("block", [LOOP, LOOP + "\n", LOOP.strip(), "np.mean(scores)", "SEED = 0"])
def test_what_occurs_once_is_itself(block: str) -> None:
    assert align(SCRIPT, block) == block


@pytest.mark.parametrize(
    "damaged",
    [
        LOOP.replace("\n", "\r\n"),
        LOOP.replace("\n", "  \n") + " \t",
        LOOP.replace("    ", "\t"),
        textwrap.dedent(LOOP),
        textwrap.indent(LOOP, "    "),
        LOOP.strip() + "\n\n",
        LOOP.replace("\n", "\n\n"),
        LOOP.replace('"', "'"),
        LOOP.replace('"a"', "“a”"),
        f"```python\n{LOOP}\n```",
        f"The loop:\n```\n{LOOP}\n```\n",
        "\n".join(f"{n}: {line}" for n, line in enumerate(LOOP.split("\n"), start=13)),
        "\n".join(f"{n:4} | {line}" for n, line in enumerate(LOOP.split("\n"), start=13)),
        LOOP.replace("\n", "\\n"),
        LOOP.replace("fillna", "filna").replace("return table", "return tabel"),
        LOOP.replace(" = ", "="),
    ],
)
def test_near_misses_find_the_lines_that_were_meant(damaged: str) -> None:
    assert align(SCRIPT, damaged).strip() == LOOP.strip()


def test_blank_lines_within_the_script_are_part_of_the_block() -> None:
    block = 'table = table.copy()\nfor name in ["a", "b"]:'
    assert align(SCRIPT, block) == '    table = table.copy()\n\n    for name in ["a", "b"]:'


def test_a_comment_that_was_not_copied_is_part_of_the_block() -> None:
    script = SCRIPT.replace("    model.fit", "    # all rows\n    model.fit")
    found = align(script, script[script.index("    model = ") : script.index("    return model")])
    assert "# all rows" in found
    copied = "\n".join(line for line in found.split("\n") if "# all" not in line)
    assert align(script, copied).strip() == found.strip()


def test_a_word_is_never_cut_in_two() -> None:
    assert align(SCRIPT, "rows = 1").strip("\n") == "rows = 1"
    assert SCRIPT.count(align(SCRIPT, "rows = 1")) == 1


@pytest.mark.parametrize("block", ["", "  \n\t", "```python\n```"])
def test_an_empty_block_is_refused(block: str) -> None:
    assert refused(block)


@pytest.mark.parametrize("block", [SCRIPT, SCRIPT.strip(), SCRIPT.replace('"', "'")])
def test_the_whole_script_is_no_block(block: str) -> None:
    assert "whole script" in refused(block)


def test_a_block_that_occurs_twice() -> None:
    script = "a = 1\nb = 2\nc = 3\na = 1\nb = 2\n"
    assert refused("a = 1\nb = 2", script) == "the block occurs twice in the script (lines 1 and 4)"
    assert "3 times" in refused("x()", "x()\ny()\nx()\ny()\nx()\n")


def test_of_two_places_the_one_that_is_equal_to_the_letter() -> None:
    script = "def f():\n    a = 1\n\n\na = 1\nb = 2\n"
    assert align(script, "    a = 1") == "    a = 1"
    found = align(script, "a = 1")
    assert found.strip() == "a = 1"
    assert script.index(found) > script.index("    a = 1")


def test_what_is_not_there_is_told_with_the_nearest_line() -> None:
    block = "model = LGBMRegressor(n_estimators=900, max_depth=3)\nmodel.fit(x)"
    assert "nearest is line 19: 'model = LGBMRegressor(" in refused(block)
    assert "not in the script" in refused("print(1)\n" * 3)


def test_two_places_that_are_nearly_alike_are_in_doubt() -> None:
    script = "value_one = compute(alpha, 1)\nx = 0\nvalue_two = compute(alpha, 2)\n"
    assert "nearest" in refused("value_tow = compute(alpha, 1)", script)


def test_dots_for_lines_are_told_apart_from_wrong_lines() -> None:
    assert "leaves lines out" in refused("def fit(x, y, seed):\n    ...\n    return model")


def test_a_block_longer_than_any_script_is_refused() -> None:
    assert "longer" in refused("x = 1\n" * 10_000)


def with_blanks(block: str) -> str:
    return "\n" + block.replace("\n", " \n\n") + "\n"


def numbered(block: str) -> str:
    return "\n".join(f"{n:3}: {line}" for n, line in enumerate(block.split("\n"), start=9))


DAMAGES = {
    "none": lambda b: b,
    "line ends": lambda b: b.replace("\n", "\r\n"),
    "blanks": with_blanks,
    "tabs": lambda b: b.replace("    ", "\t"),
    "dedented": textwrap.dedent,
    "indented": lambda b: textwrap.indent(b, "  "),
    "quotes": lambda b: b.replace('"', "'"),
    "fence": lambda b: f"```python\n{b}\n```",
    "numbers": numbered,
}

STATEMENTS = [
    'table["age"] = table["age"].fillna(0)',
    "model = Ridge(alpha=1.0)",
    "model.fit(x, y)",
    "if flag:\n    limit = 3\n\n    use(limit)",
    "for k in range(3):\n    print('fold', k)",
    "# a comment",
    "rows = 1",
    "",
]


@st.composite
def scripts(draw: st.DrawFn) -> tuple[str, str]:
    """A script, and a run of its lines that does not begin or end with a blank one."""
    body = draw(st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=9))
    lines = "\n".join(f"{s}  # {n}" if n % 3 else s for n, s in enumerate(body)).split("\n")
    if draw(st.booleans()):
        lines = ["def f(x, y):", *("    " + s if s else "" for s in lines), "", "f(1, 2)"]
    first = draw(st.integers(0, len(lines) - 1))
    last = draw(st.integers(first, len(lines) - 1))
    return "\n".join(lines) + "\n", "\n".join(lines[first : last + 1]).strip("\n")


@settings(max_examples=300)
@given(scripts(), st.sampled_from(sorted(DAMAGES)))
def test_a_damaged_copy_finds_its_original(drawn: tuple[str, str], damage: str) -> None:
    script, block = drawn
    plain = [line.split() for line in script.split("\n") if line.strip()]
    wanted = [line.split() for line in block.split("\n") if line.strip()]
    places = [i for i in range(len(plain)) if plain[i : i + len(wanted)] == wanted]
    assume(wanted and len(places) == 1 and block.strip() != script.strip())
    assume(script.count(block.strip()) == 1)  # no part of another line
    assert align(script, DAMAGES[damage](block)).strip() == block.strip()


@given(scripts(), st.data())
def test_what_is_found_always_occurs_once(drawn: tuple[str, str], data: st.DataObject) -> None:
    script, block = drawn
    at = data.draw(st.integers(0, len(block)))
    cut = data.draw(st.integers(0, 6))
    damaged = block[:at] + data.draw(st.text("ab( \n'\\`1:", max_size=4)) + block[at + cut :]
    try:
        found = align(script, damaged)
    except Unusable:
        return
    assert script.count(found) == 1
    assert found.strip()
    assert found.strip() != script.strip()


@pytest.mark.parametrize("start", range(len(LINES) - 4))
def test_a_few_changed_characters(start: int) -> None:
    block = "\n".join(LINES[start : start + 5])
    middle = len(block) // 2
    damaged = block[:middle] + "q" + block[middle + 1 :]
    assert align(SCRIPT, damaged).strip() == block.strip()


@pytest.mark.parametrize("line", ["#", "x = 1", "- a", "!x"])
def test_a_script_that_repeats_itself_takes_no_time(line: str) -> None:
    script = f"{line}\n" * (190_000 // (len(line) + 1))
    started = time.perf_counter()
    for block in (script[:2_000], script[100:60_000] + "y"):
        with pytest.raises(Unusable):
            align(script, block)
    assert time.perf_counter() - started < 5
