from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.playbook import script as shape

LINES = st.sampled_from(
    [
        "# === load ===",
        "# === model: lightgbm ===",
        "# === x ===  ",
        "    # === indented ===",
        "# === ===",
        "# ===  ===",
        "x = 1",
        "",
        "\t",
        'print("# === in a string ===")',
    ]
)

SCRIPT = '''"""Title."""

import os

# === load ===
x = 1


# === model: knn ===
def fit_knn(X, y, seed):
    return y


# === write ===
print(x)
'''


@given(st.lists(LINES).map("\n".join) | st.text())
def test_splitting_and_joining_lose_nothing(text: str) -> None:
    blocks = shape.split(text)
    assert shape.join(blocks) == text
    assert all(block.text for block in blocks)


def test_blocks_start_with_their_marker_line() -> None:
    blocks = shape.split(SCRIPT)
    assert [b.name for b in blocks] == ["header", "load", "model: knn", "write"]
    assert all(b.text.startswith(shape.marker(b.name)) for b in blocks[1:])
    assert blocks[0].text == '"""Title."""\n\nimport os\n\n'


def test_a_script_without_sections_is_one_header() -> None:
    assert shape.split("x = 1\n") == [shape.Block("header", "x = 1\n")]
    assert shape.split("") == []


def test_finding_blocks() -> None:
    load = shape.find(SCRIPT, "load")
    assert load is not None
    assert "x = 1" in load.text
    assert shape.find(SCRIPT, "finish") is None
    assert [b.family for b in shape.models(SCRIPT)] == ["knn"]
    assert load.family == ""


def test_replacing_a_block() -> None:
    load = shape.find(SCRIPT, "load")
    assert load is not None
    new = shape.replace(SCRIPT, load.text, load.text.replace("1", "2"))
    assert "x = 2" in new
    assert len(shape.split(new)) == 4


@pytest.mark.parametrize(("old", "count"), [("", 0), ("absent", 0), ("x", 3)])
def test_a_block_must_occur_exactly_once(old: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"occurs {count} times" if old != "x" else "not once"):
        shape.replace(SCRIPT, old, "new")
