from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.report.text import better_is, clean, count, duration, number, once_each, plus_minus


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    shown = clean(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_text_keeps_to_its_width(text: str, width: int) -> None:
    assert len(clean(text, width)) <= width


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("[bold]markup[/]", "[bold]markup[/]"),
        ("\u202eevil", "\\u202eevil"),
        ("größer ± 日本", "größer ± 日本"),
    ],
)
def test_what_a_script_printed_is_shown_not_obeyed(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (51234.4, "51234"),
        (0.8413, "0.84130"),
        (0.05171, "0.051710"),
        (-3.5, "-3.5000"),
        (0.0, "0.000"),
        (1e-7, "1e-07"),
        (None, "–"),
        (float("nan"), "nan"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_an_error_has_the_decimals_of_its_score() -> None:
    assert plus_minus(0.8413, 0.0041) == "0.84130 ± 0.00410"
    assert plus_minus(51234.4, 812.3) == "51234 ± 812"
    assert plus_minus(0.5, None) == "0.50000"
    assert plus_minus(None, 0.1) == "–"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(4.23, "4.2 s"), (59.96, "60.0 s"), (125, "2:05"), (3725, "1:02:05"), (-1, "0.0 s")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_words() -> None:
    assert better_is("maximize") == "higher is better"
    assert better_is("minimize") == "lower is better"
    assert count(1, "row") == "1 row"
    assert count(2400, "row") == "2,400 rows"


def test_texts_that_differ_in_numbers_alone_are_one() -> None:
    said = ["$1.25 is left", "a", "$0.5 is left", "$0.125 is left", "b"]
    assert once_each(said) == ["$0.125 is left (and 2 more like it)", "a", "b"]


@given(st.lists(st.text(max_size=4)))
def test_no_text_is_lost(texts: list[str]) -> None:
    kept = once_each(texts)
    assert len(kept) <= len(set(texts))
    assert all(any(text in one for one in kept) or any(c.isdigit() for c in text) for text in texts)
