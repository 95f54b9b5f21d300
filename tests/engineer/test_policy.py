"""The policy: what lessons do to the promises of strategies."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.engineer.base import Lesson
from mle_star.engineer.policy import FAILED, LEAST, SHARE, SUREST, Policy, read_lessons, terms_of

KINS = {"ratios": "ratios", "more": "rounds", "fewer": "rounds", "counts": "counts"}
PRIORS = {"ratios": 0.4, "more": 0.35, "fewer": 0.1, "counts": 0.3}
HERE = ("features", "LightGBM")


def kin_of(key: str) -> str:
    return KINS.get(key, "")


def lesson(change: str, gain: float | None, error: float = 0.002, **rest: object) -> Lesson:
    told = Lesson(change, *HERE, gain=gain, error=error, times=1.0, solution=0)
    return replace(told, **rest)  # type: ignore[arg-type]


def promises(*lessons: Lesson) -> dict[str, float]:
    return Policy(lessons, *HERE).promises(PRIORS, kin_of)


@pytest.mark.parametrize(
    ("plan", "terms"),
    [
        ("[ratios] Add ratios.", ("ratios",)),
        (" [more + counts]", ("more", "counts")),
        ("Add ratios.", ()),
        ("[]", ()),
        ("", ()),
    ],
)
def test_the_terms_of_a_plan(plan: str, terms: tuple[str, ...]) -> None:
    assert terms_of(plan) == terms


def test_without_lessons_promises_stay() -> None:
    assert promises() == PRIORS
    assert list(promises()) == list(PRIORS)


def test_words_and_strangers_teach_the_playbook_nothing() -> None:
    assert promises(lesson("Add ratios.", 0.1), lesson("[no-such]", 0.1)) == PRIORS


def test_a_gain_raises_its_strategy_and_its_kin_and_nothing_else() -> None:
    told = promises(lesson("[more]", 0.02))
    assert told["more"] > told["fewer"] + PRIORS["more"] - PRIORS["fewer"]
    assert told["fewer"] > PRIORS["fewer"]
    assert told["ratios"] == pytest.approx(PRIORS["ratios"])


def test_a_loss_lowers_it_but_leaves_it_last_in_line() -> None:
    told = promises(lesson("[more]", -0.2))
    assert told["more"] == LEAST
    assert told["fewer"] == LEAST
    assert all(value > 0 for value in told.values())


def test_what_was_promised_exactly_changes_nothing() -> None:
    told = promises(lesson("[ratios]", SHARE * PRIORS["ratios"]))
    assert told == pytest.approx(PRIORS)


def test_a_sure_lesson_counts_more_than_a_vague_one() -> None:
    sure, vague = promises(lesson("[counts]", 0.06)), promises(lesson("[counts]", 0.06, 0.05))
    assert sure["counts"] > vague["counts"] > PRIORS["counts"]


def test_a_lesson_from_another_model_or_task_counts_less() -> None:
    here = promises(lesson("[counts]", 0.02))["counts"]
    model = promises(lesson("[counts]", 0.02, model="XGBoost"))["counts"]
    part = promises(lesson("[counts]", 0.02, part="encode"))["counts"]
    task = promises(lesson("[counts]", 0.02, closeness=0.3, run="a"))["counts"]
    assert here > model == part > task > PRIORS["counts"]


def test_the_gain_of_a_plan_is_shared_by_its_strategies() -> None:
    told = promises(lesson("[ratios + counts]", 0.1))
    assert told["ratios"] > PRIORS["ratios"]
    assert told["counts"] > PRIORS["counts"]
    # A second lesson tells which of the two it was.
    told = promises(lesson("[ratios + counts]", 0.1), lesson("[ratios]", 0.0))
    assert told["counts"] > PRIORS["counts"] + 0.5
    assert told["ratios"] < PRIORS["ratios"]


def test_what_fell_behind_counts_as_a_loss() -> None:
    told = promises(lesson("[counts]", None, 0.0, behind=True))
    assert LEAST <= told["counts"] < PRIORS["counts"]


def test_what_never_ran_is_put_off_where_it_failed() -> None:
    broken = lesson("[counts]", None, 0.0, problem="KeyError")
    assert promises(broken)["counts"] == pytest.approx(FAILED * PRIORS["counts"])
    elsewhere = replace(broken, model="XGBoost")
    assert promises(elsewhere)["counts"] == PRIORS["counts"]
    assert promises(broken, lesson("[counts]", 0.05))["counts"] > PRIORS["counts"], "it ran since"


LESSONS = st.lists(
    st.builds(
        lambda keys, gain, error, model, closeness: lesson(
            f"[{' + '.join(keys)}]", gain, error, model=model, closeness=closeness
        ),
        st.lists(st.sampled_from(sorted(KINS)), min_size=1, max_size=3, unique=True),
        st.one_of(st.none(), st.floats(-1, 1)),
        st.floats(0, 0.1),
        st.sampled_from(["LightGBM", "XGBoost"]),
        st.sampled_from([1.0, 0.6]),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(told=LESSONS, order=st.randoms())
def test_promises_are_finite_positive_and_do_not_depend_on_the_order(
    told: list[Lesson], order: object
) -> None:
    before = promises(*told)
    assert list(before) == list(PRIORS)
    assert all(LEAST <= value <= SUREST for value in before.values())
    shuffled = list(told)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert promises(*shuffled) == pytest.approx(before, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(told=LESSONS, low=st.floats(-0.5, 0.5), more=st.floats(0, 0.5))
def test_a_better_measurement_never_lowers_a_promise(
    told: list[Lesson], low: float, more: float
) -> None:
    worse = promises(*told, lesson("[ratios]", low))["ratios"]
    assert promises(*told, lesson("[ratios]", low + more))["ratios"] >= worse - 1e-9


def test_the_digest_opens_with_what_is_clearest() -> None:
    clear, harm = lesson("[ratios]", 0.08), lesson("[more]", -0.05)
    vague, broken = lesson("[counts]", 0.01, 0.02), lesson("[fewer]", None, problem="KeyError")
    assert Policy([vague, broken, harm, clear]).digest() == [clear, harm, vague, broken]
    assert Policy([vague, broken, harm, clear]).digest(most=2) == [clear, harm]


def test_the_digest_tells_a_change_once() -> None:
    clear, vague = lesson("[ratios] Add them.", 0.08), lesson("[ratios]  Add them.", 0.01)
    assert Policy([vague, clear]).digest() == [clear]


def test_lessons_come_back_from_plain_data() -> None:
    told = lesson("[ratios]", 0.1)
    assert read_lessons([asdict(told), {"change": "half a lesson"}]) == (told,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gain", "0.1"),
        ("gain", float("nan")),
        ("error", None),
        ("change", 3),
        ("closeness", "near"),
    ],
)
def test_lessons_that_somebody_spoilt_are_passed_over(field: str, value: object) -> None:
    assert read_lessons([{**asdict(lesson("[ratios]", 0.1)), field: value}]) == ()


def test_two_earlier_runs_tell_more_than_one_twice() -> None:
    def two(first: str, second: str) -> float:
        told = [lesson("[counts]", 0.02, closeness=0.6, run=run) for run in (first, second)]
        return promises(*told)["counts"]

    assert two("a", "b") > two("a", "a") > PRIORS["counts"]


def test_a_failure_on_another_task_puts_nothing_off() -> None:
    broken = lesson("[counts]", None, 0.0, problem="time", closeness=0.5, run="a")
    assert promises(broken) == PRIORS
