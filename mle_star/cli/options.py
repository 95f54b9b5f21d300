"""The options of the commands. What is left out is decided by environment, then preset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mle_star.context import Context, context_from, resolve

BUDGET = "Budget"
DATA = "Data and scripts"
OUTPUT = "Output"

Task = Annotated[str, typer.Argument(metavar="TASK", help="The task folder.")]
OptionalRun = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="Name or path of a run; the newest if left out."),
]
Preset = Annotated[
    str | None,
    typer.Option(
        help="quick (about 2 minutes), default (about 20) or paper (24 hours).",
        rich_help_panel=BUDGET,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        help="Who thinks: playbook (built in), or module:factory of your own engineer.",
        rich_help_panel=BUDGET,
    ),
]
TimeBudget = Annotated[
    float | None,
    typer.Option(help="Seconds the whole run may take.", rich_help_panel=BUDGET),
]
NumCandidates = Annotated[
    int | None,
    typer.Option("--num-candidates", "-M", help="Models per solution.", rich_help_panel=BUDGET),
]
NumSolutions = Annotated[
    int | None,
    typer.Option("--num-solutions", "-L", help="Parallel solutions.", rich_help_panel=BUDGET),
]
OuterSteps = Annotated[
    int | None,
    typer.Option(
        "--outer-steps", "-T", help="Blocks refined per solution.", rich_help_panel=BUDGET
    ),
]
InnerSteps = Annotated[
    int | None,
    typer.Option("--inner-steps", "-K", help="Plans tried per block.", rich_help_panel=BUDGET),
]
EnsembleRounds = Annotated[
    int | None,
    typer.Option("--ensemble-rounds", "-R", help="Planned ensembles.", rich_help_panel=BUDGET),
]
DebugRounds = Annotated[
    int | None,
    typer.Option(help="Repairs of a script before it is given up.", rich_help_panel=BUDGET),
]
ScriptTimeout = Annotated[
    float | None,
    typer.Option(help="Seconds one script may run.", rich_help_panel=BUDGET),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of folds, audit rows and scripts.", rich_help_panel=DATA),
]
SearchRows = Annotated[
    int | None,
    typer.Option(help="Most training rows a script sees in the search.", rich_help_panel=DATA),
]
Folds = Annotated[
    int | None,
    typer.Option(help="Cross-validation folds.", rich_help_panel=DATA),
]
NoAudit = Annotated[
    bool,
    typer.Option("--no-audit", help="Hold no rows back for the audit.", rich_help_panel=DATA),
]
Python = Annotated[
    str | None,
    typer.Option(help="Interpreter that runs the scripts.", rich_help_panel=DATA),
]
RunsDir = Annotated[
    str | None,
    typer.Option(help="Folder of the run folders (default: runs).", rich_help_panel=OUTPUT),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on stdout.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print the final line alone.", rich_help_panel=OUTPUT),
]


def chosen(no_audit: bool = False, **values: Any) -> Context:
    """The settings a person gave on the command line.

    Raises:
        SettingsError: a value can't be used.
    """
    return context_from({**values, "audit": False if no_audit else None})


def runs_folder(runs_dir: str | None) -> Path:
    """The folder that holds the runs: option, else environment, else ``runs``.

    Raises:
        SettingsError: an environment variable holds a value that can't be used.
    """
    return Path(resolve(chosen(runs_dir=runs_dir)).runs_dir)
