"""The command line as a whole: exit codes, sentences, what goes to stdout and what to stderr."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import mle_star.cli
from mle_star.context import Context
from mle_star.errors import MissingExtra, RunStopped, SandboxUnavailable, TaskError
from mle_star.graph import solving
from mle_star.graph.solving import Result
from tests.cli.journal import FLASH, LEADER, PRO, SETTINGS, finished_run, model_run, write_run


def call(*arguments: str) -> int:
    return mle_star.cli.call(list(arguments))


class FakeSolver:
    """Stands in for solve and resume: plays a journal, writes its run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = finished_run()
        self.error: BaseException | None = None
        self.task: Any = None
        self.context: Context | None = None
        self.changes: Any = None

    def solve(
        self,
        task: Any,
        *,
        context: Context | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        run: str | None = None,
        on_ask: Any = None,
        progress: bool | None = None,
    ) -> Result:
        assert progress is False, "the command line has its own view"
        self.task, self.context = task, context
        return self._play(on_event)

    def resume(
        self,
        run: Any,
        *,
        changes: Any = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        on_ask: Any = None,
        progress: bool | None = None,
    ) -> Result:
        assert progress is False, "the command line has its own view"
        self.task, self.changes = run, changes
        return self._play(on_event)

    def _play(self, on_event: Callable[[dict[str, Any]], None] | None) -> Result:
        for event in self.events:
            if on_event is not None:
                on_event(event)
        if self.error is not None:
            raise self.error
        if not self.folder.exists():
            write_run(self.folder, self.events)
        best: Any = {"label": "blend", "score": {"value": 51200.0}}
        ended = any(event["kind"] == "best" for event in self.events)
        return Result(
            run=self.folder,
            submission=self.folder / "submission.csv",
            solution=None,
            best=best if ended else None,
            single=None,
            ensemble=None,
            source="full",
            seconds=118.0,
        )


@pytest.fixture
def solver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSolver:
    fake = FakeSolver(tmp_path / "runs" / "20260102-houses")
    monkeypatch.setattr(solving, "solve", fake.solve)
    monkeypatch.setattr(solving, "resume", fake.resume)
    return fake


Capture = pytest.CaptureFixture[str]


def test_run_shows_progress_and_ends_with_the_table(solver: FakeSolver, capsys: Capture) -> None:
    assert call("run", "houses") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "houses: rmse, lower is better, 2,400 labelled rows" in out
    assert "refining 1/1, plan 2/2" in out
    assert "→  best ensemble  51200 ± 770" in out
    assert "submission.csv" in out


def test_every_option_reaches_the_context(solver: FakeSolver) -> None:
    given = (
        "run houses --preset quick --engineer playbook --time-budget 60 -M 3 -L 1 -T 4 -K 5 -R 6 "
        "--debug-rounds 1 --script-timeout 9.5 --seed 7 --search-rows 500 --folds 4 --no-audit "
        "--no-racing --python /usr/bin/python3 --runs-dir elsewhere"
    )
    assert call(*given.split()) == 0
    assert solver.task == "houses"
    assert solver.context == Context(
        preset="quick",
        engineer="playbook",
        time_budget=60.0,
        num_candidates=3,
        num_solutions=1,
        outer_steps=4,
        inner_steps=5,
        ensemble_rounds=6,
        debug_rounds=1,
        script_timeout=9.5,
        seed=7,
        search_rows=500,
        folds=4,
        audit=False,
        racing=False,
        python="/usr/bin/python3",
        runs_dir="elsewhere",
    )


@pytest.mark.parametrize(("flag", "audit"), [("--audit", True), ("--no-audit", False), ("", None)])
def test_an_audit_may_be_asked_for_refused_or_left_open(
    solver: FakeSolver, flag: str, audit: bool | None
) -> None:
    assert call("run", "houses", *flag.split()) == 0
    assert solver.context is not None
    assert solver.context.audit is audit
    assert ("audit" in solver.context.model_fields_set) == bool(flag)


MODEL_OPTIONS = (
    f"--model {PRO} --model-for code=openai:gpt-4.1 --model-for plan={FLASH} --fallback-model "
    f"{FLASH} --base-url http://127.0.0.1:1/v1 --max-cost 1.5 --max-tokens 1000 --max-calls 7 "
    "--requests-per-minute 30 --search none --model-timeout 20 --prices mine.toml "
)
MODEL_SETTINGS = {
    "model": PRO,
    "models": {"code": "openai:gpt-4.1", "plan": FLASH},
    "fallback_model": FLASH,
    "base_url": "http://127.0.0.1:1/v1",
    "max_cost": 1.5,
    "max_tokens": 1000,
    "max_calls": 7,
    "requests_per_minute": 30.0,
    "search": "none",
    "model_timeout": 20.0,
    "prices": "mine.toml",
}


def test_every_option_of_the_model_reaches_the_context(solver: FakeSolver) -> None:
    given = (
        f"run houses {MODEL_OPTIONS} --engineer auto --temperature plans=0.9 --temperature debug=0 "
        "--search-url http://127.0.0.1:2 --search-exclude kaggle.com --search-exclude houses "
        "--warm-start playbook --record --replay old.jsonl --prompt-tokens 9000 --answer-tries 2"
    )
    assert call(*given.split()) == 0
    assert solver.context == Context.model_validate(
        {
            **MODEL_SETTINGS,
            "engineer": "auto",
            "temperatures": {"plans": 0.9, "debug": 0.0},
            "search_url": "http://127.0.0.1:2",
            "search_exclude": ["kaggle.com", "houses"],
            "warm_start": "playbook",
            "record": True,
            "replay": "old.jsonl",
            "prompt_tokens": 9000,
            "answer_tries": 2,
        }
    )


@pytest.mark.parametrize("how", [[], ["--quiet"], ["--json"]])
def test_a_named_model_that_lacks_its_key_is_told_first(
    solver: FakeSolver, capsys: Capture, how: list[str]
) -> None:
    assert call("run", "houses", "--model", PRO, *how) == 0
    out, err = capsys.readouterr()
    said = err if how else out
    first = said.splitlines()[0]
    assert first.startswith("the playbook thinks, not the model that was named: ")
    assert "GOOGLE_API_KEY" in first
    if how == ["--quiet"]:
        assert err.count("\n") == out.count("\n") == 1


def test_what_is_left_out_stays_for_environment_and_preset(solver: FakeSolver) -> None:
    assert call("run", "houses") == 0
    assert solver.context is not None
    assert solver.context.model_fields_set == set()


def test_json_is_one_object_on_stdout(solver: FakeSolver, capsys: Capture) -> None:
    assert call("run", "houses", "--json") == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["best"]["score"]["value"] == 51200.0
    assert result["run"] == str(solver.folder)
    assert "solution 2" in err


def test_quiet_is_one_line(solver: FakeSolver, capsys: Capture) -> None:
    assert call("run", "houses", "--quiet") == 0
    out, err = capsys.readouterr()
    assert out.startswith("houses: rmse 51200 ± 770, audit 51712 ± 1201; ")
    assert out.count("\n") == 1
    assert err == ""


def test_a_run_without_a_score_is_a_failure(solver: FakeSolver, capsys: Capture) -> None:
    solver.events = solver.events[:1]
    assert call("run", "houses") == 1
    assert "No script has a score" in capsys.readouterr().out


def test_a_stopped_run_prints_the_resume_command(solver: FakeSolver, capsys: Capture) -> None:
    solver.error = RunStopped("The run was stopped; go on with: mle-star resume runs/x")
    assert call("run", "houses", "--quiet") == 130
    assert "mle-star resume runs/x" in capsys.readouterr().err


def test_a_second_ctrl_c_ends_without_a_traceback(solver: FakeSolver, capsys: Capture) -> None:
    solver.error = KeyboardInterrupt()
    assert call("run", "houses", "--quiet") == 130
    assert capsys.readouterr().err == "mle-star: Stopped.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TaskError("There is no target: set target in task.toml."), 2),
        (MissingExtra("langgraph_api", "studio", "mle-star studio"), 2),
        (SandboxUnavailable("No child process could be started."), 1),
    ],
)
def test_errors_on_purpose_are_one_sentence(
    solver: FakeSolver, capsys: Capture, error: Exception, code: int
) -> None:
    solver.error = error
    assert call("run", "houses", "--quiet") == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"mle-star: {error}\n"


def test_a_mistake_of_ours_is_a_message_and_a_log(solver: FakeSolver, capsys: Capture) -> None:
    solver.error = ZeroDivisionError("by \x1b[31mzero")
    assert call("run", "houses", "--quiet") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError: by \\x1b[31mzero" in err
    found = re.search(r"details are in (\S+\.log)\.$", err.strip())
    assert found is not None
    log = Path(found[1])
    assert "Traceback" in log.read_text(encoding="utf-8")
    log.unlink()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run"], ["Missing argument", "mle-star run --help"]),
        (
            ["rum"],
            [
                "No such command 'rum'",
                "run, resume, tell, repair, runs, show, history, fork, submit, report, ",
                "compare, inspect, doctor, attacks, graph, studio, mcp",
            ],
        ),
        (["runn", "x"], ["Did you mean 'run', 'runs'? The commands are: "]),
        (["run", "x", "--approve", "script"], ["'approve' can't be 'script'", "'plans'"]),
        (["tell", "no neural networks"], ["The run comes first", 'mle-star tell RUN "HINT"']),
        (["run", "x", "--prest", "quick"], ["No such option: --prest", "--preset", "run --help"]),
        (["run", "x", "--zzz"], ["No such option: --zzz; mle-star run knows: ", "--preset, "]),
        (["run", "x", "--folds", "many"], ["--folds"]),
        (["run", "x", "--preset", "fast"], ["'fast'", "'quick', 'default' or 'paper'"]),
        (["run", "x", "--folds", "0"], ["'folds' can't be 0", "greater than or equal to 1"]),
        (["run", "x", "--model-for", "code"], ["--model-for 'code' is not AGENT=VALUE"]),
        (["run", "x", "--model-for", "cook=a:b"], ["no agent 'cook'", "code, plans, checks"]),
        (["run", "x", "--temperature", "code=3"], ["temperature lies between 0 and 2"]),
        (["run", "x", "--search", "bing"], ["'bing'", "'tavily'"]),
        (["resume", "--seed", "3"], ["No such option: --seed", "--time-budget"]),
        (["resume", "--engineer", "llm"], ["No such option: --engineer", "--model"]),
    ],
)
def test_arguments_that_cant_be_understood(
    capsys: Capture, arguments: list[str], parts: list[str]
) -> None:
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mle-star: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run", "no/such/folder"], "no/such/folder"),
        (["run", "examples/california-housing", "--engineer", "gpt"], "'gpt'"),
        (["run", "examples/california-housing", "--model", "gpt"], "'gpt'"),
        (["run", "examples/california-housing", "--engineer", "llm"], "GOOGLE_API_KEY"),
        (["inspect", "no/such/folder"], "no/such/folder"),
        (["show", "nothing"], "'nothing'"),
        (["resume"], "There are no runs"),
    ],
)
def test_real_mistakes_end_with_code_2(capsys: Capture, arguments: list[str], part: str) -> None:
    assert call(*arguments) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1


def test_resume_takes_the_newest_run_and_says_what_changes(
    solver: FakeSolver, tmp_path: Path, capsys: Capture
) -> None:
    write_run(tmp_path / "runs" / "old", [], started="2025-01-01T00:00:00+00:00")
    write_run(solver.folder, solver.events[:20], status="stopped")
    solver.events = solver.events[20:]
    assert call("resume", "--time-budget", "300") == 0
    assert solver.task == solver.folder
    assert solver.changes == {"time_budget": 300.0}
    assert "going on after" in capsys.readouterr().out


def test_resume_by_name(solver: FakeSolver, tmp_path: Path) -> None:
    write_run(tmp_path / "runs" / "old", [], status="stopped")
    write_run(solver.folder, solver.events, status="stopped")
    assert call("resume", "old", "--quiet") == 0
    assert solver.task == tmp_path / "runs" / "old"
    assert solver.changes == {}


def test_resume_takes_what_may_change_about_the_model(
    solver: FakeSolver, tmp_path: Path, capsys: Capture
) -> None:
    before = {**SETTINGS, "engineer": "auto", "models": {"checks": FLASH, "code": FLASH}}
    write_run(solver.folder, model_run(), settings=before, status="stopped")
    assert call("resume", *MODEL_OPTIONS.split()) == 0
    models = {"checks": FLASH, **cast(dict[str, str], MODEL_SETTINGS["models"])}
    assert solver.changes == {**MODEL_SETTINGS, "models": models}
    said = capsys.readouterr().out
    assert said.startswith("the playbook thinks, not the model that was named: ")
    assert "\nengineer: playbook (" in said  # not the model that led before


def test_a_resumed_run_shows_who_leads_now(
    solver: FakeSolver, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    settings = {**SETTINGS, "engineer": "auto"}
    write_run(solver.folder, finished_run()[:20], settings=settings, status="stopped")
    solver.events = finished_run()[20:]
    assert call("resume", "--model", PRO) == 0
    assert f"engineer: {PRO}, the playbook stands in" in capsys.readouterr().out


def test_runs_lists_what_they_cost_where_any_cost_something(
    tmp_path: Path, capsys: Capture
) -> None:
    bill = {"calls": 9, "usd": 0.1234, "input": 5, "output": 6}
    write_run(tmp_path / "runs" / "one", [])
    assert call("runs") == 0
    assert "USD" not in capsys.readouterr().out
    write_run(tmp_path / "runs" / "two", [], bill=bill)
    write_run(tmp_path / "runs" / "three", [], bill={**bill, "usd": None})
    assert call("runs") == 0
    lines = {line.split()[0]: line.split()[-1] for line in capsys.readouterr().out.splitlines()}
    assert lines == {"run": "USD", "one": "–", "two": "0.1234", "three": "unknown"}
    assert call("runs", "--json") == 0
    found = {run["name"]: run["bill"] for run in json.loads(capsys.readouterr().out)}
    assert found == {"one": None, "two": bill, "three": {**bill, "usd": None}}


def test_runs_lists_them(tmp_path: Path, capsys: Capture) -> None:
    assert call("runs") == 0
    assert "mle-star run TASK" in capsys.readouterr().out
    write_run(tmp_path / "runs" / "one", [], status="stopped", best=0.5)
    write_run(tmp_path / "runs" / "two", [], started="2027-01-01T00:00:00+00:00")
    assert call("runs") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "two", "one"]
    assert "stopped" in lines[2]
    assert call("runs", "--json") == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)] == ["two", "one"]


def test_show_prints_every_script(tmp_path: Path, capsys: Capture) -> None:
    write_run(tmp_path / "runs" / "one", finished_run())
    assert call("show", "one") == 0
    assert "peeks at the target" in capsys.readouterr().out
    assert call("show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["winner"] == "blend (mean) of 4 scripts"


def test_show_prints_the_bill_where_there_is_one(tmp_path: Path, capsys: Capture) -> None:
    events = model_run() + finished_run()[1:]
    settings = {**SETTINGS, "engineer": "auto", "model": PRO}
    write_run(
        tmp_path / "runs" / "one", events, engineer=LEADER, settings=settings, bill={"calls": 8}
    )
    assert call("show") == 0
    out = capsys.readouterr().out
    assert f"engineer: {PRO}, the playbook stands in; search auto" in out
    assert "in all        7" in out
    assert "and 1 call more" in out
    assert "\nphase" not in out
    assert call("show", "--bill") == 0
    assert "\nphase" in capsys.readouterr().out
    assert call("show", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["bill"]["roles"]["debug"]["calls"] == 2
    assert report["stood_in"] == {"plan": 1, "refine": 1}


def test_show_of_a_run_without_models_has_no_bill(tmp_path: Path, capsys: Capture) -> None:
    write_run(tmp_path / "runs" / "one", finished_run())
    assert call("show", "--bill") == 0
    out = capsys.readouterr().out
    assert "engineer: playbook" in out
    assert "in all" not in out
    assert call("show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["bill"] is None


def test_the_graph_is_mermaid_text(capsys: Capture) -> None:
    assert call("graph") == 0
    assert "graph TD" in capsys.readouterr().out
    assert call("graph", "--xray") == 0
    assert "subgraph" in capsys.readouterr().out


def test_version_and_help(capsys: Capture) -> None:
    assert call("--version") == 0
    version = importlib.metadata.version("mle-star")
    assert capsys.readouterr().out == f"mle-star {version}\n"
    assert call() == 0
    assert "inspect" in capsys.readouterr().out


def test_main_exits_with_the_code(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        mle_star.cli.main(["rum"])
    assert ended.value.code == 2
