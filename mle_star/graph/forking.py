"""Taking a run up again from one of its steps, in a folder of its own and in another way."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig

from mle_star.context import Settings, context_from
from mle_star.engineer.splice import replace_once
from mle_star.errors import RunError, SettingsError, UserError
from mle_star.graph.pipeline import build_graph
from mle_star.graph.solving import changed, new_folder
from mle_star.models.wallet import read_bill
from mle_star.runs import EventLog, RunFolder, read_events
from mle_star.runs.checkpoints import open_checkpoints
from mle_star.runs.cutting import Cut, copy_until, find_step
from mle_star.runs.history import Step
from mle_star.runs.storage import in_one_sentence

__all__ = ["ALIASES", "EDITABLE", "fork"]

ALIASES = {
    "outer_loops": "outer_steps",
    "inner_loops": "inner_steps",
    "ensemble_loops": "ensemble_rounds",
    "debug_loops": "debug_rounds",
    "timeout": "script_timeout",
    "T": "outer_steps",
    "K": "inner_steps",
    "R": "ensemble_rounds",
}
"""Words of the paper, and of those who speak like it, for our settings."""
EDITABLE = ("block", "plan")
"""What can be changed right after a step ``extract``: the next node goes by it."""
_ENDED = ("best", "bill", "prepared_by", "waiting", "answered")
"""Fields of ``run.json`` that are not a fork's."""


def fork(
    run: str | Path,
    *,
    at: int,
    changes: Mapping[str, Any] | None = None,
    edits: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Path:
    """Make a new run that goes on from a step of another one; :func:`resume` runs it.

    The new folder, beside the other, is as the other would be had it been killed right after the
    step: steps that were under way in other branches are done again. Scripts that ran and answers
    that models gave, those after the step as well, are kept and cost nothing when they are asked
    for again. The bill begins with what was spent up to the step. The other run may be finished,
    stopped or running; it is only read.

    Args:
        run: the run folder.
        at: number of the step (:func:`mle_star.runs.history.steps_of`, ``mle-star history``).
        changes: settings to change, such as ``{"outer_steps": 30}``; names of :data:`ALIASES` are
            understood. They decide already what follows the step.
        edits: what to put in the place of ``block`` or ``plan``, after a step ``extract`` alone.
        name: of the new run; by default that of the other and ``-fork``.

    Returns:
        The new run folder.

    Raises:
        RunError: there is no such run or step, the step ended the run, or files are damaged.
        SettingsError: a setting is unknown, out of range or can't change any more.
        UserError: an edit can't be made.
    """
    source = RunFolder.open(Path(run).absolute())
    record = source.record()
    if "settings" not in record or not source.checkpoints.exists():
        raise RunError(
            f"{source.path.name} has no checkpoints of its own: runs of Studio are forked there."
        )
    _check_step(find_step(read_events(source.path), at), edits or {})
    before = Settings.model_validate(record["settings"])
    settings = _settings(before, changes or {})
    target = _folder(source.path, name)
    try:
        with in_one_sentence(target.path):
            cut = copy_until(source, target, at)
            if settings != before or edits:
                _redirect(target, cut, settings, edits or {})
            _say(target, source, cut, before, settings, edits or {})
            _describe(target, source, cut, settings)
    except BaseException:
        shutil.rmtree(target.path, ignore_errors=True)
        raise
    return target.path


def _check_step(step: Step, edits: Mapping[str, str]) -> None:
    if step.node == "submit":
        raise RunError(f"Step {step.number} ended the run: fork it at an earlier one.")
    unknown = [name for name in edits if name not in EDITABLE]
    if unknown:
        raise UserError(f"{unknown[0]!r} can't be edited: {' and '.join(EDITABLE)} can.")
    if edits and step.node != "extract":
        raise UserError(
            f"Step {step.number} is {step.node}: block and plan can be edited after a step extract."
        )


def _settings(before: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with the changes, which may be texts."""
    wanted = {ALIASES.get(name, name): value for name, value in changes.items()}
    if "runs_dir" in wanted:
        raise SettingsError("A fork lies beside the run it comes from: runs_dir can't change.")
    typed = context_from(wanted)
    return changed(before, {name: getattr(typed, name) for name in wanted})


def _folder(source: Path, name: str | None) -> RunFolder:
    if name is None:
        return new_folder(source.parent, f"{source.name}-fork")
    if not name.strip(".") or Path(name).name != name:
        raise RunError(f"{name!r} is no name of a run: use one without slashes.")
    if (source.parent / name).exists():
        raise RunError(f"There is a run {name} already: choose another name.")
    return new_folder(source.parent, name)


def _redirect(target: RunFolder, cut: Cut, settings: Settings, edits: Mapping[str, str]) -> None:
    """Let what follows the step be decided again, by the new settings."""
    if cut.mark is None:  # the step itself is done again, and then decides
        if edits:
            raise UserError(f"Step {cut.step.number} left no checkpoint that could be edited.")
        return
    config: RunnableConfig = {
        "configurable": {
            "thread_id": cut.mark.thread,
            "checkpoint_ns": cut.mark.namespace,
            "checkpoint_id": cut.mark.checkpoint,
        }
    }
    with open_checkpoints(target.checkpoints) as saver:
        graph = build_graph(saver)
        if "block" in edits:
            _check_block(target, graph.get_state(config).values, edits["block"])
        graph.update_state(
            config, {"settings": settings.model_dump(), **edits}, as_node=cut.step.node
        )


def _check_block(target: RunFolder, state: Mapping[str, Any], block: str) -> None:
    try:
        replace_once(target.script(state["base"]), block, block)
    except ValueError as error:
        raise UserError(f"The block can't be edited: {error}") from None


def _say(
    target: RunFolder,
    source: RunFolder,
    cut: Cut,
    before: Settings,
    settings: Settings,
    edits: Mapping[str, str],
) -> None:
    """Note in the fork's journal where it comes from and what is different."""
    old = before.model_dump()
    different = [
        f"{name} {value} (was {old[name]})"
        for name, value in settings.model_dump().items()
        if value != old[name]
    ] + [f"another {name}" for name in edits]
    EventLog(target.path / "events.jsonl").append(
        "note",
        node="",
        solution=-1,
        elapsed=cut.elapsed,
        text=f"Forked from {source.path.name} after step {cut.step.number} ({cut.step.node})"
        + (f" with {', '.join(different)}." if different else "."),
    )


def _describe(target: RunFolder, source: RunFolder, cut: Cut, settings: Settings) -> None:
    """Write ``run.json``, which makes the folder a run."""
    record = {name: value for name, value in source.record().items() if name not in _ENDED}
    bill = read_bill(target.path, settings.prices).data()["total"]
    target.update(
        **{
            **record,
            "status": "stopped",
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": settings.model_dump(),
            "seconds": round(cut.elapsed, 3),
            "bill": bill if bill["calls"] else None,
            "fork": {"run": str(source.path), "step": cut.step.number},
        }
    )
