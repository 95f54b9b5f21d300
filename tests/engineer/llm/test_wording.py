from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.base import Tried
from mle_star.engineer.llm.wording import (
    columns,
    fence,
    oneline,
    outcome,
    prose,
    quoted,
    seconds,
    shares,
    standing,
)
from tests.engineer.playbook.small import brief, column


@given(st.text(alphabet="`ab\n", max_size=80))
def test_a_fence_is_longer_than_any_run_of_backticks_inside(text: str) -> None:
    opening, *inner, closing = fence(text, "python").split("\n")
    assert opening == closing + "python"
    assert "\n".join(inner) == text.removesuffix("\n")
    assert closing not in text
    assert prose("plain `code` words") == "plain `code` words"


def test_many_names_are_counted() -> None:
    assert quoted(["a", 1, 2.5, 'b"\n'], 3) == '"a", 1, 2.5 and 1 more'
    assert quoted('b"\n') == '"b\\"\\n"'


def test_only_text_that_could_pass_for_structure_is_fenced() -> None:
    assert prose(" plain `code` words\n- a list ") == "plain `code` words\n- a list"
    for unsafe in ("# a heading", "a\n  ## b", "~~~\ncode", "a\u2028```"):
        assert prose(unsafe).startswith("```")
    assert oneline(" a\n\n## b\t") == "a ## b"


def test_results_say_score_error_and_time_or_why_there_is_none() -> None:
    assert outcome(Tried("p", 0.41234567, 0.0123, 3.21)) == "score 0.412346 ± 0.012, 3.21 s"
    assert outcome(Tried("p", 0.0)) == "score 0"
    assert outcome(Tried("p", None, problem="It\ncrashed.")) == "no score (It crashed.)"
    assert outcome(Tried("p", None, seconds=60.0)) == "no score (it never ran), 60 s"
    assert len(outcome(Tried("p", None, problem="x" * 9000))) < 500
    assert standing([None, None, 0.0]) == "no score (it was not scored)"
    assert seconds(1234.56) == "1235 s"


def test_shares_are_listed_from_the_largest() -> None:
    assert shares({"a": 0.25, "b": 0.75}) == '"b" 75 %, "a" 25 %'
    assert shares({str(i): 0.01 for i in range(100)}).endswith(" and 70 more")


def test_a_narrow_table_is_listed_whole_in_its_order() -> None:
    names = [f"x{i}" for i in range(120)]
    profile = brief(columns=[column(name) for name in names]).profile
    assert [line.split(":")[0] for line in columns(profile).split("\n")] == [
        f'"{name}"' for name in names
    ]
    assert columns(profile.model_copy(update={"columns": []})) == "none"


def test_of_a_wide_table_the_columns_that_need_care_are_listed_first() -> None:
    wide = [column(f"x{i}", "numeric" if i % 100 else "categorical") for i in range(5000)]
    wide[4321] = column("blank", missing=0.6)
    wide[4322] = column("moved", drift=0.4)
    wide[4323] = column("odd", dirty=True)
    wide[4324] = column("gone", in_test=False)
    lines = columns(brief(columns=wide).profile).split("\n")
    assert len(lines) == 121
    assert sum("categorical" in line for line in lines) == 50
    listed = [line.split(":")[0].strip('"') for line in lines[:-1]]
    assert {"blank", "moved", "odd", "gone"} <= set(listed)
    assert listed == [c.name for c in wide if c.name in listed]
    assert lines[-1].startswith('... 4,880 more numeric columns, "x')
