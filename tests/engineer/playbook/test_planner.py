from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.engineer.base import Brief, Lesson, Study, Tried
from mle_star.engineer.playbook.planner import affordable, plan, propose, refine
from mle_star.engineer.playbook.strategies import strategy
from mle_star.engineer.policy import terms_of
from mle_star.errors import NoAnswer
from tests.engineer.playbook import refining


def block(name: str, part: str) -> str:
    return next(b.text for b in refining.blocks(name, "lightgbm") if b.name == part)


SCORES = st.lists(st.one_of(st.none(), st.floats(0, 10)), min_size=8, max_size=8)


@settings(max_examples=12, deadline=None)
@given(
    scores=SCORES,
    place=st.sampled_from(
        [
            ("price", "features"),
            ("price", "encode"),
            ("price", "target"),
            ("order", "model: lightgbm"),
            ("order", "combine"),
            ("mood", "finish"),
            ("price", "validate"),
        ]
    ),
)
def test_no_text_is_tried_twice(scores: list[float | None], place: tuple[str, str]) -> None:
    name, part = place
    brief, text = refining.task(name).brief, block(name, part)
    tried: list[Tried] = []
    texts = {text}
    for score in scores:
        try:
            answer = plan(brief, refining.script(name, "lightgbm"), text, tried)
        except NoAnswer:
            break
        new = refine(brief, text, answer)
        assert new not in texts
        texts.add(new)
        kins = [strategy(key).kin for key in terms_of(answer)]
        assert len(kins) == len(set(kins)), "relatives are not combined"
        tried.append(Tried(answer, score))
    assert tried


def test_plans_run_out() -> None:
    brief, text = refining.task("price").brief, block("price", "validate")
    first = plan(brief, "", text, [])
    with pytest.raises(NoAnswer):
        plan(brief, "", text, [Tried(first, 1.0)])


def test_what_made_a_plan_better_is_kept() -> None:
    """Lower is better: the second plan extends the first and wins, so it is extended again."""
    brief, text = refining.task("price").brief, block("price", "features")
    tried = [Tried("[rotated-coordinates] ...", 4.0), Tried("[rotated-coordinates + ratios]", 3.0)]
    answer = terms_of(plan(brief, "", text, tried))
    assert {"rotated-coordinates", "ratios"} < set(answer)


def test_what_made_a_plan_worse_is_avoided_with_its_kin() -> None:
    brief, text = refining.task("price").brief, block("price", "model: lightgbm")
    tried = [Tried("[stronger-penalty]", 3.0), Tried("[stronger-penalty + slower-learning]", 5.0)]
    answer = terms_of(plan(brief, "", text, tried))
    assert strategy("slower-learning").kin not in {strategy(key).kin for key in answer}


def test_what_fell_behind_is_avoided_with_its_kin() -> None:
    brief, text = refining.task("price").brief, block("price", "model: lightgbm")
    stopped = Tried("[larger-trees] larger", None, problem="stopped early", behind=True)
    tried = [Tried("[slower-learning] slower", 1.0), stopped]
    kins = {strategy(key).kin for key in terms_of(plan(brief, "", text, tried))}
    assert "size" not in kins, "nor smaller trees: the size as it is was better"
    crashed = replace(stopped, behind=False)
    again = {key for key in terms_of(plan(brief, "", text, [tried[0], crashed]))}
    assert "larger-trees" not in again


LEARNT = Lesson("[root-target]", "target", "LightGBM", 0.02, 0.002, 1.0, 0)
OTHERS = [
    replace(LEARNT, change="[of another version]", part=part)
    for part in ("features", "encode", "validate", "combine", "finish", "model: lightgbm")
]


def stepping(*lessons: Lesson) -> Brief:
    brief = refining.task("price").brief
    return replace(brief, lessons=lessons, solution=0, base_model="LightGBM", base_seconds=1.0)


def test_a_block_is_left_when_another_promises_more() -> None:
    """Other scales of the target can't be hoped to gain what one of them has gained already."""
    script, text = refining.script("price", "lightgbm"), block("price", "target")
    tried = [Tried("[root-target] ...", 0.98)]
    learnt = replace(LEARNT, change=tried[0].plan)
    with pytest.raises(NoAnswer, match="Another part"):
        plan(stepping(learnt), script, text, tried)
    assert propose(stepping(learnt), text, tried), "something was left to try"


def test_a_block_is_kept_while_it_promises_most() -> None:
    script, text = refining.script("price", "lightgbm"), block("price", "target")
    tried = [Tried("[root-target] ...", 1.0)]
    learnt = replace(LEARNT, change=tried[0].plan, gain=0.0)
    with pytest.raises(NoAnswer, match="Another part"):
        plan(stepping(learnt), script, text, tried)
    assert plan(stepping(learnt, *OTHERS), script, text, tried), "the others had their turn"
    elsewhere = [replace(lesson, model="XGBoost") for lesson in OTHERS]
    with pytest.raises(NoAnswer, match="Another part"):
        plan(stepping(learnt, *elsewhere), script, text, tried)


def test_a_plan_of_unknown_strategies_is_no_obstacle() -> None:
    """A model's plan may open with brackets as well; then the playbook stands in."""
    script, text = refining.script("price", "lightgbm"), block("price", "features")
    tried = [Tried("[magic + ratios] ...", 0.9), Tried("[magic] ...", 0.8)]
    assert terms_of(plan(stepping(), script, text, tried))
    learnt = [replace(LEARNT, change=item.plan, part="features") for item in tried]
    assert terms_of(propose(stepping(*learnt), text, tried))


def test_parts_that_a_study_found_without_effect_promise_little() -> None:
    script, text = refining.script("price", "lightgbm"), block("price", "target")
    tried = [Tried("[root-target] ...", 1.0)]
    lines = [
        f"{lesson.part}: trying [{keys}] changes rmse from 1 to 1 (no change)"
        for lesson, keys in zip(OTHERS, ("ratios", "one-hot", "x", "x", "x", "x"), strict=True)
    ]
    told = stepping(replace(LEARNT, change=tried[0].plan, gain=0.0))
    study = Study("\n".join(lines), "LightGBM", 0)
    assert plan(replace(told, studies=(study,)), script, text, tried)
    with pytest.raises(NoAnswer, match="Another part"):
        plan(replace(told, studies=(replace(study, solution=1),)), script, text, tried)


@pytest.mark.parametrize("lessons", [(), (replace(LEARNT, solution=1),)])
def test_what_was_not_weighed_ends_no_block(lessons: tuple[Lesson, ...]) -> None:
    script, text = refining.script("price", "lightgbm"), block("price", "target")
    assert plan(stepping(*lessons), script, text, [Tried("[root-target] ...", 0.98)])


def test_what_crashed_is_not_taken_up_again() -> None:
    brief, text = refining.task("price").brief, block("price", "encode")
    first = plan(brief, "", text, [])
    answer = plan(brief, "", text, [Tried(first, None)])
    assert not set(terms_of(answer)) & set(terms_of(first))


def test_the_metrics_direction_counts() -> None:
    brief, text = refining.task("order").brief, block("order", "features")
    tried = [Tried("[trip-distance]", 0.7), Tried("[trip-distance + ratios]", 0.8)]
    assert {"trip-distance", "ratios"} < set(terms_of(plan(brief, "", text, tried)))


def test_plans_can_be_read() -> None:
    brief, text = refining.task("price").brief, block("price", "features")
    answer = plan(brief, "", text, [])
    assert answer.startswith("[")
    keys = terms_of(answer)
    assert all(strategy(key).describe(brief) in answer for key in keys)


@pytest.mark.parametrize(
    "words", ["", "Try harder.", "[no-such-thing] Hope.", "[ratios + ] x", "[]"]
)
def test_unknown_plans_get_no_answer(words: str) -> None:
    with pytest.raises(NoAnswer):
        refine(refining.task("price").brief, block("price", "features"), words)


def test_refining_starts_from_the_given_block() -> None:
    brief, text = refining.task("price").brief, block("price", "features")
    both = refine(brief, text, "[ratios + products]")
    assert both == refine(brief, refine(brief, text, "[ratios]"), "[products]")
    assert "RATIOS" in both
    assert "FACTORS" in both


def test_plans_that_would_take_too_long_are_passed_over() -> None:
    task = refining.task("price")
    text = block("price", "model: lightgbm")
    slow = replace(task.brief, base_seconds=10.0, script_seconds=14.0)
    tried: list[Tried] = []
    for _ in range(6):
        answer = plan(slow, "", text, tried)
        assert not {"seed-bagging", "slower-learning"} & set(terms_of(answer))
        tried.append(Tried(answer, 1.0))


@pytest.mark.parametrize(
    ("base", "limit", "left", "keys", "answer"),
    [
        # 0.9 of a script's time, 0.7 of what is left to the search.
        (10.0, 100.0, 15.0, ("no-such-cost",), True),
        (10.0, 100.0, 14.0, ("no-such-cost",), False),
        (10.0, 5.0, 15.0, ("no-such-cost",), True),  # it costs no more than the base did
        (10.0, 100.0, 60.0, ("seed-bagging",), True),
        (10.0, 100.0, 57.0, ("seed-bagging",), False),
        (10.0, 44.0, 60.0, ("seed-bagging",), False),
        (10.0, 100.0, 90.0, ("seed-bagging", "early-stopping"), True),
        (10.0, 100.0, 85.0, ("seed-bagging", "early-stopping"), False),
        (10.0, 100.0, 0.0, ("no-such-cost",), False),
        (0.0, 1.0, 0.0, ("seed-bagging",), True),  # it never ran: nothing is known
        (10.0, 100.0, math.inf, ("seed-bagging",), True),
    ],
)
def test_a_plan_must_fit_in_what_is_left_to_the_search(
    base: float, limit: float, left: float, keys: tuple[str, ...], answer: bool
) -> None:
    brief = refining.task("price").brief
    told = replace(brief, base_seconds=base, script_seconds=limit, seconds_left=left)
    assert affordable(told, keys) == answer


def test_what_took_long_before_is_expected_to_take_long_again() -> None:
    brief = replace(refining.task("price").brief, base_seconds=10.0, seconds_left=20.0)
    lesson = Lesson("[ratios + products] ...", "features", "XGBoost", 0.01, 0.01, 2.0, 1)
    known = replace(brief, lessons=(lesson,))
    assert affordable(brief, ("ratios", "products", "roundness"))
    assert not affordable(known, ("ratios", "products", "roundness"))
    assert affordable(known, ("ratios", "roundness")), "the products may have taken the time"
    assert affordable(
        replace(brief, lessons=(replace(lesson, run="before"),)), ("ratios", "products")
    )
    assert affordable(replace(brief, lessons=(replace(lesson, change="an idea"),)), ("ratios",))


def test_there_is_no_plan_where_no_time_is_left_for_any() -> None:
    brief, text = refining.task("price").brief, block("price", "model: lightgbm")
    late = replace(brief, base_seconds=10.0, script_seconds=1000.0, seconds_left=14.0)
    with pytest.raises(NoAnswer, match="the time"):
        plan(late, "", text, [])
    assert plan(replace(late, seconds_left=15.0), "", text, [])


def test_a_search_is_not_combined_with_settings_that_it_overrides() -> None:
    brief, text = refining.task("price").brief, block("price", "model: lightgbm")
    idle = strategy("settings-search").overrides
    assert {strategy(key).kin for key in ("smaller-trees", "smaller-leaves")} <= idle
    helped = Lesson("[settings-search]", "model: lightgbm", "", 0.2, 0.001, 6.0, 1)
    taught = replace(brief, lessons=(helped,))
    tried = [Tried("[settings-search] ...", 1.0)]
    for _ in range(12):
        terms = terms_of(propose(taught, text, tried))
        if "settings-search" in terms:
            assert not idle & {strategy(key).kin for key in terms}
        tried.append(Tried(f"[{' + '.join(terms)}]", 2.0))
    assert any("settings-search + " in t.plan or " + settings-search" in t.plan for t in tried)
    searched = refine(brief, text, "[settings-search]")
    with_it: list[Tried] = []
    for _ in range(6):
        answer = plan(brief, "", searched, with_it)
        assert not idle & {strategy(key).kin for key in terms_of(answer)}
        with_it.append(Tried(answer, 1.0))
