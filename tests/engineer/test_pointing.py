"""People name a block by lines, section, function or text; what is not clear is refused."""

from __future__ import annotations

import pytest

from mle_star.engineer.pointing import point_out, section_around

SCRIPT = """import a

# === features ===
@cached
def make_features(table):
    return table


# === model: ridge ===
def fit_ridge(X, y):
    return X

x = 1
x = 1
"""
FEATURES = SCRIPT[SCRIPT.index("# === features") : SCRIPT.index("# === model")]
FUNCTION = "@cached\ndef make_features(table):\n    return table\n"


@pytest.mark.parametrize(
    ("wanted", "block"),
    [
        ("features", FEATURES),
        ("# === Features ===", FEATURES),
        ("make_features", FUNCTION),
        ("def make_features()", FUNCTION),
        ("lines 4-6", FUNCTION),
        ("4 to 6", FUNCTION),
        ("return table", "    return table\n"),
        ("def fit_ridge(X, y):\n    return X\n", "def fit_ridge(X, y):\n    return X\n"),
    ],
)
def test_a_block_is_found_by_what_people_call_it(wanted: str, block: str) -> None:
    assert point_out(SCRIPT, wanted) == block


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("x = 1", "occurs 2 times"),
        ("no such thing", "is no line, section or function"),
        ("12-99", "are not in the script, which has 14"),
        ("7-8", "nothing but blank lines"),
        ("13-13", "lines that occur 2 times"),
    ],
)
def test_what_is_not_one_block_is_refused(wanted: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        point_out(SCRIPT, wanted)


def test_the_section_around_a_block() -> None:
    assert section_around(SCRIPT, FUNCTION) == FEATURES
    assert section_around(SCRIPT, "import a\n") == "import a\n", "it lies in none"
