"""What the shell completes: names that are there.

``mle-star --install-completion`` (typer's) teaches the shell to ask. A completer gets what was
typed of a word and returns whole words; typer drops those that begin otherwise.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, get_args

import typer

from mle_star.cli import ASKED

BREAKS = ":="
"""Characters at which bash ends a word, as nobody else does."""


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the runs, newest first."""
    found = _folder(ctx).glob(f"{_literal(incomplete)}*/run.json")
    return [path.parent.name for path in sorted(found, key=_changed, reverse=True)]


def _folder(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("runs_dir") or os.environ.get("MLE_STAR_RUNS_DIR") or "runs")


def _literal(text: str) -> str:
    """A text as a pattern that matches nothing else; a path is no name of a run."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text.replace("/", "?"))


def _changed(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def setting(name: str) -> Callable[[str], list[str]]:
    """Completes the values of a setting that knows them by name."""

    def complete(incomplete: str) -> list[str]:
        from mle_star import context

        values = {
            "preset": context.Preset,
            "sandbox": context.Sandbox,
            "search": context.SearchName,
            "warm_start": context.WarmStart,
        }
        return list(get_args(values[name]))

    return complete


def approvals(incomplete: str) -> list[str]:
    """What a person can ask to be asked about."""
    from mle_star.context import Approval

    return [*get_args(Approval), "none"]


def changes(ctx: typer.Context, incomplete: str) -> list[str]:
    """``NAME=VALUE`` of the settings a fork may change, with the values the run has."""
    from mle_star.context import FIXED, Context

    # Of a line whose last option has no value yet, click leaves the arguments where they are.
    run = ctx.params.get("run") or "".join(ctx.args[:1])
    settings: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        record = _folder(ctx) / run / "run.json"
        settings = json.loads(record.read_text(encoding="utf-8"))["settings"]
    names = [name for name in Context.model_fields if name not in FIXED]
    names = [name for name in names if name.startswith(incomplete.partition("=")[0])]
    if len(names) > 1 and "=" not in incomplete:
        return [f"{name}=" for name in names]
    return [f"{name}={settings.get(name, '')}" for name in names]


def engineers(incomplete: str) -> list[str]:
    """The engineers that have a name."""
    return ["auto", "llm", "playbook"]


def levels(incomplete: str) -> list[str]:
    """The sandbox levels that can be attacked."""
    return [level for level in setting("sandbox")("") if level != "auto"]


def models(incomplete: str) -> list[str]:
    """Models that have a price, and providers whose models have none."""
    import importlib.resources
    import tomllib

    file = importlib.resources.files("mle_star.models") / "prices.toml"
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    priced = [f"{provider}:{name}" for provider in table for name in table[provider]["models"]]
    return [*priced, "ollama:"]


def model_for(incomplete: str) -> list[str]:
    """``AGENT=MODEL``."""
    return _for_agent(incomplete, models(""))


def temperature_for(incomplete: str) -> list[str]:
    """``AGENT=NUMBER``."""
    return _for_agent(incomplete, ["0", "0.3", "0.7", "1"])


def _for_agent(incomplete: str, values: Sequence[str]) -> list[str]:
    """Agents and groups; when it is clear which one, its values: no space may follow the sign."""
    from mle_star.roles import GROUPS, ROLES

    agent, sign, _ = incomplete.partition("=")
    names = [name for name in (*GROUPS, *ROLES) if name.startswith(agent)]
    if sign or len(names) == 1:
        return [f"{name}={value}" for name in ([agent] if sign else names) for value in values]
    return [f"{name}=" for name in names]


def systems(incomplete: str) -> list[str]:
    """Systems that a bench knows."""
    from mle_star.bench.systems import OWN, PEERS

    return [*OWN, *PEERS]


def peers(incomplete: str) -> list[str]:
    """Systems that a bench can install."""
    from mle_star.bench.environments import PEERS

    return list(PEERS)


def answer(app: Callable[..., Any]) -> int:
    """Answer the shell's question, and say nothing where there is no answer."""
    words, at = os.environ.get("COMP_WORDS", "").split("\n"), os.environ.get("COMP_CWORD", "")
    prefix = ""
    if os.environ[ASKED].endswith("_bash") and at.isdecimal():
        words, place, prefix = mended(words, int(at))
        os.environ.update(COMP_WORDS="\n".join(words), COMP_CWORD=str(place))
    said = io.StringIO()
    code = 0
    with redirect_stdout(said), redirect_stderr(io.StringIO()):
        try:
            app(args=[], prog_name="mle-star", standalone_mode=False)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except Exception:  # noqa: BLE001 - a message would land in the line that is being typed
            return 1
    if prefix:
        lines = [without(prefix, line) for line in said.getvalue().splitlines()]
        typer.echo("\n".join(lines))
    else:
        typer.echo(said.getvalue(), nl=False)
    return code


def mended(words: Sequence[str], at: int) -> tuple[list[str], int, str]:
    """Put together what bash has broken.

    Args:
        words: the words of the line.
        at: index of the one that is completed.

    Returns:
        The words as they were typed, the index, and what bash keeps of the word that is completed.
    """
    whole: list[str] = []
    place, prefix = at, ""
    for number, word in enumerate(words):
        sign = bool(word) and not word.strip(BREAKS)
        follows = number > 0 and bool(words[number - 1]) and not words[number - 1].strip(BREAKS)
        start = ""
        if whole and number > 1 and (sign or follows):
            start = whole.pop()
        whole.append(start + word)
        if number == at:
            place, prefix = len(whole) - 1, start + word if sign else start
    return whole, place, prefix


def without(prefix: str, word: str) -> str:
    """What is left to type of a word, of which bash keeps (part of) a prefix."""
    for part in _parts(prefix):
        if word.startswith(part):
            return word[len(part) :]
    return word


def _parts(prefix: str) -> Iterator[str]:
    """The prefix, and its ends after each sign: of ``--model=a:`` that is ``a:``."""
    yield prefix
    for number, char in enumerate(prefix[:-1]):
        if char in BREAKS:
            yield prefix[number + 1 :]
