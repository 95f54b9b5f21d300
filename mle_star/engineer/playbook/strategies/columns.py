"""Picking columns for a strategy from the data profile."""

from __future__ import annotations

import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.errors import NoAnswer

_LATITUDE = re.compile(r"(^|[^a-z])(lat|latitude)($|[^a-z])")
_LONGITUDE = re.compile(r"(^|[^a-z])(lon|lng|long|longitude)($|[^a-z])")
_SIZE = re.compile(
    r"room|bed|bath|popul|house|person|people|count|total|num|area|size|sqft|sq_?m|amount|price|cost|"
    r"charge|income|fare|distance|length|width|height|weight|volume|quantity|tenure|age|gain|loss|hours"
)
_COMPONENTS = {
    "year": re.compile(r"(^|[^a-z])(year|yr)($|[^a-z])"),
    "month": re.compile(r"(^|[^a-z])(month|mnth|mon)($|[^a-z])"),
    "day": re.compile(r"(^|[^a-z])(day|dayofmonth|day_of_month)($|[^a-z])"),
    "weekday": re.compile(r"(^|[^a-z])(weekday|dayofweek|day_of_week|wday|dow)($|[^a-z])"),
    "hour": re.compile(r"(^|[^a-z])(hour|hr)($|[^a-z])"),
}
_CODE = re.compile(
    r"(^|[^a-z])(store|shop|item|product|sku|station|site|sensor|meter|building|region|country|city|"
    r"plot|user|customer|movie|id|code|key)($|[^a-z])|[a-z]id$"
)
PERIODS = {"month": 12, "day": 31, "weekday": 7, "hour": 24}
"""Length of the cycle of each calendar component."""


def facts_of(brief: Brief) -> Facts:
    """The brief as the writer's blocks see it."""
    return Facts(brief)


def require(columns: list[str], least: int, what: str) -> list[str]:
    """The columns, if there are enough.

    Raises:
        NoAnswer: there are fewer than ``least``.
    """
    if len(columns) < least:
        raise NoAnswer(f"The table has too few {what} for this strategy.")
    return columns


def coordinates(brief: Brief) -> list[tuple[str, str]]:
    """(longitude, latitude) column pairs, paired by what remains of their names."""
    numeric = Facts(brief).numeric
    pairs = []
    for name in numeric:
        found = _LONGITUDE.search(name.lower())
        if not found:
            continue
        rest = _LONGITUDE.sub(" ", name.lower()).strip(" _")
        for other in numeric:
            low = other.lower()
            if _LATITUDE.search(low) and _LATITUDE.sub(" ", low).strip(" _") == rest:
                pairs.append((name, other))
                break
    return pairs


def components(brief: Brief) -> dict[str, str]:
    """Numeric calendar columns, by component: year, month, day, weekday, hour."""
    facts = Facts(brief)
    found: dict[str, str] = {}
    limits = {"year": 200, "month": 12, "day": 31, "weekday": 7, "hour": 24}
    for component, pattern in _COMPONENTS.items():
        for name in facts.numeric:
            known = facts.column(name).unique <= limits[component]
            if known and pattern.search(name.lower()) and name not in found.values():
                found.setdefault(component, name)
    return found


def measures(brief: Brief, most: int) -> list[str]:
    """Numeric columns whose ratios and products may mean something, most promising first.

    Left out: coordinates, calendar components, yes/no columns. Names that speak of sizes come
    first, then columns with many distinct values.
    """
    facts = Facts(brief)
    skipped = {name for pair in coordinates(brief) for name in pair}
    skipped |= set(components(brief).values())
    rows = max(brief.profile.rows, 1)
    ranked = []
    for position, name in enumerate(facts.numeric):
        column = facts.column(name)
        if name in skipped or column.unique < 5 or column.missing > 0.5:
            continue
        named = is_size(name)
        ranked.append((-(named + min(1.0, column.unique / (0.02 * rows))), position, name))
    return [name for _, _, name in sorted(ranked)[:most]]


def skewed(brief: Brief) -> list[str]:
    """Numeric columns with a long right tail whose examples are not negative."""
    facts = Facts(brief)
    names = []
    for name in facts.numeric:
        column = facts.column(name)
        negative = any(example.strip().startswith("-") for example in column.examples)
        if (column.skew or 0) > 1.5 and column.unique > 20 and not negative:
            names.append(name)
    return names


def gaps(brief: Brief) -> list[str]:
    """Columns with missing values worth a flag: 0.5 % or more."""
    facts = Facts(brief)
    names = [*facts.numeric, *facts.categorical]
    return [name for name in names if facts.column(name).missing >= 0.005]


def categories(brief: Brief, least: int, most: int) -> list[str]:
    """Categorical columns with between ``least`` and ``most`` distinct values."""
    facts = Facts(brief)
    return [name for name in facts.categorical if least <= facts.column(name).unique <= most]


def is_size(name: str) -> bool:
    """Whether a column's name speaks of a size, a count or an amount."""
    return bool(_SIZE.search(name.lower()))


def moments(brief: Brief) -> list[str]:
    """Columns that order the rows in time, most significant first; empty where there are none.

    They are the task's own, or, where whole groups are split, dates or the calendar columns from
    the year down.
    """
    facts = Facts(brief)
    known = {*facts.numeric, *facts.datetime}
    if brief.task.time:
        return brief.task.time if known.issuperset(brief.task.time) else []
    if brief.task.group is None:
        return []
    found = components(brief)
    parts = [found[name] for name in ("year", "month", "day", "hour") if name in found]
    return facts.datetime[:1] or (parts if "year" in found else [])


def entities(brief: Brief) -> list[str] | None:
    """Columns whose values each have at most about one row at a time; None where none have.

    Empty where the whole table has. A task's group is taken at its word; else the numbers of
    distinct values tell: a panel of 10 shops over 365 days has about 3,650 rows.
    """
    if brief.task.group is not None:
        known = {column.name for column in brief.profile.columns if column.in_test}
        return [brief.task.group] if brief.task.group in known else None
    rows, times = brief.profile.rows, 1
    for name in moments(brief):
        times *= Facts(brief).column(name).unique
    if 0.9 * rows <= times:
        return []
    named, most = codes(brief), rows // 4
    pairs = [[a, b] for i, a in enumerate(named) for b in named[i + 1 :]]
    for chosen in ([name] for name in [*named, *categories(brief, 2, most)]), pairs:
        for names in chosen:
            cells = times
            for name in names:
                cells *= Facts(brief).column(name).unique
            if 0.9 * rows <= cells <= 1.5 * rows:
                return names
    return None


def codes(brief: Brief) -> list[str]:
    """Columns whose names and values say that they tell one thing from another."""
    facts, times = Facts(brief), moments(brief)
    numbers = [n for n in facts.numeric if facts.column(n).dtype.startswith(("int", "uint"))]
    names = [n for n in [*numbers, *facts.categorical] if _CODE.search(n.lower())]
    return [n for n in names if n not in times and facts.column(n).unique >= 2]


def repeated(brief: Brief) -> dict[str, list[str]]:
    """Numeric columns that measure the same thing several times, by name without its numbers.

    Three of a name at least: ``score_1``, ``score_2`` and ``score_3`` are ``score_#``.
    """
    found: dict[str, list[str]] = {}
    for name in Facts(brief).numeric:
        pattern = re.sub(r"\d+(st|nd|rd|th)?", "#", name)
        if "#" in pattern:
            found.setdefault(pattern, []).append(name)
    return {pattern: names for pattern, names in found.items() if len(names) >= 3}
