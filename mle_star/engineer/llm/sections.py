"""Answers that are no JSON but name their parts: by keys in broken JSON, or by headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_origin

from mle_star.engineer.llm.answers import Answer
from mle_star.engineer.llm.objects import Malformed, find_values
from mle_star.engineer.llm.text import Fence

_KEY = re.compile(r"""(?:(?<=[{,\n])|^)[ \t]*(["'])([A-Za-z][\w -]{0,40})\1[ \t]*:[ \t]*""")
_HEADING = re.compile(
    r"^[ \t]*(?:[#>*_\-\d.)]{1,6}[ \t]*){0,3}([A-Za-z][A-Za-z _]{1,40}?)[*_ \t]{0,4}"
    r"(?:[:：][*_ \t]{0,4}(.*)|)$"
)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d{1,3}[.)])[ \t]+")


def by_keys(text: str, kind: type[Answer]) -> Iterator[dict[str, Any]]:
    """Values between known keys, for JSON whose strings hold code that was not escaped."""
    found = [key for key in _KEY.finditer(text) if kind.field_for(key[2])]
    entries: dict[str, Any] = {}
    for number, key in enumerate(found):
        last = number + 1 == len(found)
        end = len(text) if last else found[number + 1].start()
        value = _raw_value(text[key.end() : end], last)
        if value is None:
            return
        entries[kind.field_for(key[2])] = value
    if entries:
        yield entries


def _raw_value(raw: str, last: bool) -> Any:
    """The value that a piece of broken JSON means; None where it ends too soon."""
    raw = raw.strip()
    if last:
        raw = raw.rpartition("}")[0].rstrip()
    raw = raw.removesuffix(",").rstrip()
    if raw[:1] in ("{", "["):
        values, _ = find_values(raw)
        return values[0] if values else None
    for mark in ('"""', "'''", '"', "'"):
        if raw.startswith(mark):
            if len(raw) < 2 * len(mark) or not raw.endswith(mark):
                return None
            return _unescaped(raw[len(mark) : -len(mark)])
    return raw if re.fullmatch(r"[\w .-]{1,40}", raw) else None


def _unescaped(raw: str) -> str:
    """Real line ends in a string mean that nothing in it was escaped, but perhaps its quotes."""
    if "\n" in raw:
        return raw.replace('\\"', '"')
    try:
        values, _ = find_values('["' + re.sub(r'(?<!\\)"', r"\"", raw) + '"]')
    except Malformed:
        return raw
    return str(values[0][0]) if values and values[0] else raw


def by_headings(prose: str, blocks: list[Fence], kind: type[Answer]) -> Iterator[dict[str, Any]]:
    """Parts under headings such as ``Plan:``; code is what the fenced block holds."""
    parts: dict[str, list[str]] = {}
    field = ""
    for line in prose.split("\n"):
        heading = _HEADING.match(line[:2000])
        named = kind.field_for(heading[1]) if heading else ""
        if heading and named:
            field = named
            parts.setdefault(field, []).append(line[heading.start(2) :] if heading[2] else "")
        elif field:
            parts[field].append(line)
    entries: dict[str, Any] = {name: _part(kind, name, lines) for name, lines in parts.items()}
    code = next((name for name in ("block", "example") if name in kind.model_fields), "")
    if code and blocks and blocks[0].closed:  # a second one is what the first might become
        entries[code] = blocks[0].code
    if parts:
        yield entries
    elif len(kind.model_fields) == 1 and _is_list(kind, next(iter(kind.model_fields))):
        lines = [line for line in prose.split("\n") if _BULLET.match(line)]
        if lines:
            name = next(iter(kind.model_fields))
            yield {name: _part(kind, name, lines)}


def _is_list(kind: type[Answer], name: str) -> bool:
    return get_origin(kind.model_fields[name].annotation) is list


def _part(kind: type[Answer], name: str, lines: list[str]) -> Any:
    if not _is_list(kind, name):
        return "\n".join(lines).strip()
    items = [_BULLET.sub("", line).strip().strip("\"'`*") for line in lines]
    if len([item for item in items if item]) == 1:
        items = [item.strip(" \"'`") for item in "".join(items).split(",")]
    return [item for item in items if item and item.lower() not in ("none", "nothing")]
