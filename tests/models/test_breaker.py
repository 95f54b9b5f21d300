"""When a model is left alone, and when it is tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mle_star.models.breaker import ENOUGH, FIRST_PAUSE, LONGEST_PAUSE, Breaker
from tests.models.test_gate import FakeTime


def make() -> tuple[Breaker, FakeTime]:
    fake = FakeTime()
    return Breaker(fake.clock), fake


def test_one_failure_is_no_outage() -> None:
    breaker, _ = make()
    breaker.failed("a")
    assert breaker.seconds_left("a") == 0


def test_a_model_that_is_down_is_left_alone_and_others_are_not() -> None:
    breaker, _ = make()
    for _ in range(ENOUGH):
        breaker.failed("a")
    assert breaker.seconds_left("a") == FIRST_PAUSE
    assert breaker.seconds_left("b") == 0


def test_after_the_pause_one_request_tries_it_for_all() -> None:
    breaker, fake = make()
    for _ in range(ENOUGH):
        breaker.failed("a")
    fake.now += FIRST_PAUSE
    assert breaker.seconds_left("a") == 0
    assert breaker.seconds_left("a") == FIRST_PAUSE  # another branch meanwhile
    breaker.answered("a")
    assert breaker.seconds_left("a") == 0
    assert breaker.seconds_left("a") == 0


def test_pauses_double_up_to_a_bound_and_begin_anew_after_an_answer() -> None:
    breaker, fake = make()
    breaker.failed("a")
    pauses = []
    for _ in range(8):
        breaker.failed("a")
        pauses.append(breaker.seconds_left("a"))
        fake.now += pauses[-1]
        assert breaker.seconds_left("a") == 0
    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]
    breaker.answered("a")
    for _ in range(ENOUGH):
        breaker.failed("a")
    assert breaker.seconds_left("a") == FIRST_PAUSE


def test_the_providers_own_delay_is_kept_within_the_bound() -> None:
    breaker, _ = make()
    breaker.failed("a", 90.0)
    breaker.failed("a", 90.0)
    assert breaker.seconds_left("a") == 90
    breaker.failed("a", 86_400.0)
    assert breaker.seconds_left("a") == LONGEST_PAUSE


@given(st.lists(st.sampled_from(["failed", "answered", "asked", "later"]), max_size=60))
def test_nobody_waits_longer_than_the_bound_and_an_answer_always_opens(steps: list[str]) -> None:
    breaker, fake = make()
    for step in steps:
        if step == "failed":
            breaker.failed("a")
        elif step == "answered":
            breaker.answered("a")
            assert breaker.seconds_left("a") == 0
        elif step == "later":
            fake.now += 45
        else:
            assert 0 <= breaker.seconds_left("a") <= LONGEST_PAUSE
    fake.now += LONGEST_PAUSE
    assert breaker.seconds_left("a") == 0
