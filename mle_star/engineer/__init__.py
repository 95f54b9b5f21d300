"""Who thinks: the protocol, and the engineers that keep it."""

from __future__ import annotations

import importlib
from typing import cast

from mle_star.engineer.base import (
    Brief,
    Engineer,
    Extraction,
    LeakageReport,
    MemberView,
    ModelCard,
    Tried,
    UsageReport,
)
from mle_star.errors import SettingsError

__all__ = [
    "Brief",
    "Engineer",
    "Extraction",
    "LeakageReport",
    "MemberView",
    "ModelCard",
    "Tried",
    "UsageReport",
    "make_engineer",
]


def make_engineer(model: str) -> Engineer:
    """Build the engineer that a run's ``model`` setting names.

    Args:
        model: ``playbook``, or ``module:factory`` where calling ``factory()`` gives an
        :class:`Engineer`.

    Raises:
        SettingsError: there is no such engineer.
    """
    if model == "playbook":
        from mle_star.engineer.playbook import PlaybookEngineer

        return PlaybookEngineer()
    module, colon, factory = model.partition(":")
    if not (module and colon and factory.isidentifier()):
        raise SettingsError(
            f"Model {model!r} is not known: use 'playbook' (built in, no key needed) or "
            "'module:factory' of an engineer of your own."
        )
    try:
        made = getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        raise SettingsError(
            f"Model {model!r} can't be loaded ({error}): 'module:factory' must name a function "
            "without arguments that returns an engineer."
        ) from None
    missing = [name for name in _methods() if not callable(getattr(made, name, None))]
    if missing:
        raise SettingsError(f"The engineer of {model!r} lacks the methods {', '.join(missing)}.")
    return cast(Engineer, made)


def _methods() -> list[str]:
    return [name for name in vars(Engineer) if not name.startswith("_")]
