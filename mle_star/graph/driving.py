"""One sitting of a run: from the lock on its folder to its end, a stop or a failure."""

from __future__ import annotations

import errno
import logging
import shutil
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt

from mle_star.context import Context, Settings
from mle_star.errors import RunError, RunStopped, RunWaits
from mle_star.graph.pipeline import build_graph
from mle_star.graph.result import Result, read_result
from mle_star.graph.stopping import Stop, interruptible, stop_now, stoppable
from mle_star.nodes.prepare import isolation
from mle_star.nodes.workbench import close_workbench, driving, find_workbench, open_workbench
from mle_star.observe import langsmith
from mle_star.observe.following import Followers, following
from mle_star.report.writing import leave_report, leave_story
from mle_star.runs import EventLog, RunFolder
from mle_star.runs.checkpoints import Saver, damaged, open_checkpoints
from mle_star.runs.events import has_begun, last_elapsed
from mle_star.runs.lock import only_one
from mle_star.runs.questions import Answer, Question, in_one_line
from mle_star.runs.storage import in_one_sentence, is_storage_error
from mle_star.state import InputState

OnEvent = Callable[[dict[str, Any]], None]
OnAsk = Callable[[Question], "Answer | str | bool | None"]
"""Answers a question of a run; None where nobody does."""

STEPS_PER_SCRIPT = 12
"""Most super-steps one script can take (check, fix, run, score, repair), with room to spare."""

_NOBODY_LISTENS = (errno.EPIPE, errno.EIO)


@contextmanager
def taken(folder: RunFolder) -> Iterator[None]:
    """Hold a run folder for one sitting; trouble with its disk is said in one sentence.

    Raises:
        RunError: another process drives the run, or the folder can't be written.
    """
    with in_one_sentence(folder.path):
        try:
            with only_one(folder.path), driving(folder.path):
                yield
        finally:
            if not (folder.path / "run.json").exists():  # nothing that could go on
                shutil.rmtree(folder.path, ignore_errors=True)


def drive(
    folder: RunFolder,
    settings: Settings,
    on_event: OnEvent | None,
    report: bool = True,
    stop: Stop | None = None,
    on_ask: OnAsk | None = None,
) -> Result:
    """Run the graph from the newest checkpoint, or from its start, to its end.

    The caller holds the folder (:func:`taken`), whose record has the task and the settings.

    Args:
        folder: of the run.
        settings: the run's.
        on_event: called with every event.
        report: leave ``report.html`` in the folder, however the sitting ends.
        stop: called from another thread, stops the run.
        on_ask: answers the run's questions.

    Raises:
        RunStopped: the run was asked to stop.
        RunWaits: it has come to a question that was not answered.
        RunError: the run is finished, or its checkpoints can't be used.
    """
    control, told = RunControl(), True
    hear = _hearing(on_event, folder, control)
    with (
        open_checkpoints(folder.checkpoints) as saver,
        stoppable(folder, control),
        (stop or Stop()).of(lambda: stop_now(folder, control, "stopped by another thread")),
        _one_voice(),
        following(folder, settings, lambda text: _note(folder, text, hear)) as followers,
    ):
        graph = build_graph(saver)
        config = _config(folder, saver, settings)
        values = graph.get_state(config).values
        given: Any = _given(folder, values)
        if values.get("run"):  # else the first node says hello
            _greet(folder)
        stream: Iterator[Any] = iter(())
        try:
            while True:
                stream = graph.stream(
                    cast(InputState | None, given),
                    config,
                    # The folder's own settings: a run killed in its first node starts it again.
                    context=Context.model_validate(
                        {**settings.model_dump(), "runs_dir": str(folder.path.parent)}
                    ),
                    stream_mode=["custom"],
                    subgraphs=True,
                    durability="sync",
                    control=control,
                )
                _follow(stream, followers, hear)
                waiting = graph.get_state(config).interrupts
                if not waiting:
                    break
                given = Command(resume=_answers(folder, waiting, on_ask))
        except RunWaits:
            _mark(folder, "stopped", None)
            raise
        except GraphDrained:
            raise _stopped(folder) from None
        except KeyboardInterrupt as error:
            report = told = False  # pressed twice: nothing more is waited for
            followers.hurry()
            _give_up(folder, stream, "stopped", error)
            raise
        except BaseException as error:
            _give_up(folder, stream, "failed", error)
            raise
        finally:
            close_workbench(str(folder.path))
            if told:
                leave_story(folder.path)
            if report:
                leave_report(folder.path)
        return read_result(folder, graph.get_state(config).values)


def _answers(
    folder: RunFolder, waiting: Sequence[Interrupt], on_ask: OnAsk | None
) -> dict[str, Any]:
    """Ask every question that waits; several solutions may ask at once.

    What the run has cost is asked about once, whoever asks. Ctrl-C ends the asking. Each answer is
    kept in ``run.json``, for the next sitting should this one end before the graph has taken it.

    Raises:
        RunWaits: one of them was not answered.
    """
    questions = [cast(Question, {**one.value, "id": one.id}) for one in waiting]
    questions.sort(key=lambda question: question["solution"])
    kept = folder.record().get("answered") or {}
    # Before anybody is asked, so that others can see what the run waits for.
    folder.update(waiting={one["id"]: in_one_line(one) for one in questions})
    answers: dict[str, Any] = {}
    about_cost: Any = None
    with interruptible():
        for question in questions:
            spend = question["kind"] == "spend"
            answer = about_cost if spend else None
            if not question["problem"]:  # else the one that was kept can't be used
                answer = kept.get(question["id"], answer)
            if answer is None and on_ask is not None:
                with suppress(KeyboardInterrupt):
                    answer = on_ask(question)
            if answer is None:
                raise _waits(folder, [q for q in questions if q["id"] not in answers])
            about_cost = answer if spend else about_cost
            answers[question["id"]] = answer
            folder.update(answered=answers)
    folder.update(waiting={})
    return answers


def _waits(folder: RunFolder, questions: Sequence[Question]) -> RunWaits:
    more = f" ({len(questions) - 1} more wait)" if len(questions) > 1 else ""
    return RunWaits(
        f"The run waits for an answer: {in_one_line(questions[0])}{more} Answer on a terminal "
        f"with 'mle-star resume {folder.path}', or add --answer yes or --answer no to it.",
        str(folder.path),
        questions,
    )


def _config(folder: RunFolder, saver: Saver, settings: Settings) -> RunnableConfig:
    """The thread is named in the database: the folder may have had another name."""
    places = saver.places()
    config: RunnableConfig = {
        "configurable": {"thread_id": places[0][0] if places else folder.path.name},
        "recursion_limit": recursion_limit(settings),
    }
    config.update(langsmith.named(folder, settings))
    return config


def _given(folder: RunFolder, values: Mapping[str, Any]) -> dict[str, str] | None:
    """The graph's input where its first node was not finished yet, else None.

    Raises:
        RunError: there was one, and it is gone.
    """
    if values.get("run"):
        return None
    if not values and has_begun(folder.path):
        raise damaged(folder.checkpoints, "it holds no checkpoint of this run")
    return {"task": str(folder.record()["task"])}


def _follow(stream: Iterator[Any], followers: Followers, hear: OnEvent) -> None:
    for _, _, event in stream:
        if isinstance(event, dict):
            followers.hear(event)
            hear(event)


def _note(folder: RunFolder, text: str, hear: OnEvent) -> None:
    """Write a note that no node has to say, and tell the listener."""
    if not folder.path.exists():
        return
    bench = find_workbench(str(folder.path))
    log = bench.events if bench else EventLog(folder.path / "events.jsonl")
    elapsed = bench.clock.elapsed() if bench else last_elapsed(log.path)
    hear(log.append("note", node="", solution=-1, elapsed=elapsed, text=text))


def _hearing(on_event: OnEvent | None, folder: RunFolder, control: RunControl) -> OnEvent:
    """Call the listener until its terminal or pipe is gone; the run then stops cleanly."""
    gone = on_event is None

    def hear(event: dict[str, Any]) -> None:
        nonlocal gone
        if gone or on_event is None:
            return
        try:
            on_event(event)
        except (OSError, SystemExit) as error:
            # Rich leaves by SystemExit when the reader of its pipe is gone.
            if isinstance(error, OSError) and error.errno not in _NOBODY_LISTENS:
                raise
            gone = True
            stop_now(folder, control, "nobody listens")

    return hear


@contextmanager
def _one_voice() -> Iterator[None]:
    """Keep a thread pool from printing what a branch has no more use for.

    When two branches fail at once, the second finds LangGraph's pool shut down; the first says all.
    """

    def wanted(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, RuntimeError) and "after shutdown" in str(error))

    logger = logging.getLogger("concurrent.futures")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


def _stopped(folder: RunFolder) -> RunStopped:
    _mark(folder, "stopped", None)
    if not folder.path.exists():
        return RunStopped("Stopped before anything was begun.")
    return RunStopped(
        f"The run was stopped; go on with: mle-star resume {folder.path}", str(folder.path)
    )


def _greet(folder: RunFolder) -> None:
    """Say hello to the models again, and record who leads now: a key may have come or gone."""
    try:
        bench = open_workbench(str(folder.path))
        bench.team.check()
        folder.update(engineer=bench.team.described(), isolation=isolation(bench))
    except BaseException:
        close_workbench(str(folder.path))
        raise


def _give_up(folder: RunFolder, stream: Iterator[Any], status: str, error: BaseException) -> None:
    """End what still runs in other branches, so that nothing works on after the exception."""
    bench = find_workbench(str(folder.path))
    if bench is not None:
        bench.stop()
    if isinstance(stream, Generator):
        with suppress(GraphDrained):
            stream.close()
    _mark(folder, status, error)


def _mark(folder: RunFolder, status: str, error: BaseException | None) -> None:
    """Record how a sitting ended; a run that never read its task leaves nothing behind."""
    full = error is not None and is_storage_error(error, folder.path)
    bench = find_workbench(str(folder.path))
    if bench is None:
        with suppress(RunError):  # no record: the first node has cleared away what it began
            first = folder.record().get("sittings", 1) == 1
            if first and not full and not (folder.path / "task.json").exists():
                shutil.rmtree(folder.path, ignore_errors=True)
        return
    # What ended the sitting may end this as well; the lock then tells that nobody drives the run.
    with suppress(OSError, sqlite3.Error, RunError):
        elapsed = bench.clock.elapsed()
        bench.events.append(f"run_{status}", node="", solution=-1, elapsed=elapsed)
        folder.update(status=status, seconds=round(elapsed, 3), bill=bench.bill())


def recursion_limit(settings: Settings) -> int:
    """A bound on LangGraph's super-steps that our own counters always reach first."""
    scripts = (
        settings.num_candidates
        + settings.outer_steps * (settings.inner_steps + 2)
        + settings.ensemble_rounds
        + 4
    )
    return STEPS_PER_SCRIPT * scripts * (1 + settings.debug_rounds) + 100
