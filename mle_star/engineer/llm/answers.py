"""The forms of answers: what each agent's model fills in, and what it may call it instead."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

_DENIES = re.compile(
    r"\b(no|not|non|none|never|without|free|clean|false|absent|safe|isn['’]?t|doesn['’]?t)\b"
)
_NOTHING = ("", "none", "nothing", "n/a", "null", "-", "...", "…")
_HEDGES = re.compile(r"\b(but|however|although|possib\w+|potential\w*|not (clean|free|safe))\b")
_AFFIRMS = re.compile(r"\b(leak\w*|yes|true|found|detected|positive|present)\b")


def _text(value: Any) -> Any:
    """Models write null for "nothing", and lists of lines or steps where one text is wanted."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(line.rstrip("\n") for line in value)
    if isinstance(value, str):  # halves of characters can't be written to any file
        return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return value


def _stripped(value: Any) -> Any:
    value = _text(value)
    return value.strip() if isinstance(value, str) else value


def _texts(value: Any) -> Any:
    """A list of texts, also from one text, or from objects that hold one."""
    if value is None:
        return []
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    items = [_stripped(_held(item)) for item in value]
    return [item for item in items if not (isinstance(item, str) and item.lower() in _NOTHING)]


def _held(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    for key in ("url", "uri", "link", "query", "name", "file", "column", "title", "text"):
        if isinstance(item.get(key), str):
            return item[key]
    return next((held for held in item.values() if isinstance(held, str)), item)


def _whether(value: Any) -> Any:
    """True for ``Yes Data Leakage`` and the like, False for ``No leak found``."""
    if not isinstance(value, str):
        return value
    said = value.lower().replace("_", " ").strip(" .!*\"'`")
    if said.startswith(("yes", "true")):
        return True
    if _DENIES.search(said) and _HEDGES.search(said):
        return value  # "no severe leak, but ..." is asked about again
    if said.startswith(("no ", "no,", "false")) or (len(said) < 60 and _DENIES.search(said)):
        return False
    return True if len(said) < 60 and _AFFIRMS.search(said) else value


Text = Annotated[str, BeforeValidator(_stripped)]
Code = Annotated[str, BeforeValidator(_text)]
"""Text whose leading blanks mean something."""
Texts = Annotated[list[str], BeforeValidator(_texts)]


def _demand_all(schema: dict[str, Any]) -> None:
    """Ask for every field; defaults serve models that leave some out all the same.

    Some providers refuse schemas with defaults or optional fields.
    """
    for described in schema.get("properties", {}).values():
        described.pop("default", None)
    schema["required"] = list(schema.get("properties", {}))


class Answer(BaseModel):
    """Root of the forms."""

    model_config = ConfigDict(extra="ignore", json_schema_extra=_demand_all)

    synonyms: ClassVar[dict[str, str]] = {}
    """What models call the fields instead -> field."""

    @classmethod
    def field_for(cls, key: str) -> str:
        """The field that a key or heading means; empty where it means none."""
        plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key)
        plain = re.sub(r"[\W_]+", "_", plain).strip("_").lower()
        return plain if plain in cls.model_fields else cls.synonyms.get(plain, "")

    @model_validator(mode="before")
    @classmethod
    def _by_their_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        named = {key: held for key, held in value.items() if key in cls.model_fields}
        for key, held in value.items():
            field = cls.field_for(str(key))
            if field:
                named.setdefault(field, held)
        return named


def _filled(value: str) -> str:
    if value.strip().lower() in _NOTHING:
        raise ValueError("is empty")
    return value


def _called(**fields: str) -> dict[str, str]:
    """Other names of fields, by field -> field, by other name."""
    return {other: field for field, others in fields.items() for other in others.split()}


class Queries(Answer):
    """What to search the web for."""

    synonyms = _called(
        queries="query search_queries search_query searches search_terms web_queries keywords"
    )

    queries: Texts = Field(description="Web search queries, most promising first")


class Card(Answer):
    """A model worth trying."""

    synonyms = _called(
        name="model_name model model_id title",
        reason="why description rationale explanation justification",
        example="example_code code code_example sample_code snippet code_snippet",
        sources="source urls url links link references",
    )

    name: Text = Field(description="Name of the model, such as LightGBM")
    reason: Text = Field(default="", description="Why it suits this task, in one or two sentences")
    example: Code = Field(default="", description="Short Python example that fits and predicts")
    sources: Texts = Field(
        default_factory=list, description="Addresses of the pages this rests on; may be empty"
    )

    _named = field_validator("name")(_filled)


class Cards(Answer):
    """Models worth trying."""

    synonyms = _called(cards="models model_cards results candidates items recommendations")

    cards: list[Card] = Field(description="Different models, most promising first")


class Picked(Answer):
    """The block to refine next, and the first plan for it."""

    synonyms = _called(
        block="code_block code block_code target_block target_code selected_block "
        "selected_code_block snippet code_snippet",
        plan="refine_plan refinement_plan improvement_plan first_plan initial_plan proposed_plan "
        "suggestion improvement proposal idea",
    )

    block: Code = Field(description="Consecutive lines of the script, copied exactly")
    plan: Text = Field(description="How to improve this block, in three to five sentences")

    _given = field_validator("block", "plan")(_filled)


class Plan(Answer):
    """The next thing to try."""

    synonyms = _called(
        plan="refine_plan refinement_plan improvement_plan next_plan new_plan ensemble_plan "
        "proposed_plan suggestion proposal idea"
    )

    plan: Text = Field(description="What to do, in three to five sentences, without code")

    _given = field_validator("plan")(_filled)


class Leak(Answer):
    """Whether validation or test rows are used to fit anything."""

    synonyms = _called(
        leaking="is_leaking leaks leak leakage data_leakage leakage_status has_leakage is_leakage "
        "leakage_found leakage_detected status",
        block="code_block code leaking_block leaky_block leaking_code leaky_code snippet",
        reason="explanation why justification rationale note",
    )

    leaking: Annotated[bool, BeforeValidator(_whether)] = Field(
        description="Whether the script leaks"
    )
    block: Code = Field(
        default="", description="The leaking lines of the script, copied exactly; empty when clean"
    )
    reason: Text = Field(default="", description="What leaks into what, in one sentence")


class Usage(Answer):
    """Which of the given data a script does not use."""

    synonyms = _called(
        unused="unused_data unused_files unused_columns unused_information not_used ignored "
        "missing",
        note="explanation reason comment notes summary",
    )

    unused: Texts = Field(description="Files and columns the script ignores; empty when none")
    note: Text = Field(default="", description="What was changed or why nothing was")
