"""How ``--help`` looks: one style for all commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

RUN, LOOK, BEFORE, MORE = "Solve", "Look at runs", "Before a run", "More"
"""Groups of commands."""

STOPS = "Exit codes: 0 done, 1 no script had a score, 2 the input must be mended, 130 stopped."
FOLLOWS = (
    "Exit codes of --follow: 0 the run is finished, 1 it was stopped or failed, 130 you have "
    "stopped watching."
)
BENCH = "Exit codes: 0 done, 2 the input must be mended, 130 stopped (the same command goes on)."
MENDS = "Exit codes: 0 nothing is left to mend, 1 something can't be mended, 2 there is no run."
CHECKS = "Exit codes: 0 a run can start, 2 it can't: what is said must be mended."
SENDS = "Exit codes: 0 sent, 1 Kaggle did not take it, 2 the input must be mended, 130 stopped."
HOLDS = (
    "Exit codes: 0 every level holds what it should, 1 one does not, 2 the input must be mended."
)


class Command(TyperCommand):
    """A command whose help has ``TASK`` for ``{TASK}`` and no type beside a flag."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters; a flag has no value that could have a type."""
        return plain(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the usage line, without braces around what must be there."""
        return [
            piece.strip("{}").replace("}...", "...") for piece in super().collect_usage_pieces(ctx)
        ]


class Group(TyperGroup):
    """A group of commands with the same style."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters; a flag has no value that could have a type."""
        return plain(super().get_params(ctx))


def plain(parameters: Any) -> Any:
    """Leave the type of flags away."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


def about(panel: str | None, *examples: str, codes: str = "") -> dict[str, Any]:
    """How a command presents itself.

    Args:
        panel: its group in the list of commands.
        examples: command lines, one of them at least.
        codes: what its exit codes mean, where scripts need that.
    """
    return {
        "cls": Command,
        "rich_help_panel": panel,
        "epilog": ending(examples, codes),
    }


def ending(examples: Sequence[str], codes: str = "") -> str:
    """The last lines of a help page."""
    lines = ["[bold]Examples[/bold]" if len(examples) > 1 else "[bold]Example[/bold]"]
    lines += [f"[cyan]{escape(example)}[/cyan]" for example in examples]
    lines += ["", f"[dim]{codes}[/dim]"] if codes else []
    return "\n".join(lines)
