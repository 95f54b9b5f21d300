"""The systems that can be compared: ours, AutoML peers, and any other command."""

from __future__ import annotations

import re
import shlex
import shutil
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_star.errors import SettingsError

PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "dummy": ("dummy", {}),
    "xgboost": ("boosting", {"library": "xgboost"}),
    "lightgbm": ("boosting", {"library": "lightgbm"}),
    "flaml": ("flaml", {}),
    "autogluon": ("autogluon", {"preset": "good_quality"}),
    "autogluon-medium": ("autogluon", {"preset": "medium_quality"}),
    "autogluon-best": ("autogluon", {"preset": "best_quality"}),
}
"""Name -> script of :mod:`mle_star.bench.peers`, and its options."""
OWN = ("mle-star", "mle-star-quick", "mle-star-paper")
_PLACES = ("public", "out", "seconds", "cores", "seed", "job")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,60}")


@dataclass(frozen=True)
class System:
    """A system and how one run of it is started."""

    name: str
    command: Sequence[str]
    """Words; ``{public}``, ``{out}``, ``{seconds}``, ``{cores}``, ``{seed}`` and ``{job}`` are
    filled in."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Part of the job file."""
    missing: str = ""
    """Why it can't be run here, with the remedy; empty where it can."""
    known: str = ""
    """What it is where the bench brings it; empty for a command that a person gave."""

    @property
    def identity(self) -> list[Any]:
        """What tells it from another system of that name: not where this package is installed."""
        return [*([self.known] if self.known else self.command), dict(self.options)]

    def words(self, places: Mapping[str, object]) -> list[str]:
        """The command line of one run."""
        return [word.format_map(dict(places)) for word in self.command]


def find_system(text: str, environments: Path | None = None) -> System:
    """The system that a person names.

    Args:
        text: a name of :data:`OWN` or :data:`PEERS`; ``NAME=COMMAND`` for any other program; or
            ``NAME=mle-star FIELD=VALUE ...`` for ours with other settings.
        environments: where the peers' environments lie; None: their usual place.

    Raises:
        SettingsError: there is no such system, or its command can't be used.
    """
    name, equals, command = (part.strip() for part in text.partition("="))
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"The system {name!r} needs another name: letters, digits, '.', '+', '-' and '_' only."
        )
    if equals:
        return _other(name, command)
    if name in OWN:
        preset = name.removeprefix("mle-star").removeprefix("-") or "default"
        return _own(name, {"engineer": "playbook", "preset": preset})
    if name in PEERS:
        return _peer(name, environments)
    raise SettingsError(
        f"There is no system {name!r}: choose among {', '.join([*OWN, *PEERS])}, or give one as "
        "NAME=COMMAND, such as 'mine=python solve.py {public} {out} {seconds}'."
    )


def _own(name: str, options: Mapping[str, Any], missing: str = "") -> System:
    command = [sys.executable, "-m", "mle_star.bench.own", "{job}"]
    return System(name, command, options, missing, "mle-star")


def _keyless(options: Mapping[str, Any]) -> str:
    """Why a model that is named can't lead: the playbook must not be graded under its name."""
    from mle_star.context import context_from, resolve
    from mle_star.engineer.team import choose

    settings = resolve(context_from(options))
    choice = choose(settings)
    return choice.why if settings.names_model and choice.lead == "playbook" else ""


def _peer(name: str, environments: Path | None) -> System:
    from mle_star.bench.environments import environment_of, missing

    script, options = PEERS[name]
    path = Path(__file__).parent / "peers" / f"run_{script}.py"
    if script in ("boosting", "dummy"):
        return System(name, [sys.executable, str(path), "{job}"], options, known=script)
    said = missing(script, environments)
    python = str(environment_of(script, environments))
    return System(name, [python, str(path), "{job}"], options, said, script)


def _other(name: str, command: str) -> System:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise SettingsError(
            f"The command of the system {name!r} can't be read ({error}): mend its quotes."
        ) from None
    if not words:
        raise SettingsError(f"The system {name!r} has no command: write {name}=COMMAND.")
    if words[0] == "mle-star":
        options = _fields(name, words[1:])
        if options.get("memory"):  # each run works in a folder of its own
            options["memory"] = str(Path(options["memory"]).expanduser().absolute())
        return _own(name, options, _keyless(options))
    for word in words:
        _check_places(name, word)
    if not any("{public}" in w or "{job}" in w for w in words):
        raise SettingsError(
            f"The command of the system {name!r} is told no task: put {{public}} or {{job}} in it."
        )
    absent = "" if shutil.which(words[0]) else f"there is no program {words[0]!r}: install it"
    return System(name, words, missing=absent)


def _check_places(name: str, word: str) -> None:
    try:
        places = [place for _, place, _, _ in string.Formatter().parse(word) if place is not None]
    except ValueError as error:
        raise SettingsError(
            f"The command of the system {name!r} can't be read ({error}): write {{{{ for a brace."
        ) from None
    unknown = [place for place in places if place not in _PLACES]
    if unknown:
        raise SettingsError(
            f"The command of the system {name!r} has the unknown place {{{unknown[0]}}}: there are "
            f"{', '.join('{' + place + '}' for place in _PLACES)}."
        )


def _fields(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Settings of ours as ``FIELD=VALUE``; naming a model makes it the engineer."""
    from mle_star.context import context_from

    values: dict[str, Any] = {}
    for word in words:
        field_name, equals, value = word.partition("=")
        if not equals:
            raise SettingsError(
                f"{word!r} of the system {name!r} is not FIELD=VALUE, such as preset=quick."
            )
        values[field_name] = value
    fixed = sorted({"time_budget", "seed", "runs_dir"} & values.keys())
    if fixed:
        raise SettingsError(f"The bench decides {fixed[0]}; leave it out of the system {name!r}.")
    if "model" in values or "models" in values:
        values.setdefault("engineer", "auto")
    checked = context_from({"engineer": "playbook", **values})
    return {"engineer": checked.engineer, **values}
