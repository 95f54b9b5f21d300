"""The tools: what an assistant can ask for. Docstrings and field descriptions are what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mle_star.context import Preset, context_from, resolve
from mle_star.mcp import looking, process
from mle_star.mcp.answers import (
    DoneAnswer,
    HistoryAnswer,
    PathAnswer,
    RunAnswer,
    RunsAnswer,
    ScriptAnswer,
    StatusAnswer,
    TaskAnswer,
)
from mle_star.mcp.limits import allowed
from mle_star.mcp.places import Runs
from mle_star.mcp.stepping import forked, history_of
from mle_star.mcp.tasks import inspected
from mle_star.report.thinking import choice_of, fell_back

Run = Annotated[str, Field(description="Name of the run, as list_runs gives it; empty: the newest")]
TrialName = Annotated[
    str, Field(description="'best', the trial's number in read_run, or its key (6 letters or more)")
]
Since = Annotated[int, Field(ge=0, description="'cursor' of an earlier answer: only what is newer")]
Changes = Annotated[
    dict[str, Any] | None,
    Field(description="Settings by name, such as {'num_solutions': 1, 'folds': 5, 'model': '...'}"),
]


class Tools:
    """The tools of one server, over the runs of one folder."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs

    def inspect_task(
        self, folder: Annotated[str, Field(description="Path of the task folder")]
    ) -> TaskAnswer:
        """Show how a task folder is understood: target, metric, columns, folds, audit rows.

        Do this before start_run. A task folder holds train.csv, usually test.csv and
        sample_submission.csv, and description.md (what to predict, and by which metric it is
        judged). Where something is understood wrongly, correct it in task.toml in that folder, such
        as metric = "auc" or target = "price".
        """
        return inspected(folder)

    def start_run(
        self,
        task: Annotated[str, Field(description="Path of the task folder")],
        preset: Annotated[
            Preset | None,
            Field(description="quick: about 2 minutes; default: 20; paper: up to 24 hours. With "
                  "a language model up to 15, up to 60 minutes, 24 hours"),
        ] = None,
        time_budget: Annotated[
            float | None, Field(gt=0, description="Seconds the whole run may take")
        ] = None,
        model: Annotated[
            str,
            Field(description="Language model that thinks, as provider:name; empty: what the "
                  "server's environment names, else the built-in playbook, which costs nothing"),
        ] = "",
        max_cost: Annotated[
            float | None, Field(ge=0, description="Most US dollars to spend on models")
        ] = None,
        settings: Changes = None,
    ) -> DoneAnswer:  # fmt: skip
        """Start solving a task and return the name of the run at once; it goes on by itself.

        The run has a process of its own: it goes on when this conversation ends. Follow it with
        wait_for_run. It ends with a submission, a runnable solution and a score. Ask the user
        before you name a model, as its calls cost money.
        """
        named = {
            "preset": preset,
            "time_budget": time_budget,
            "model": model or None,
            "max_cost": max_cost,
        }
        given = allowed({**(settings or {}), **{k: v for k, v in named.items() if v is not None}})
        folder = Path(task).expanduser().absolute()
        chosen = resolve(context_from(given))
        notice = fell_back(choice_of(chosen), chosen.model_dump())
        run = self.runs.folder / self.runs.new_name(folder)
        process.start(run, str(folder), given)
        message = (
            f"Started {run.name}; it may take {chosen.time_budget:,.0f} seconds. Follow it with "
            "wait_for_run."
        )
        return DoneAnswer(
            run=run.name,
            status="running",
            message=f"{message} Note: {notice}" if notice else message,
        )

    def list_runs(
        self, limit: Annotated[int, Field(ge=1, le=200, description="Most runs to list")] = 20
    ) -> RunsAnswer:
        """List the runs, newest first: status, best score, task."""
        return looking.runs_in(self.runs.folder, limit)

    def run_status(
        self,
        run: Run = "",
        since: Since = 0,
        limit: Annotated[int, Field(ge=0, le=500, description="Most lines of news")] = 20,
    ) -> StatusAnswer:
        """Show how a run stands: phases, best score ± error, time, money, what happened last."""
        return looking.status_in(self.runs.find(run), since, limit)

    def read_run(
        self,
        run: Run = "",
        trials: Annotated[int, Field(ge=0, le=1000, description="Most trials, the newest")] = 40,
    ) -> RunAnswer:
        """Show what a run came to: best score, every trial, notes, where the submission is.

        The audit score, where there is one, is measured on labelled rows that no script saw: it is
        the one to quote.
        """
        return looking.outcome_of(self.runs.find(run), trials)

    def read_script(self, run: Run = "", trial: TrialName = "best") -> ScriptAnswer:
        """Read the script of a trial."""
        return looking.script_in(self.runs.find(run), trial)

    def diff_scripts(
        self,
        run: Run = "",
        trial: TrialName = "best",
        base: Annotated[
            str, Field(description="Another trial; empty: the one that it was made from")
        ] = "",
    ) -> ScriptAnswer:
        """Show what a trial changed in the script it was made from, as a unified difference."""
        return looking.difference_in(self.runs.find(run), trial, base)

    def read_report(self, run: Run = "") -> PathAnswer:
        """Write the run's page (report.html: plots, every trial, bill) and say where it is.

        For the user to open in a browser; read_run tells you the same.
        """
        from mle_star.report.writing import write_report

        path = self.runs.find(run)
        written = write_report(path)
        return PathAnswer(run=path.name, path=str(written), message="The report is at")

    def stop_run(self, run: Run = "") -> DoneAnswer:
        """Stop a run cleanly: what is finished is kept, and resume_run goes on."""
        path = self.runs.find(run)
        process.stop(path)
        status = looking.status_in(path, limit=0).status
        said = {
            "running": "will stop in a while",
            "finished": "had come to its end by itself",
        }.get(status, "has stopped; resume_run goes on with it")
        return DoneAnswer(run=path.name, status=status, message=f"{path.name} {said}.")

    def resume_run(self, run: Run = "", changes: Changes = None) -> DoneAnswer:
        """Go on with a run that was stopped, killed or has failed, with changed settings if given.

        More time ({'time_budget': 1200}), another model or cap, or more steps may be given; what
        would make scores incomparable (seed, folds, ...) may not change. A run that waits for a
        person's answer is theirs to resume.
        """
        path = self.runs.find(run)
        changed = allowed(changes or {})
        looking.refuse_waiting(path)
        process.go_on(path, changed)
        return DoneAnswer(
            run=path.name, status="running", message=f"{path.name} goes on. Follow it with "
            "wait_for_run."
        )  # fmt: skip

    def run_history(
        self,
        run: Run = "",
        limit: Annotated[int, Field(ge=1, le=2000, description="Most steps, the newest")] = 60,
    ) -> HistoryAnswer:
        """List the steps of a run, which fork_run can go on from."""
        return history_of(self.runs.find(run), limit)

    def fork_run(
        self,
        at: Annotated[int, Field(ge=1, description="Number of a step, from run_history")],
        run: Run = "",
        changes: Changes = None,
        plan: Annotated[
            str, Field(description="Another plan, after a step 'extract'; empty: as it was")
        ] = "",
        block: Annotated[
            str, Field(description="Another block to refine, after a step 'extract'")
        ] = "",
    ) -> DoneAnswer:
        """Make a new run that goes on from a step of another one, in another way.

        The other run stays as it is. Scripts and answers it already has cost nothing again.
        """
        source = self.runs.find(run)
        edits = {name: text for name, text in (("plan", plan), ("block", block)) if text}
        made = forked(source, at, changes or {}, edits)
        return DoneAnswer(
            run=made.name,
            status="running",
            message=f"{made.name} goes on from step {at} of {source.name}. Follow it with "
            "wait_for_run.",
        )

    def tell_run(
        self,
        run: Run = "",
        hint: Annotated[
            str, Field(description="What planner and coder should know, in plain words")
        ] = "",
        card: Annotated[
            dict[str, str] | None,
            Field(description="A model to try: {'name': ..., 'reason': what it is and how to use "
                  "it, 'example': short code}"),
        ] = None,
        block: Annotated[
            str,
            Field(description="What to refine next: text that occurs once in the best script, the "
                  "name of a function of it, or a range of its lines such as 10-25"),
        ] = "",
        solution: Annotated[
            int | None, Field(ge=0, description="Index of the solution meant; none: all of them")
        ] = None,
    ) -> DoneAnswer:  # fmt: skip
        """Steer a run that goes on or is stopped: a hint, a model to try, the block to refine.

        It is heeded at the next step of each solution, or when the run is resumed.
        """
        from mle_star.runs.steering import tell

        path = self.runs.find(run)
        told = tell(path, hint=hint, card=card, block=block, solution=solution)
        status = looking.status_in(path, limit=0).status
        when = "at its next step" if status == "running" else "when it is resumed"
        return DoneAnswer(
            run=path.name,
            status=status,
            message=f"Told {path.name} (number {told['id']}); it heeds it {when}.",
        )
