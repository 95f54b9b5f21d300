"""Turning a model's answer into a type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mle_star.engineer.llm.answers import Answer, Plan
from mle_star.engineer.llm.objects import Malformed, find_values, whole_value
from mle_star.engineer.llm.sections import by_headings, by_keys
from mle_star.engineer.llm.text import (
    LONGEST,
    Fence,
    Unusable,
    cut_out,
    declines,
    plain_lines,
    without_thoughts,
)

__all__ = ["Unusable", "parse"]

T = TypeVar("T", bound=Answer)

_PYTHON = ("python", "py", "python3")
_WORD = re.compile(r"[^\W\d_]{2}")


def parse(text: str, kind: type[T]) -> T:
    """The answer as a value of type ``kind``.

    Looked for, in this order: a JSON object (the last that fits), a list, values by their keys in
    JSON that is broken, headings such as ``Plan:``; for a :class:`Plan` plain words, too.

    Raises:
        Unusable: there is nothing of that form; the text says what is missing.
    """
    if len(text) > LONGEST:
        raise Unusable("the answer is far too long", form(kind))
    text = without_thoughts(plain_lines(text)).strip()
    if not text:
        raise Unusable("the answer is empty", form(kind))
    prose, blocks = cut_out(text)
    values, failure = _values(text, prose, blocks)
    failed: list[ValidationError] = []
    for reading in (
        (_from_value(kind, value, failed) for value in reversed(values)),
        _gathered(kind, values, failed),
        (_validated(kind, entries, failed) for entries in by_keys(text, kind)),
        (_validated(kind, entries, failed) for entries in by_headings(prose, blocks, kind)),
        _plain(kind, text, prose),
    ):
        for answer in reading:
            if answer is not None:
                return answer
    raise Unusable(_problem(text, failed, failure), form(kind))


def form(kind: type[BaseModel]) -> str:
    """The form of a type, said to a model."""
    return f"answer with one JSON object and nothing else: {_shape(kind)}"


def _shape(kind: type[BaseModel]) -> str:
    parts = [f'"{name}": {_sort(f.annotation)}' for name, f in kind.model_fields.items()]
    return "{" + ", ".join(parts) + "}"


def _sort(annotation: Any) -> str:
    if get_origin(annotation) is list:
        return f"[{_sort(get_args(annotation)[0])}, ...]"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _shape(annotation)
    return "true or false" if annotation is bool else "string"


def _values(text: str, prose: str, blocks: list[Fence]) -> tuple[list[Any], Malformed | None]:
    """Values of an answer, in order; those within Python code only where there are no others."""
    try:
        return [whole_value(text)], None
    except ValueError:
        pass
    others = [block.code for block in blocks if block.language not in _PYTHON]
    values, failure = find_values("\n".join([prose, *others]))
    if not any(isinstance(value, dict) for value in values):
        inside, _ = find_values(text, lists=False)
        values = [*inside, *values]
    # Objects come last, as the last value is tried first: "[1]" in a sentence is no answer.
    return sorted(values, key=lambda value: isinstance(value, dict)), failure


def _from_value(
    kind: type[T], value: Any, failed: list[ValidationError], depth: int = 3
) -> T | None:
    if isinstance(value, str):
        return _validated(kind, {"plan": value}, failed) if kind is Plan else None
    if isinstance(value, list):
        return _from_list(kind, value, failed)
    if not isinstance(value, dict):
        return None
    if any(kind.field_for(str(key)) for key in value):
        answer = _validated(kind, value, failed)
        if answer is not None:
            return answer
    if not depth:
        return None
    # Wrapped, as in {"answer": {...}}. A list under an unknown key may be the wrong list
    # ("used": [...]), unless it is one of objects.
    inner = [held for held in value.values() if isinstance(held, _inner_types(kind))]
    read = (_from_value(kind, held, failed, depth - 1) for held in inner)
    return next((answer for answer in read if answer is not None), None)


def _from_list(kind: type[T], items: list[Any], failed: list[ValidationError]) -> T | None:
    """A list for a type that is one list; else the first item, and of leaks the first that is."""
    name = _only_list(kind)
    if name:
        listed = all(isinstance(item, str | dict) for item in items)
        return _validated(kind, {name: items}, failed) if listed else None
    answers = [_validated(kind, item, failed) for item in items if isinstance(item, dict)]
    usable = [answer for answer in answers if answer is not None]
    leaks = [answer for answer in usable if getattr(answer, "leaking", True)]
    return next(iter(leaks or usable), None)


def _inner_types(kind: type[BaseModel]) -> tuple[type, ...]:
    name = _only_list(kind)
    return (dict, list) if not name or _of_objects(kind, name) else (dict,)


def _gathered(
    kind: type[T], values: list[Any], failed: list[ValidationError]
) -> Iterator[T | None]:
    """Objects one after another are the items of the list of objects that is wanted."""
    name = _only_list(kind)
    objects = [value for value in values if isinstance(value, dict)]
    if name and objects and _of_objects(kind, name):
        yield _validated(kind, {name: objects}, failed)


def _of_objects(kind: type[BaseModel], name: str) -> bool:
    (item,) = get_args(kind.model_fields[name].annotation)
    return isinstance(item, type) and issubclass(item, BaseModel)


def _only_list(kind: type[BaseModel]) -> str:
    """The field that must be given, where that is a list and the only one."""
    needed = [name for name, f in kind.model_fields.items() if f.is_required()]
    if len(needed) != 1:
        return ""
    return needed[0] if get_origin(kind.model_fields[needed[0]].annotation) is list else ""


def _validated(kind: type[T], entries: Any, failed: list[ValidationError]) -> T | None:
    try:
        return kind.model_validate(entries)
    except ValidationError as error:
        failed.append(error)
        return None


def _plain(kind: type[T], text: str, prose: str) -> Iterator[T | None]:
    """A plan in plain words."""
    if kind is not Plan or declines(text) or text.startswith(("{", "[", "<")):
        return
    if _WORD.search(prose) and '"plan"' not in text:
        yield _validated(kind, {"plan": text}, [])


def _problem(text: str, failed: Iterable[ValidationError], failure: Malformed | None) -> str:
    known = [error for error in failed if any(e["type"] != "missing" for e in error.errors())]
    errors = [*failed, *known]
    if errors:
        first = errors[-1].errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the object"
        wrong = "is missing" if first["type"] == "missing" else first["msg"]
        return f'in the answer "{where}" {wrong.removeprefix("Value error, ")}'
    if failure is not None and text.lstrip("`json\n ").startswith(("{", "[")):
        return f"the JSON can't be read: {failure} is missing after {_tail(text, failure)}"
    if declines(text):
        return "the answer declines the task, which is an ordinary one of data science"
    return "the answer holds no JSON object"


def _tail(text: str, failure: Malformed) -> str:
    return repr(text[max(0, failure.at - 40) : failure.at])
