"""The commands. The work is done in the modules they call, imported only when they are called."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Annotated

import typer

from mle_star.cli import options as o
from mle_star.cli.output import console, write_json

app = typer.Typer(
    name="mle-star",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From a task folder to a submission, a runnable solution and an honest score.",
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """From a task folder to a submission, a runnable solution and an honest score."""
    if version:
        typer.echo(f"mle-star {importlib.metadata.version('mle-star')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def run(
    task: o.Task,
    preset: o.Preset = None,
    model: o.Model = None,
    time_budget: o.TimeBudget = None,
    num_candidates: o.NumCandidates = None,
    num_solutions: o.NumSolutions = None,
    outer_steps: o.OuterSteps = None,
    inner_steps: o.InnerSteps = None,
    ensemble_rounds: o.EnsembleRounds = None,
    debug_rounds: o.DebugRounds = None,
    script_timeout: o.ScriptTimeout = None,
    seed: o.Seed = None,
    search_rows: o.SearchRows = None,
    folds: o.Folds = None,
    no_audit: o.NoAudit = False,
    python: o.Python = None,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> int:
    """Solve a task: search, refine, combine, and write the submission."""
    context = o.chosen(
        preset=preset,
        model=model,
        time_budget=time_budget,
        num_candidates=num_candidates,
        num_solutions=num_solutions,
        outer_steps=outer_steps,
        inner_steps=inner_steps,
        ensemble_rounds=ensemble_rounds,
        debug_rounds=debug_rounds,
        script_timeout=script_timeout,
        seed=seed,
        search_rows=search_rows,
        folds=folds,
        no_audit=no_audit,
        python=python,
        runs_dir=runs_dir,
    )
    from mle_star.cli.running import start_run

    return start_run(task, context, as_json=as_json, quiet=quiet)


@app.command()
def resume(
    run: o.OptionalRun = None,
    time_budget: o.TimeBudget = None,
    outer_steps: o.OuterSteps = None,
    inner_steps: o.InnerSteps = None,
    ensemble_rounds: o.EnsembleRounds = None,
    debug_rounds: o.DebugRounds = None,
    script_timeout: o.ScriptTimeout = None,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> int:
    """Go on with a run that was stopped or killed; what is given here changes its budget."""
    changes = {
        "time_budget": time_budget,
        "outer_steps": outer_steps,
        "inner_steps": inner_steps,
        "ensemble_rounds": ensemble_rounds,
        "debug_rounds": debug_rounds,
        "script_timeout": script_timeout,
    }
    from mle_star.cli.running import go_on
    from mle_star.runs import find_run

    return go_on(
        find_run(run, o.runs_folder(runs_dir)),
        {name: value for name, value in changes.items() if value is not None},
        as_json=as_json,
        quiet=quiet,
    )


@app.command()
def runs(runs_dir: o.RunsDir = None, as_json: o.AsJson = False) -> None:
    """List the runs, newest first."""
    from mle_star.cli.listing import list_them

    list_them(o.runs_folder(runs_dir), as_json=as_json)


@app.command()
def show(run: o.OptionalRun = None, runs_dir: o.RunsDir = None, as_json: o.AsJson = False) -> None:
    """Show what a run came to: scores, steps, every script, and where the files are."""
    from dataclasses import asdict

    from mle_star.cli.outcome import show_report
    from mle_star.cli.report import read_report
    from mle_star.runs import find_run

    report = read_report(find_run(run, o.runs_folder(runs_dir)))
    if as_json:
        write_json(asdict(report))
    else:
        show_report(console(), report, every_script=True)


@app.command()
def inspect(
    task: o.Task,
    seed: o.Seed = None,
    search_rows: o.SearchRows = None,
    folds: o.Folds = None,
    no_audit: o.NoAudit = False,
    as_json: o.AsJson = False,
) -> None:
    """Show how a task folder is understood, what its data look like, and what scripts would see."""
    context = o.chosen(no_audit=no_audit, seed=seed, search_rows=search_rows, folds=folds)
    from mle_star.cli.inspection import look_at

    look_at(task, context, as_json=as_json)


@app.command()
def graph(
    xray: Annotated[bool, typer.Option("--xray", help="Draw the subgraphs as well.")] = False,
) -> None:
    """Print the graph as Mermaid text."""
    from mle_star.cli.drawing import mermaid

    sys.stdout.write(mermaid(xray).rstrip() + "\n")


@app.command()
def studio(
    port: Annotated[int, typer.Option(help="Port of the local server.")] = 2024,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Start the local server for LangGraph Studio."""
    from mle_star.cli.studio import start_server

    start_server(host, port)
