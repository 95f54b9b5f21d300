"""What ``doctor`` looks at outside this machine: engineer, models, search."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mle_star.cli.checks import Check, State
from mle_star.context import Settings
from mle_star.errors import MissingExtra, MleStarError, NoAnswer, UserError
from mle_star.report.money import money, tokens
from mle_star.report.text import clean, count, duration
from mle_star.report.thinking import fell_back, model_is_named, searched, who_thinks

if TYPE_CHECKING:
    from mle_star.engineer import Choice, Team
    from mle_star.models.prices import Prices

EXTRAS = ("openai", "anthropic", "ollama")
"""Providers whose package is an extra of the same name."""

PATIENCE = 60.0
"""Most seconds a model may take to say hello."""

QUERY = "gradient boosting on tabular data, scikit-learn example"


@dataclass(frozen=True)
class Thinking:
    """Who would lead a run; None where nobody can."""

    choice: Choice | None
    problem: str = ""


def decide(settings: Settings) -> Thinking:
    """Who would lead a run with these settings."""
    from mle_star.engineer import choose

    try:
        return Thinking(choose(settings))
    except UserError as error:
        return Thinking(None, str(error))


def check_engineer(settings: Settings, thinking: Thinking) -> Check:
    """Who thinks, and why."""
    if thinking.choice is None:
        return Check("engineer", "fail", thinking.problem)
    choice, values = vars(thinking.choice), settings.model_dump()
    text = who_thinks(choice, values).removeprefix("engineer: ")
    if fell_back(choice, values):
        text = "playbook, not the model that was named: it lacks its key"
        return Check("engineer", "warn", text)
    return Check("engineer", "ok", text)


def asks_models(settings: Settings, thinking: Thinking) -> bool:
    """Whether models matter: one leads, or one was named and can't."""
    if thinking.choice is not None and thinking.choice.lead == "llm":
        return True
    return settings.engineer == "llm" or (
        settings.engineer == "auto" and model_is_named(settings.model_dump())
    )


def check_models(
    settings: Settings, thinking: Thinking, environ: Mapping[str, str] | None = None
) -> Iterator[Check]:
    """Key and price of every model, one line each."""
    from mle_star.engineer.team import model_names
    from mle_star.models.prices import load_prices

    try:
        prices = load_prices(settings.prices)
    except UserError as error:
        yield Check("prices", "fail", str(error))
        return
    try:
        names = model_names(settings)
        for name in names:
            yield _check_model(name, names[0], settings, thinking, prices, environ)
    except UserError as error:
        yield Check("model", "fail", str(error))


def _check_model(
    name: str,
    main: str,
    settings: Settings,
    thinking: Thinking,
    prices: Prices,
    environ: Mapping[str, str] | None,
) -> Check:
    from mle_star.models.providers import KEYS, key_missing, parse_model

    environ = os.environ if environ is None else environ
    provider, _ = parse_model(name)
    base_url = settings.base_url if provider == parse_model(main)[0] else ""
    package = f"langchain_{provider}"
    if provider in EXTRAS and importlib.util.find_spec(package) is None:
        error = MissingExtra(package.replace("_", "-"), provider, f"the model {name!r}")
        return Check("model", "fail", str(error))
    missing = "" if settings.replay else key_missing(name, base_url, environ)
    if missing:
        state: State = "fail" if thinking.choice is None else "warn"
        return Check("model", state, missing)
    variables = [variable for variable in KEYS.get(provider, ()) if environ.get(variable)]
    key = f"key in {variables[0]}" if variables else "no key needed"
    price = prices.price(name)
    if price is not None:
        rate = f"${price.rate.input:g} in, ${price.rate.output:g} out per million tokens"
        day = prices.dates.get(provider)
        when = f" ({day})" if day else ""
        return Check("model", "ok", f"{name}: {key}; {rate}{when}")
    text = f"{name}: {key}; its price is not known"
    if settings.max_cost is not None:
        remedy = "give your prices with --prices FILE, or cap --max-tokens instead of --max-cost"
        return Check("model", "fail", f"{text}, so --max-cost can't be kept", remedy)
    remedy = "--prices FILE gives your own; --max-tokens and --max-calls work without"
    return Check("model", "warn", text, remedy)


def check_hello(team: Team) -> Check:
    """Say hello to every model, at its price."""
    client = team.client
    if client is None:
        return Check("hello", "ok", "nobody to ask")
    if client.replay is not None:
        return Check("hello", "ok", "nothing was sent: a recording answers")
    started = time.monotonic()
    try:
        team.check()
    except NoAnswer as error:
        remedy = "try again later, or give --fallback-model a model of another provider"
        return Check("hello", "fail", str(error), remedy)
    except MleStarError as error:
        return Check("hello", "fail", str(error))
    bill = client.wallet.spent()
    if not bill.total.calls:
        return Check("hello", "ok", "nothing was sent: --max-calls, --max-tokens or --max-cost")
    took = duration(time.monotonic() - started)
    text = (
        f"answered in {took}: {', '.join(bill.models)} ({count(bill.total.calls, 'call')}, "
        f"{tokens(bill.total.tokens)} tokens, {money(bill)})"
    )
    return Check("hello", "ok", text)


def check_search(settings: Settings, team: Team | None) -> Check:
    """Key of the search engine and, with a team to ask for, one query."""
    name = searched(settings.model_dump())
    if (
        name == "tavily"
        and not settings.replay
        and not os.environ.get("TAVILY_API_KEY", "").strip()
    ):
        text = "search tavily needs a key"
        return Check("search", "fail", text, "set TAVILY_API_KEY, or give --search catalogue")
    if name in ("none", "catalogue"):
        costs = (
            "no search: the model names models by itself"
            if name == "none"
            else "the built-in catalogue: no key, no network"
        )
        return Check("search", "ok", f"{name}: {costs}")
    if team is None:
        return Check("search", "ok", f"{name}: not asked (--offline)")
    from mle_star.search import make_search

    started = time.monotonic()
    try:
        stopping = threading.Event()
        search = make_search(settings, client=team.client, stopping=stopping, folder=None)
        pages = search.search(QUERY, 1)
    except NoAnswer as error:
        return Check("search", "warn", str(error), "a run goes on without pages while it lasts")
    except MleStarError as error:
        return Check("search", "fail", str(error))
    took = duration(time.monotonic() - started)
    text = f"{name} answered in {took} with {count(len(pages), 'page')}; that cost one query"
    return Check("search", "ok" if pages else "warn", clean(text))
