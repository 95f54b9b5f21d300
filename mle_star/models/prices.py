"""What a token costs: a small table with dates and sources, never a guess.

The table (``prices.toml`` beside this file, or one of the user's own) has a section per provider::

    [openai]
    date = "2026-11-05"                                  # when the figures were read
    source = "https://developers.openai.com/api/docs/pricing"

    [openai.models]
    "gpt-4.1" = { input = 2.0, cached = 0.5, output = 8.0 }

in US dollars per million tokens. ``cached`` may be left out: cached input then costs as much as any
other input. A model whose long prompts cost more has ``over = 200000`` and ``long = { input = ...,
output = ... }``; the whole request is billed at that price where its prompt is longer than
``over`` tokens.

Names are looked up as they are; failing that, the mark of a snapshot is taken off: a date
(``gpt-4.1-2025-04-14``, ``claude-sonnet-4-5-20250929``), a version number
(``gemini-2.0-flash-001``) or ``-latest``. Nothing else is matched: a preview or a variant of
another size may have another price.

What is charged per search and not per token (Gemini's ``google_search``) is not part of the table.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from mle_star.errors import SettingsError
from mle_star.models.base import Usage

BUILT_IN = Path(__file__).with_name("prices.toml")

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|20\d{6}|0\d{2}|latest)$")
_MILLION = 1_000_000


@dataclass(frozen=True)
class Rate:
    """US dollars per million tokens."""

    input: float
    cached: float
    output: float

    def usd(self, usage: Usage) -> float:
        """Price of one call; thinking tokens are part of the output."""
        cached = min(usage.cached, usage.input)
        fresh = usage.input - cached
        total = fresh * self.input + cached * self.cached + usage.output * self.output
        return total / _MILLION


@dataclass(frozen=True)
class Price:
    """What a model costs, with a second rate for long prompts where it has one."""

    rate: Rate
    over: int | None = None
    long: Rate | None = None

    def usd(self, usage: Usage) -> float:
        """Price of one call."""
        if self.long is not None and self.over is not None and usage.input > self.over:
            return self.long.usd(usage)
        return self.rate.usd(usage)


_FREE = Price(Rate(0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Prices:
    """A price table."""

    models: dict[str, Price]
    """``provider:name`` -> price."""
    date: str
    """Day on which the oldest figures were read, as YYYY-MM-DD; empty where the table has none."""
    source: str
    """``built-in table``, or the path of the user's own."""
    sources: dict[str, str]
    """Provider -> address of its price list."""
    dates: dict[str, str] = field(default_factory=dict)
    """Provider -> day on which its figures were read; left out where the table doesn't say."""

    def price(self, model: str) -> Price | None:
        """Price of ``provider:name``; None where it is not known."""
        provider, _, name = model.partition(":")
        name = name.removeprefix("models/")
        for candidate in (name, _SNAPSHOT.sub("", name)):
            if found := self.models.get(f"{provider}:{candidate}"):
                return found
        # Ollama runs models on the user's machine, but for those it offers in its cloud.
        return _FREE if provider == "ollama" and not name.endswith("-cloud") else None

    def known(self, model: str) -> bool:
        """Whether the price of ``provider:name`` is known."""
        return self.price(model) is not None

    def usd(self, model: str, usage: Usage) -> float | None:
        """Price of one call in US dollars; None where the model's price is not known."""
        price = self.price(model)
        return None if price is None else price.usd(usage)


def load_prices(path: str = "") -> Prices:
    """Read the built-in table, or the user's own in its place.

    Raises:
        SettingsError: the file is missing or is not a price table.
    """
    file = Path(path).expanduser() if path else BUILT_IN
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The price table {file} can't be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The price table {file} is not TOML: {error}.") from None
    try:
        return _parsed(table, path or "built-in table")
    except ValueError as error:
        raise SettingsError(f"The price table {file} can't be used: {error}.") from None


def _parsed(table: dict[str, Any], source: str) -> Prices:
    models: dict[str, Price] = {}
    dates, sources = dict[str, str](), {}
    for provider, section in table.items():
        if not isinstance(section, dict) or not isinstance(section.get("models"), dict):
            raise ValueError(f"section [{provider}] needs a table [{provider}.models]")
        if unknown := set(section) - {"date", "source", "models"}:
            raise ValueError(f"section [{provider}] has an unknown entry {sorted(unknown)[0]!r}")
        if "date" in section:
            dates[provider] = _day(section["date"], provider)
        sources[provider] = str(section.get("source", ""))
        for name, entry in section["models"].items():
            models[f"{provider}:{name}"] = _price(entry, f"{provider}:{name}")
    if not models:
        raise ValueError("it names no model")
    return Prices(models, min(dates.values(), default=""), source, sources, dates)


def _day(value: object, provider: str) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError(f"the date of [{provider}] must be written YYYY-MM-DD") from None


def _price(entry: object, name: str) -> Price:
    if not isinstance(entry, dict):
        raise ValueError(f"{name} must be a table with input and output")
    if unknown := set(entry) - {"input", "cached", "output", "over", "long"}:
        raise ValueError(f"{name} has an unknown entry {sorted(unknown)[0]!r}")
    rate, over, long = _rate(entry, name), entry.get("over"), entry.get("long")
    if (over is None) != (long is None):
        raise ValueError(f"{name} needs both 'over' and 'long', or neither")
    if over is None:
        return Price(rate)
    if not isinstance(over, int) or isinstance(over, bool) or over <= 0:
        raise ValueError(f"'over' of {name} must be a number of tokens")
    if not isinstance(long, dict) or set(long) - {"input", "cached", "output"}:
        raise ValueError(f"'long' of {name} must be a table with input and output")
    return Price(rate, over, _rate(long, name))


def _rate(entry: dict[str, Any], name: str) -> Rate:
    def number(field: str, missing: float | None = None) -> float:
        value = entry.get(field, missing)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise ValueError(f"{field!r} of {name} must be US dollars per million tokens")
        return float(value)

    return Rate(number("input"), number("cached", number("input")), number("output"))
