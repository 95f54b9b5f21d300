"""What a run will ask of models, and between which bounds that will cost."""

from __future__ import annotations

from dataclasses import dataclass

from mle_star.cli.checks import Check
from mle_star.context import DEFAULT_MODEL, Settings
from mle_star.models.base import Usage
from mle_star.report.money import dollars
from mle_star.report.text import count
from mle_star.report.thinking import searched
from mle_star.roles import GROUPS, for_role

CODE = (Usage(input=3_000, output=2_000), Usage(input=12_000, output=8_000))
"""Fewest and most tokens of a call that writes code, as we assume; thinking is output."""
WORDS = (Usage(input=3_000, output=500), Usage(input=10_000, output=4_000))
"""The same for every other call."""

ASSUMPTION = (
    "assumed: 3k to 12k tokens in and 2k to 8k out where code is written, 3k to 10k in and 0.5k to "
    "4k out elsewhere, thinking included; repairs and second questions come on top"
)


@dataclass(frozen=True)
class Forecast:
    """Calls by agent, and bounds of what they cost."""

    calls: dict[str, int]
    usd: tuple[float, float] | None
    """None where the price of a model is not known."""
    tokens: tuple[int, int]

    @property
    def total(self) -> int:
        """Calls of all agents."""
        return sum(self.calls.values())


def forecast(settings: Settings) -> Forecast:
    """What a run without repairs asks of models.

    Raises:
        SettingsError: the price table can't be read.
    """
    from mle_star.models.estimate import expected_calls
    from mle_star.models.prices import load_prices

    prices = load_prices(settings.prices)
    # Where auto finds no key nothing is looked up, and so no query is asked for.
    known = settings.model_copy(update={"search": searched(settings.model_dump())})
    calls = {role: number for role, number in expected_calls(known).items() if number}
    bounds: list[float | None] = []
    sums: list[int] = []
    for bound in (0, 1):
        usd: float | None = 0.0
        used = 0
        for role, number in calls.items():
            if role == "check":
                continue  # a few tokens
            usage = (CODE if role in GROUPS["code"] else WORDS)[bound]
            usage = Usage(min(usage.input, settings.prompt_tokens), 0, usage.output)
            model = for_role(role, settings.models) or settings.model or DEFAULT_MODEL
            one = prices.usd(model, usage)
            usd = None if usd is None or one is None else usd + number * one
            used += number * (usage.input + usage.output)
        bounds.append(usd)
        sums.append(used)
    low, high = bounds
    usd_bounds = None if low is None or high is None else (low, high)
    return Forecast(calls, usd_bounds, (sums[0], sums[1]))


def check_cost(settings: Settings, expected: Forecast) -> Check:
    """What a run will cost, beside its caps."""
    if not expected.total:
        return Check("cost", "ok", "nothing: no language model is asked")
    named = {"hello" if role == "check" else role: n for role, n in expected.calls.items()}
    listed = ", ".join(f"{role} {number}" for role, number in named.items())
    price = "its price is not known"
    if expected.usd is not None:
        price = f"about {dollars(expected.usd[0])} to {dollars(expected.usd[1])}"
    text = f"preset {settings.preset}: {count(expected.total, 'call')}, {price}"
    details: tuple[str, ...] = (listed, ASSUMPTION)
    tight = _too_tight(settings, expected)
    if tight:
        ends = "the playbook takes over" if settings.engineer == "auto" else "the search ends"
        remedy = f"when it is spent, {ends}; give more, or a smaller --preset"
        return Check("cost", "warn", f"{text}; {tight}", remedy, details)
    if settings.max_cost is settings.max_tokens is settings.max_calls is None:
        details = (*details, "nothing is capped: --max-cost, --max-tokens or --max-calls would")
    return Check("cost", "ok", text, details=details)


def _too_tight(settings: Settings, expected: Forecast) -> str:
    """Which cap even the lower bound passes; empty where none does."""
    if settings.max_calls is not None and settings.max_calls < expected.total:
        return f"--max-calls allows {settings.max_calls:,}"
    if settings.max_tokens is not None and settings.max_tokens < expected.tokens[0]:
        return f"--max-tokens allows {settings.max_tokens:,}, fewer than {expected.tokens[0]:,}"
    if settings.max_cost is not None and expected.usd and settings.max_cost < expected.usd[0]:
        return f"--max-cost allows {dollars(settings.max_cost)}"
    return ""
