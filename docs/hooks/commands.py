"""Tables of the reference that are made from the code when the site is built.

A page of ``docs/reference/`` holds a comment such as ``<!-- table: commands -->``; in its place
comes what the program says of itself, so that no option, setting or metric is listed by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import typer.main

from mle_star.cli.app import app
from mle_star.context import FIXED, PRESETS, WITH_MODEL, Context
from mle_star.tasks import METRICS

MARK = re.compile(r"^<!-- table: (\w+) -->$", flags=re.MULTILINE)
ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):(?=<code>)")
"""What docstrings put before a name that Sphinx would link."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """What MkDocs calls for each page: fill in the tables that it asks for."""
    return MARK.sub(lambda mark: TABLES[mark.group(1)](), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """What MkDocs calls with each page's HTML: leave out what is meant for another tool."""
    return ROLE.sub("", html)


def commands() -> str:
    """Every command with its arguments and options, as the command line describes them."""
    root: Any = typer.main.get_command(app)
    return "\n\n".join(_command(command, name) for name, command in _every(root, "mle-star"))


def settings() -> str:
    """Every setting of a run: its type, what it is when nothing is said, and what it does."""
    rows = [
        f"| `{name}`<br>{_type(field.annotation)} | {_default(name)} "
        f"| {'fixed' if name in FIXED else 'may change'} | {_cell(field.description or '')} |"
        for name, field in Context.model_fields.items()
    ]
    head = "| setting | default | on resume | what it is |\n|---|---|---|---|"
    return "\n".join([head, *rows])


def presets() -> str:
    """What the presets decide, without and with a language model."""
    names = list(PRESETS)
    head = f"| setting | {' | '.join(names)} |\n|---|{'---|' * len(names)}"
    rows = [
        f"| `{key}` | {' | '.join(_in_preset(name, key) for name in names)} |"
        for key in PRESETS["quick"]
    ]
    return "\n".join([head, *rows])


def metrics() -> str:
    """The registry of metrics."""
    head = "| metric | better | kinds of task | judges |\n|---|---|---|---|"
    rows = [
        f"| `{name}` | {'larger' if metric.direction == 'maximize' else 'smaller'} "
        f"| {', '.join(sorted(metric.kinds))} | {metric.needs}s |"
        for name, metric in METRICS.items()
    ]
    return "\n".join([head, *rows])


TABLES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "presets": presets,
    "metrics": metrics,
}


def _every(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield name, command
        return
    for key, one in inner.items():
        yield from _every(one, f"{name} {key}")


def _command(command: Any, name: str) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([name, "[OPTIONS]", *map(_argument, arguments)])
    text = f"## {name}\n\n{_cell(command.help or '')}\n\n```text\n{usage}\n```\n"
    panels: dict[str, list[str]] = {}
    for option in command.params:
        if option.param_type_name == "option" and not option.hidden and option.name != "help":
            panel = getattr(option, "rich_help_panel", None) or "Options"
            panels.setdefault(panel, []).append(_option(option))
    for panel, rows in panels.items():
        text += f"\n| {panel} | what it does |\n|---|---|\n" + "\n".join(rows) + "\n"
    return text


def _argument(argument: Any) -> str:
    name = (argument.metavar or argument.name).strip("[]{}.").upper()
    many = " ..." if argument.nargs == -1 else ""
    return f"{name}{many}" if argument.required else f"[{name}{many}]"


def _option(option: Any) -> str:
    said: list[str] = [*option.opts, *option.secondary_opts]
    if not option.is_flag:
        said[-1] += f" {_metavar(option)}"
    names = ", ".join(f"`{name}`" for name in said)
    return f"| {names} | {_cell(option.help or '')} |"


def _metavar(option: Any) -> str:
    kind = option.type_descriptor.annotation
    return str(option.metavar or {int: "N", float: "NUMBER"}.get(kind, "TEXT")).strip("<>")


def _type(annotation: Any) -> str:
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = re.sub(r"typing\.Literal\[(.*?)\]", r"\1", text).replace("typing.", "")
    return _cell(text.removesuffix(" | None").replace("'", ""))


def _default(name: str) -> str:
    if name in PRESETS["quick"]:
        return "[by preset](#presets)"
    value = Context.model_fields[name].get_default(call_default_factory=True)
    return "empty" if value in (None, "", [], {}) else f"`{value!r}`"


def _in_preset(preset: str, key: str) -> str:
    alone = PRESETS[preset][key]
    led = WITH_MODEL[preset].get(key, alone)
    return f"{alone:g}" if led == alone else f"{alone:g}; with a model {led:g}"


def _cell(text: str) -> str:
    """One line that can stand in a table: no pipe ends a cell, no tag is taken for HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
