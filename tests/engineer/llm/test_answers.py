"""The forms of answers: other names, other shapes, what is refused, and the schema sent out."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

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

FORMS: list[type[Answer]] = [Queries, Card, Cards, Picked, Plan, Leak, Usage]


@pytest.mark.parametrize("kind", FORMS)
def test_the_schema_asks_for_every_field_and_describes_it(kind: type[Answer]) -> None:
    schema = kind.model_json_schema()
    assert schema["required"] == list(kind.model_fields)
    for described in schema["properties"].values():
        assert described["description"]
        assert "default" not in described
        assert "anyOf" not in described


@pytest.mark.parametrize("kind", FORMS)
def test_every_synonym_names_a_field(kind: type[Answer]) -> None:
    assert set(kind.synonyms.values()) <= set(kind.model_fields)
    assert not set(kind.synonyms) & set(kind.model_fields)


@pytest.mark.parametrize(
    "key", ["block", "Block", "code_block", "Code Block", "codeBlock", "**Code block**"]
)
def test_fields_have_other_names(key: str) -> None:
    assert Picked.model_validate({key: "x = 1", "refine_plan": "try"}).block == "x = 1"


def test_the_exact_name_wins_over_a_synonym() -> None:
    picked = Picked.model_validate({"code": "y = 2", "block": "x = 1", "plan": "try"})
    assert picked.block == "x = 1"


def test_extra_keys_are_ignored() -> None:
    assert Plan.model_validate({"plan": "try", "confidence": 0.9}) == Plan(plan="try")


def test_words_are_stripped_and_code_is_not() -> None:
    picked = Picked(block="    x = 1\n", plan="  try \n")
    assert picked == Picked.model_construct(block="    x = 1\n", plan="try")
    card = Card(name=" LightGBM ", example="    fit()\n")
    assert (card.name, card.example) == ("LightGBM", "    fit()\n")


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        (Card, {"name": " "}),
        (Card, {"reason": "no name"}),
        (Cards, {"cards": [{"name": ""}]}),
        (Picked, {"block": "\n", "plan": "try"}),
        (Picked, {"block": "x = 1", "plan": ""}),
        (Plan, {"plan": None}),
        (Plan, {"plan": {"steps": 3}}),
        (Leak, {"reason": "no verdict"}),
        (Leak, {"leaking": "perhaps"}),
        (Queries, {"queries": 3}),
    ],
)
def test_what_is_empty_or_of_another_kind_is_refused(
    kind: type[Answer], entries: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(entries)


@pytest.mark.parametrize(
    ("said", "leaking"),
    [
        (True, True),
        (False, False),
        ("Yes Data Leakage", True),
        ("No Data Leakage", False),
        ("yes", True),
        ("No.", False),
        ("**true**", True),
        ("none", False),
        ("clean", False),
        ("not leaking", False),
        ("leakage detected", True),
        ("no_leakage", False),
        ("Yes, since nothing is fitted on the fold's own rows alone", True),
    ],
)
def test_a_verdict_may_be_said_in_words(said: object, leaking: bool) -> None:
    assert Leak.model_validate({"leakage_status": said}).leaking is leaking


def test_lists_of_lines_become_one_text() -> None:
    picked = Picked.model_validate({"block": ["if x:", "    y()\n"], "plan": ["a", "b"]})
    assert (picked.block, picked.plan) == ("if x:\n    y()", "a\nb")


def test_null_means_empty() -> None:
    leak = Leak.model_validate({"leaking": False, "block": None, "reason": None})
    assert (leak.block, leak.reason) == ("", "")
    assert Usage.model_validate({"unused": None}).unused == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("side.csv", ["side.csv"]),
        ("None", []),
        ([" a ", "", "none", "b"], ["a", "b"]),
        ([{"column": "age", "why": "it helps"}], ["age"]),
    ],
)
def test_lists_of_texts_take_other_shapes(given: object, kept: list[str]) -> None:
    assert Usage.model_validate({"unused": given}).unused == kept


def test_sources_may_be_objects() -> None:
    card = Card.model_validate(
        {"name": "X", "sources": [{"title": "T", "url": "https://example.org"}]}
    )
    assert card.sources == ["https://example.org"]


def test_what_no_file_can_hold_is_dropped() -> None:
    plan = Plan(plan="a\ud800b\x00c")
    plan.plan.encode()
    assert "\x00" not in plan.plan
