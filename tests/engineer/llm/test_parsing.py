"""Reading answers: every form a model gives them, and what is said when there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.llm.answers import (
    Answer,
    Card,
    Cards,
    Leak,
    Picked,
    Plan,
    Queries,
    Usage,
)
from mle_star.engineer.llm.parsing import parse
from mle_star.engineer.llm.text import LONGEST, Unusable

KINDS: list[type[Answer]] = [Queries, Cards, Picked, Plan, Leak, Usage]
PICKED = Picked(block='x = "a"\nprint(x)', plan="Use more trees.")
JSON = json.dumps({"block": PICKED.block, "plan": PICKED.plan})


def refused(text: str, kind: type[Answer]) -> str:
    with pytest.raises(Unusable) as caught:
        parse(text, kind)
    assert "answer with one JSON object" in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        f"```json\n{JSON}\n```",
        f"```\n{JSON}\n```",
        f"```python\n{JSON}\n```",
        f"Sure, here it is: {JSON} I hope this helps!",
        f"<think>\nMaybe {{'block': 'y', 'plan': 'z'}}?\n</think>\n{JSON}",
        f"It must be {{'block': 'y', 'plan': 'z'}}?\n</think>\n{JSON}",
        f'A first try: {{"block": "y", "plan": "z"}}. Better:\n{JSON}',
        f'{{"answer": {JSON}}}',
        f'{{"thoughts": "short", "result": {JSON}}}',
        f"[{JSON}]",
        JSON.replace("}", ",}"),
        JSON.replace("{", "{ // the block\n /* and */ # the plan\n"),
        JSON.replace("\\n", "\n"),
        JSON.replace("\\n", "\r\n"),
        repr(PICKED.model_dump()),
        f"picked = {PICKED.model_dump()!r}",
        JSON.replace('"block"', "block").replace('"plan"', "plan"),
        JSON.replace('"plan": "Use more trees."', "“plan”: “Use more trees.”"),
        JSON.replace('"block"', '"code_block"').replace('"plan"', '"refine_plan"'),
        JSON.replace('"block"', '"Code Block"').replace('"plan"', '"Plan"'),
        '{"block": """x = "a"\nprint(x)""", "plan": "Use more trees."}',
        '{"block": "x = "a"\nprint(x)", "plan": "Use more trees."}',
        '```json\n{\n  "block": "x = "a"\nprint(x)",\n  "plan": "Use more trees."\n}\n```',
        'Plan: Use more trees.\n\n```python\nx = "a"\nprint(x)\n```',
        '**Code block:**\n```python\nx = "a"\nprint(x)\n```\n\n**Plan:** Use more trees.',
        '## Block\n```\nx = "a"\nprint(x)\n```\n## Plan\nUse more trees.',
    ],
)
def test_a_picked_block_in_any_form(text: str) -> None:
    assert parse(text, Picked) == PICKED


def test_a_regular_expression_keeps_its_backslashes() -> None:
    text = r'{"block": "x.str.extract(\"(\d+)\")", "plan": "more"}'
    assert parse(text, Picked).block == r'x.str.extract("(\d+)")'


def test_of_several_objects_the_last_that_fits_counts() -> None:
    text = '{"plan": "one"} then {"plan": "two"} but not {"score": 3}'
    assert parse(text, Plan).plan == "two"


@pytest.mark.parametrize(
    "text",
    [
        "Use more trees.",
        '"Use more trees."',
        "Plan: Use more trees.",
        "**Plan:**\nUse more trees.\n",
        '{"plan": "Use more trees."}',
        "<think>hm</think>Use more trees.",
    ],
)
def test_a_plan_may_be_plain_words(text: str) -> None:
    assert parse(text, Plan).plan == "Use more trees."


def test_a_refusal_is_no_plan() -> None:
    assert "declines" in refused("I'm sorry, but I can't help with that.", Plan)
    assert "declines" in refused("I cannot assist with this request.", Picked)


def test_broken_json_is_no_plan() -> None:
    assert "can't be read" in refused('{"plan": "Use more', Plan)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"leaking": false, "block": "", "reason": "fine"}', Leak(leaking=False, reason="fine")),
        ("{'leaking': False, 'block': None}", Leak(leaking=False)),
        (
            '[{"leakage_status": "No Data Leakage", "code_block": "a()"},'
            ' {"leakage_status": "Yes Data Leakage", "code_block": "s.fit(X)"}]',
            Leak(leaking=True, block="s.fit(X)"),
        ),
        (
            "Leaking: yes\nReason: the scaler sees all rows\n```python\ns.fit(X)\n```",
            Leak(leaking=True, block="s.fit(X)", reason="the scaler sees all rows"),
        ),
        ("Leakage status: No Data Leakage", Leak(leaking=False)),
    ],
)
def test_verdicts_on_leakage(text: str, expected: Leak) -> None:
    assert parse(text, Leak) == expected


@pytest.mark.parametrize(
    "text",
    [
        '[{"model_name": "A", "example_code": "import a"}, {"model_name": "B"}]',
        'The models:\n[{"name": "A", "example": "import a"}, {"name": "B"}]',
        '{"name": "A", "example": "import a"}\n{"name": "B"}',
        '{"cards": [{"name": "A", "example": "import a"}, {"name": "B"}]}',
        '{"results": {"models": [{"name": "A", "code": "import a"}, {"name": "B"}]}}',
        '[{"name": "A", "example": "import a"}, {"name": "B"}, {"name": "C", "exam',
    ],
)
def test_cards_in_any_form(text: str) -> None:
    expected = [Card(name="A", example="import a"), Card(name="B")]
    assert parse(text, Cards).cards == expected


@pytest.mark.parametrize(
    "text",
    [
        '["lightgbm tips", "catboost tips"]',
        '{"search_queries": ["lightgbm tips", "catboost tips"]}',
        "Queries: lightgbm tips, catboost tips",
        '1. "lightgbm tips"\n2. "catboost tips"',
        "Here you are:\n- lightgbm tips\n- catboost tips",
    ],
)
def test_queries_in_any_form(text: str) -> None:
    assert parse(text, Queries).queries == ["lightgbm tips", "catboost tips"]


def test_usage_is_read_beside_a_whole_script() -> None:
    script = 'cols = ["a", "b"]\nparams = {"unused": 1, "note": "no"}\nuse(cols[0])'
    text = f'```json\n{{"unused": ["c"], "note": "joined"}}\n```\n```python\n{script}\n```'
    assert parse(text, Usage) == Usage(unused=["c"], note="joined")


def test_a_list_of_something_else_is_no_list_of_unused_columns() -> None:
    refused('{"used": ["a", "b"]}', Usage)
    refused('```python\ncols = ["a", "b"]\n```', Usage)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_answer(kind: type[Answer]) -> None:
    for text in ("", " \n\t", "<think>only thoughts</think>", "<think>cut off"):
        assert refused(text, kind) == "the answer is empty"


def test_prose_holds_no_picked_block() -> None:
    assert refused("The model block matters most.", Picked) == "the answer holds no JSON object"


def test_a_truncated_answer_is_not_taken_for_a_whole_one() -> None:
    for end in range(1, len(JSON) - 1):
        refused(JSON[:end], Picked)


def test_the_reason_names_the_key() -> None:
    assert refused('{"plan": "p"}', Picked) == 'in the answer "block" is missing'
    assert refused('{"block": " ", "plan": "p"}', Picked) == 'in the answer "block" is empty'
    assert '"cards.1.name" is empty' in refused('[{"name": "A"}, {"name": ""}]', Cards)


def test_an_answer_beyond_all_bounds_is_not_read() -> None:
    assert "too long" in refused("x" * (LONGEST + 1), Plan)


@pytest.mark.parametrize(
    "piece", ["{", "[", '{"a', '{"plan": ', "{/*", '{"\\', "```\n", "<think>\n", "{'a': \"x\n"]
)
def test_hostile_answers_are_refused_or_read_in_time(piece: str) -> None:
    for kind in (Picked, Cards):
        refused(piece * (60_000 // len(piece)), kind)


EMPTY = {"none", "nothing", "n/a", "null", "-", "...", "…"}
"""Words that say that there is no answer."""
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(
    lambda text: text == text.strip() and text.lower() not in EMPTY
)
OPENINGS = ['{"block": "', "Plan:", "```", "```json\n", "[", "'", "<think>", "//", "/*", '"""']
REST = ['", "plan": "', '"}', "}", "]", "\\", "</think>\n", "\n", "leaking: yes", ",", ":", "\x00"]
SCRAPS = st.sampled_from([*OPENINGS, *REST, "\ud800"])


@given(st.lists(st.one_of(SCRAPS, st.text(max_size=8)), max_size=25).map("".join))
def test_no_text_raises_anything_but_unusable(text: str) -> None:
    for kind in KINDS:
        try:
            answer = parse(text, kind)
        except Unusable:
            continue
        assert isinstance(answer, kind)
        answer.model_dump_json().encode()


@st.composite
def values(draw: st.DrawFn) -> Answer:
    kind = draw(st.sampled_from([Picked, Plan, Leak, Cards]))
    if kind is Picked:
        return Picked(block=draw(WORDS), plan=draw(WORDS))
    if kind is Leak:
        return Leak(leaking=draw(st.booleans()), block=draw(WORDS), reason=draw(WORDS))
    if kind is Cards:
        cards = st.builds(Card, name=WORDS, reason=WORDS, example=WORDS)
        return Cards(cards=draw(st.lists(cards, min_size=1, max_size=3)))
    return Plan(plan=draw(WORDS))


def wrapped(text: str, wrapping: int) -> str:
    return [
        text,
        f"Here is my answer.\n\n{text}\n\nLet me know what you think.",
        f"```json\n{text}\n```",
        f"<think>\nIt may be {{}} or [1].\n</think>\n\n{text}",
        f"The options were [1] and {{2}}:\n{text}",
    ][wrapping]


@given(values(), st.integers(0, 4), st.booleans(), st.sampled_from([None, 2]))
def test_json_survives_what_stands_around_it(
    value: Answer, wrapping: int, ascii_only: bool, indent: int | None
) -> None:
    entries: Any = value.model_dump()
    text = json.dumps(entries, ensure_ascii=ascii_only, indent=indent)
    assert parse(wrapped(text, wrapping), type(value)) == value


@given(values())
def test_python_literals_mean_the_same(value: Answer) -> None:
    assert parse(f"answer = {value.model_dump()!r}", type(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"plan": null}',
        '{"plan": "..."}',
        '{"plan": "N/A"}',
        "Could you share the script? I don't see it.",
        "As a language model I cannot run code.",
        "<html><body>502 Bad Gateway</body></html>",
    ],
)
def test_what_proposes_nothing_is_no_plan(text: str) -> None:
    with pytest.raises(Unusable):
        parse(text, Plan)


def test_the_form_said_again_after_the_answer_is_not_the_answer() -> None:
    form = '{"block": "...", "plan": "..."}'
    answer = parse('{"block": "x = 1", "plan": "use 2"}\nin the form ' + form, Picked)
    assert (answer.block, answer.plan) == ("x = 1", "use 2")


@pytest.mark.parametrize("said", ["not clean", "no severe leakage, but the scaler leaks"])
def test_a_verdict_that_says_both_is_asked_about_again(said: str) -> None:
    with pytest.raises(Unusable):
        parse(json.dumps({"leaking": said, "block": "x = 1"}), Leak)
