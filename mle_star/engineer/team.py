"""Who works on a run: the engineer that leads, and who stands in where it has no answer."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from mle_star.context import DEFAULT_MODEL, Settings
from mle_star.engineer.base import Engineer
from mle_star.errors import SettingsError, UserError

if TYPE_CHECKING:
    from mle_star.models.client import Client

Lead = Literal["playbook", "llm", "custom"]


@dataclass(frozen=True)
class Choice:
    """Which engineer the settings and the environment's keys call for."""

    lead: Lead
    name: str
    """As the run's header shows it: ``playbook``, ``google_genai:gemini-2.5-pro``."""
    why: str
    """Why it is this one, in one sentence; empty where it was asked for by name."""
    stands_in: bool = False
    """Whether the playbook answers where the lead can't."""


@dataclass(frozen=True)
class Team:
    """The engineers of a run, ready to work."""

    choice: Choice
    lead: Engineer
    stand_in: Engineer | None = None
    starter: Engineer | None = None
    """Does the first scripts, merges and data check of a warm start in place of the lead."""
    client: Client | None = None
    """The lead's line to its models; None where it needs none."""
    search: str = ""
    """Where the lead looks things up: ``tavily``, ``google``, ``catalogue``, ``none``; empty where
    it has no need to."""

    def described(self) -> dict[str, Any]:
        """Who works here, as plain data for the run's record."""
        return {**asdict(self.choice), "search": self.search}

    def check(self) -> None:
        """Say hello to every model, so that a wrong key shows before any script runs.

        Raises:
            ModelRefused: a key or a model's name is wrong.
            UserError: a model is out of reach.
        """
        if self.client is None:
            return
        from mle_star.models.base import ModelUnavailable

        try:
            self.client.check()
        except ModelUnavailable as error:
            raise UserError(
                f"{str(error).rstrip('.')}: start again later, name another model, or use "
                "--engineer playbook."
            ) from None


def choose(settings: Settings, environ: Mapping[str, str] | None = None) -> Choice:
    """Decide who leads. Nothing is sent and nothing is built.

    Raises:
        SettingsError: there is no such engineer or model, or its key is missing where only the
            model may answer, or that of the fallback model is.
    """
    environ = os.environ if environ is None else environ
    wanted = settings.engineer
    if wanted == "playbook":
        return Choice("playbook", "playbook", "")
    if wanted not in ("auto", "llm"):
        _custom(wanted)
        return Choice("custom", wanted, "")
    if not settings.names_model:
        hint = ""
        if environ.get("GOOGLE_API_KEY") or environ.get("GEMINI_API_KEY"):
            hint = f"; --model {DEFAULT_MODEL} would use the key that is there"
        return Choice("playbook", "playbook", f"no language model is named{hint}")
    missing = "" if settings.replay else _missing_key(settings, environ)
    if not missing:
        _check_fallback(settings, environ)
        name = settings.model or DEFAULT_MODEL
        return Choice("llm", name, "", stands_in=wanted == "auto")
    if wanted == "llm":
        raise SettingsError(missing)
    return Choice("playbook", "playbook", missing)


def model_names(settings: Settings) -> list[str]:
    """Every model the run may ask, the main one first."""
    from mle_star.roles import ROLES, for_role

    main = settings.model or DEFAULT_MODEL
    used = [for_role(role, settings.models) or main for role in ROLES]
    ordered = [main, *used] if main in used else used
    return list(dict.fromkeys([*ordered, *filter(None, [settings.fallback_model])]))


def _missing_key(settings: Settings, environ: Mapping[str, str]) -> str:
    from mle_star.models.providers import key_missing, parse_model

    main = parse_model(settings.model or DEFAULT_MODEL)[0]
    for name in model_names(settings.model_copy(update={"fallback_model": ""})):
        base_url = settings.base_url if parse_model(name)[0] == main else ""
        if sentence := key_missing(name, base_url, environ):
            return sentence
    return ""


def _check_fallback(settings: Settings, environ: Mapping[str, str]) -> None:
    """Whoever names a second model wants it; that it can't answer would show when it is needed."""
    from mle_star.models.providers import key_missing, parse_model

    name = settings.fallback_model
    if name and not settings.replay:
        same = parse_model(name)[0] == parse_model(settings.model or DEFAULT_MODEL)[0]
        if missing := key_missing(name, settings.base_url if same else "", environ):
            raise SettingsError(f"The fallback model can't be asked: {missing}")


def make_team(
    settings: Settings, folder: Path | None = None, stopping: threading.Event | None = None
) -> Team:
    """Build the engineers that :func:`choose` names.

    Args:
        settings: the run's settings.
        folder: the run folder, where answers and the bill are kept; None keeps them in memory.
        stopping: set when the run is asked to stop; whoever waits for a model then gives up.

    Raises:
        SettingsError: there is no such engineer, or its settings don't fit together.
        MissingExtra: the model's package is not installed.
    """
    from mle_star.engineer.playbook import PlaybookEngineer
    from mle_star.engineer.stand_in import StandIn

    choice = choose(settings)
    if choice.lead == "playbook":
        return Team(choice, PlaybookEngineer())
    if choice.lead == "custom":
        return Team(choice, _custom(choice.name))
    from mle_star.engineer.llm import make_llm_engineer

    engineer, client = make_llm_engineer(settings, folder, stopping or threading.Event())
    return Team(
        choice,
        engineer,
        stand_in=StandIn() if choice.stands_in else None,
        starter=PlaybookEngineer() if settings.warm_start == "playbook" else None,
        client=client,
        search=engineer.search.name,
    )


def _factory(wanted: str) -> tuple[str, str]:
    module, colon, factory = wanted.partition(":")
    if not (module and colon and factory.isidentifier()):
        raise SettingsError(
            f"Engineer {wanted!r} is not known: use auto, llm, playbook, or 'module:factory' of an "
            "engineer of your own; a language model is named by --model."
        )
    return module, factory


def _custom(wanted: str) -> Engineer:
    module, factory = _factory(wanted)
    try:
        made = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"Engineer {wanted!r} can't be loaded ({error}): 'module:factory' must name a function "
            "without arguments that returns an engineer."
        ) from None
    methods = [name for name in vars(Engineer) if not name.startswith("_")]
    missing = [name for name in methods if not callable(getattr(made, name, None))]
    if missing:
        raise SettingsError(f"The engineer of {wanted!r} lacks the methods {', '.join(missing)}.")
    return cast(Engineer, made)
