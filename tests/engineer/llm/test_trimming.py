from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mle_star.engineer.llm.trimming import (
    FLOOR,
    PromptTooLong,
    common_length,
    cut,
    fit,
    size,
    tokens,
    was_cut,
)
from mle_star.errors import NoAnswer

TEXT = st.text(alphabet="ab é字🙂\n\r\u2028`{#", max_size=400)
LONG = st.builds(lambda text, times: text * times, TEXT, st.integers(1, 12))


def joined(texts: Mapping[str, str]) -> str:
    return "fixed\n" + "\n".join(texts[name] for name in sorted(texts))


def numbered(count: int) -> str:
    return "\n".join(f"line {number}" for number in range(count))


def test_tokens_are_a_third_of_the_bytes_rounded_up() -> None:
    assert [tokens(text) for text in ("", "a", "abc", "abcd", "字", "🙂")] == [0, 1, 1, 2, 1, 2]


@given(LONG, st.integers(0, 3000))
def test_a_cut_text_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    shown = cut(text, limit)
    assert size(shown) <= limit
    assert shown == cut(text, limit)
    if size(text) <= limit:
        assert shown == text


@given(LONG, st.integers(0, 3000))
@example("🙂" * 300, 101)
@example("x" * 300 + "\n" + "字" * 300, 200)
def test_a_cut_text_is_the_start_and_the_end_of_the_whole(text: str, limit: int) -> None:
    shown = cut(text, limit)
    if not was_cut(shown) or was_cut(text):
        assert text.startswith(shown)
        return
    head, _, rest = shown.partition("# [... ")
    note, _, tail = rest.partition(" ...]")
    number = int(note.split()[0])
    assert text.startswith(head.removesuffix("\n"))
    assert text.endswith(tail.removeprefix("\n"))
    assert number > 0


def test_whole_lines_are_left_out_and_counted() -> None:
    shown = cut(numbered(1000), 300).split("\n")
    place = next(i for i, line in enumerate(shown) if was_cut(line))
    assert shown[:place] == [f"line {i}" for i in range(place)]
    after = len(shown) - place - 1
    assert shown[place + 1 :] == [f"line {i}" for i in range(1000 - after, 1000)]
    assert shown[place] == f"# [... {1000 - place - after} lines left out ...]"
    assert abs(place - after) <= 2


def test_the_last_line_of_a_traceback_is_kept() -> None:
    error = "Traceback\n" + "  frame\n" * 500 + "ValueError: could not convert '?'\n"
    assert cut(error, 200).endswith("ValueError: could not convert '?'\n")
    # A message that is one huge line is cut inside, so that both its ends are seen.
    huge = "Traceback\n" + "ValueError: " + "x" * 5000 + " in column b\n"
    assert "ValueError: xxx" in cut(huge, 400)
    assert cut(huge, 400).endswith("x in column b\n")
    assert "characters left out" in cut(huge, 400)


def test_a_text_that_fits_is_not_touched_and_one_byte_more_is() -> None:
    values = {"a": numbered(300), "b": "b" * 700}
    whole = joined(values)
    assert fit(values, joined, size(whole), "it") == whole
    shorter = fit(values, joined, size(whole) - 1, "it")
    assert size(shorter) < size(whole)
    assert shorter.endswith("b" * 700), "only the longest value is cut"


@given(st.dictionaries(st.sampled_from("abcde"), LONG, min_size=1), st.integers(0, 12_000))
def test_a_fitted_text_never_exceeds_its_limit(values: dict[str, str], limit: int) -> None:
    whole = joined(values)
    shortest = joined({name: cut(value, FLOOR) for name, value in values.items()})
    if size(shortest) > limit:
        with pytest.raises(PromptTooLong):
            fit(values, joined, limit, "it")
        return
    text = fit(values, joined, limit, "it")
    assert size(text) <= limit
    assert text == fit(dict(reversed(values.items())), joined, limit, "it")
    if size(whole) <= limit:
        assert text == whole


def test_the_longest_values_are_cut_to_a_common_length() -> None:
    kept: dict[str, str] = {}

    def render(texts: Mapping[str, str]) -> str:
        kept.update(texts)
        return joined(texts)

    values = {"long": "x" * 9000, "longer": "y" * 20_000, "short": numbered(80)}
    fit(values, render, 9000, "it")
    assert kept["short"] == values["short"]
    assert abs(size(kept["long"]) - size(kept["longer"])) < 5
    assert size(joined(kept)) > 8900, "no more is cut than needed"


@given(st.lists(st.integers(0, 1000), min_size=1), st.data())
def test_common_length_is_the_largest_that_fits(sizes: list[int], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, max(sum(sizes) - 1, 0)))
    if target >= sum(sizes):
        return
    level = common_length(sizes, target)
    assert sum(min(length, level) for length in sizes) <= target
    assert sum(min(length, level + 1) for length in sizes) > target


def test_the_fence_around_a_value_may_shrink_with_it() -> None:
    def render(texts: Mapping[str, str]) -> str:
        return texts["a"] + "x" * texts["a"].count("`")

    assert size(fit({"a": "`" * 4000}, render, 1500, "it")) <= 1500
    lines = "`\n" * 3000
    assert size(fit({"a": lines}, render, 5000, "it")) <= 5000


def test_what_can_not_be_cut_is_no_answer_with_a_remedy() -> None:
    with pytest.raises(NoAnswer, match="'prompt_tokens'") as refused:
        fit({"a": "x" * 5000}, lambda texts: "y" * 4000 + texts["a"], 3000, "The prompt")
    assert str(refused.value) == (
        "The prompt needs about 500 tokens more than it may have: raise the setting "
        "'prompt_tokens'."
    )


def test_a_text_is_known_to_be_cut_by_its_note_alone() -> None:
    assert was_cut(cut(numbered(99), 100))
    assert not was_cut("x = 1  # [... 3 lines left out ...]")
    assert not was_cut(numbered(5))
