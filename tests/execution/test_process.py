"""Every row of the outcome table, with a real process."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mle_star.errors import MleStarError, SandboxUnavailable, SettingsError
from mle_star.execution import Execution, LocalExecutor
from tests.execution import running
from tests.execution.running import GOOD, job, names, run

pytestmark = pytest.mark.usefixtures("level")


def test_ok(tmp_path: Path) -> None:
    done = run(GOOD, tmp_path / "job")
    assert (done.outcome, done.exit_code, done.signal, done.problem) == ("ok", 0, None, "")
    assert done.printed == 0.75
    assert set(done.artefacts) == {"final/oof.csv", "final/submission.csv"}
    assert done.isolation.level == running.LEVEL
    assert done.isolation.gaps
    assert done.processes == done.attempts == 1
    assert not done.cached
    assert done.cpu_seconds is not None
    assert 0 < done.cpu_seconds <= done.wall_seconds * 4
    assert done.peak_memory_mb is not None
    assert 3 < done.peak_memory_mb < 100
    assert (tmp_path / "job" / "stdout.log").read_text() == done.stdout.text


def test_no_predictions_asked_for_means_ok_without(tmp_path: Path) -> None:
    assert run("print('study')", tmp_path, required=()).outcome == "ok"


@pytest.mark.parametrize("level", ["process"], indirect=True)
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("print('Final Validation Performance: 0.9')", "without writing final/oof.csv"),
        ("open('oof.csv', 'w').write('x')", "./oof.csv"),
        ("open('final/oof.csv', 'w')", "empty"),
        ("import os; os.symlink('/etc/passwd', 'final/oof.csv')", "symbolic link"),
        ("import os; os.mkfifo('final/oof.csv')", "pipe"),
        ("import os; os.link('script.py', 'final/oof.csv')", "hard link"),
        ("import os; os.mkdir('final/oof.csv')", "without writing final/oof.csv"),
        ("import os; os.rmdir('final'); os.symlink('/etc', 'final')", "without writing"),
    ],
)
def test_no_score(tmp_path: Path, script: str, says: str) -> None:
    done = run(script, tmp_path)
    assert (done.outcome, done.exit_code) == ("no_score", 0)
    assert says in done.problem
    assert done.artefacts.keys() <= {"final/oof.csv"}
    assert not (tmp_path / "final" / "oof.csv").is_symlink()


def test_error_names_exception_message_and_line(tmp_path: Path) -> None:
    done = run("import json\n\njson.loads('{')", tmp_path)
    assert (done.outcome, done.exit_code) == ("error", 1)
    assert done.exception is not None
    assert (done.exception.type, done.exception.line) == ("JSONDecodeError", 3)
    assert done.problem.startswith("JSONDecodeError in line 3: Expecting property name")
    assert str(tmp_path) not in done.exception.traceback


@pytest.mark.parametrize("level", ["process"], indirect=True)
@pytest.mark.parametrize(
    ("script", "code", "says"),
    [
        ("import sys; sys.exit('no data')", 1, "exit code 1: no data"),
        ("import os; os._exit(3)", 3, "exit code 3 and said nothing"),
        ("import sys; print('Traceback (most', file=sys.stderr); sys.exit(2)", 2, "exit code 2"),
        ("x = (", 1, "SyntaxError in line 1"),
    ],
)
def test_error_without_traceback(tmp_path: Path, script: str, code: int, says: str) -> None:
    done = run(script, tmp_path)
    assert (done.outcome, done.exit_code) == ("error", code)
    assert says in done.problem


def test_a_failed_script_that_wrote_predictions_is_no_success(tmp_path: Path) -> None:
    assert run(GOOD + "\n1 / 0", tmp_path).outcome == "error"


def test_timeout_carries_what_was_printed_and_counts_nothing(tmp_path: Path) -> None:
    done = run(GOOD + "\nimport time\ntime.sleep(60)", tmp_path, wall_seconds=1.5)
    assert done.outcome == "timeout"
    assert done.printed == 0.75
    assert "1.5 seconds" in done.problem
    assert "does not count" in done.problem


def test_timeout_of_a_script_that_ends_well_when_asked_to_stop(tmp_path: Path) -> None:
    script = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(0))\n"
    done = run(GOOD + script + "time.sleep(60)", tmp_path, wall_seconds=1.5)
    assert (done.outcome, done.exit_code) == ("timeout", 0)


def test_memory_limit(tmp_path: Path) -> None:
    script = """
    import time
    kept = []
    for _ in range(60):
        kept.append(bytearray(b"x" * 20_000_000))
        time.sleep(0.02)
    time.sleep(60)
    """
    done = run(script, tmp_path, memory_mb=300)
    assert done.outcome == "out_of_memory"
    assert "300 MiB" in done.problem
    assert done.peak_memory_mb is not None
    assert done.peak_memory_mb > 300


def test_memory_limit_counts_the_whole_tree(tmp_path: Path) -> None:
    script = """
    import os, time
    for _ in range(4):
        if os.fork() == 0:
            break
    kept = bytearray(b"x" * 90_000_000)
    time.sleep(60)
    """
    assert run(script, tmp_path, memory_mb=300).outcome == "out_of_memory"


def test_shared_pages_count_once(tmp_path: Path) -> None:
    script = """
    import os, time
    kept = bytearray(b"x" * 120_000_000)
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            time.sleep(1)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    """
    done = run(script, tmp_path, memory_mb=300, required=())
    assert done.outcome == "ok"
    assert done.processes == 5
    assert done.peak_memory_mb is not None
    assert 110 < done.peak_memory_mb < 300


@pytest.mark.parametrize(
    "script",
    [
        "raise MemoryError",
        "raise MemoryError('Unable to allocate 75 GiB')",
        "import os; os.write(2, b'terminate called: std::bad_alloc'); os._exit(134)",
        "import os; os.write(2, b'std::bad_alloc'); os.abort()",
        "raise OSError(12, 'Cannot allocate memory')",
        "raise RuntimeError('std::bad_alloc')",
    ],
)
def test_signs_of_exhausted_memory(tmp_path: Path, script: str) -> None:
    assert run(script, tmp_path).outcome == "out_of_memory"


def test_a_memory_error_that_was_survived_is_not_the_cause(tmp_path: Path) -> None:
    script = "import sys; print('MemoryError: tried less', file=sys.stderr)\nraise KeyError('x')"
    assert run(script, tmp_path).outcome == "error"


def test_disk_limit_by_many_files(tmp_path: Path) -> None:
    script = """
    import time
    for i in range(600):
        with open(f"tmp/{i}", "wb") as f:
            f.write(b"x" * 1_000_000)
        time.sleep(0.02)
    """
    done = run(script, tmp_path, disk_mb=20)
    assert done.outcome == "disk_limit"
    assert done.disk_mb > 20


def test_disk_limit_by_one_file(tmp_path: Path) -> None:
    done = run("open('final/oof.csv', 'wb').write(b'x' * 30_000_000)", tmp_path, disk_mb=20)
    assert done.outcome == "disk_limit"
    assert done.disk_mb <= 20.5


def test_output_limit(tmp_path: Path) -> None:
    done = run("while True: print('x' * 10_000)", tmp_path, output_mb=3)
    assert done.outcome == "output_limit"
    assert done.stdout.dropped > 2_000_000
    assert len(done.stdout.text) < 200_000
    assert sum(f.stat().st_size for f in tmp_path.iterdir() if f.is_file()) < 3_000_000


@pytest.mark.parametrize(
    ("number", "outcome"), [(11, "killed"), (9, "killed"), (25, "disk_limit"), (24, "timeout")]
)
def test_signals_we_did_not_send(tmp_path: Path, number: int, outcome: str) -> None:
    script = (
        f"import os, signal\nsignal.signal({number}, signal.SIG_DFL)\n"
        if number != 9
        else "import os\n"
    )
    done = run(f"{script}os.kill(os.getpid(), {number})", tmp_path)
    assert (done.outcome, done.exit_code, done.signal) == (outcome, None, number)


def test_too_many_processes(tmp_path: Path) -> None:
    script = "import os, time\nfor _ in range(40):\n    if os.fork() == 0: break\ntime.sleep(60)"
    done = run(script, tmp_path, processes=20)
    assert done.outcome == "error"
    assert "20 processes" in done.problem


SPOIL = """
import os
for name in ("train.csv", "members/0/oof.csv"):
    path = "input/" + name
    os.chmod(path, 0o644)
    with open(path, "r+") as stream:
        print(stream.read())
        stream.seek(0)
        stream.write("spoilt")
"""


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    view, member = tmp_path / "view", tmp_path / "member" / "oof.csv"
    view.mkdir()
    member.parent.mkdir()
    (view / "train.csv").write_text("a\n1234567\n")
    member.write_text("p\n0.12345\n")
    for path in (view / "train.csv", member):
        path.chmod(0o444)
    return {"": view, "members/0/oof.csv": member}


def test_a_script_that_overwrites_its_input_spoils_nothing(
    tmp_path: Path, inputs: dict[str, Path]
) -> None:
    executor = LocalExecutor(level=running.LEVEL)
    for name in ("first", "second"):
        done = executor.submit(job(SPOIL + GOOD, tmp_path / name, inputs=inputs)).result(30)
        if running.LEVEL == "process":
            assert done.outcome == "ok", done.problem
            assert "a\n1234567\n\np\n0.12345\n" in done.stdout.text
        else:
            assert done.outcome == "error"
        assert (inputs[""] / "train.csv").read_text() == "a\n1234567\n"
        assert inputs["members/0/oof.csv"].read_text() == "p\n0.12345\n"
    executor.shutdown()


def test_altering_an_input_too_large_to_copy_is_an_error(
    tmp_path: Path, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.execution.workspace.COPIED_BYTES", 4)
    done = run(SPOIL + GOOD, tmp_path / "job", inputs=inputs)
    assert done.outcome == "error"
    if running.LEVEL == "process":
        assert "altered its input (oof.csv, train.csv)" in done.problem
    else:
        assert (inputs[""] / "train.csv").read_text() == "a\n1234567\n"
        assert (inputs[""] / "train.csv").stat().st_mode & 0o777 == 0o444
        assert "altered" not in done.problem  # nobody could


def test_large_inputs_and_folders_are_seen(
    tmp_path: Path, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.execution.workspace.COPIED_BYTES", 4)
    (inputs[""] / "images").mkdir()
    (inputs[""] / "images" / "1.png").write_text("png")
    script = """
    import os
    for name in ("train.csv", "members/0/oof.csv", "images/1.png"):
        print(open("input/" + name).read())
    print(sorted(os.listdir("input/images")))
    """
    done = run(script, tmp_path / "job", inputs=inputs, required=())
    assert done.stdout.text == "a\n1234567\n\np\n0.12345\n\npng\n['1.png']\n", done


def test_an_interpreter_that_is_missing_is_raised(tmp_path: Path) -> None:
    executor = LocalExecutor(python="/nowhere/python")
    with pytest.raises(SettingsError, match="/nowhere/python"):
        executor.submit(job(GOOD, tmp_path)).result(30)
    executor.shutdown()


def test_an_interpreter_that_cannot_be_started_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.execution.process.job_key", lambda *_: "key")
    executor = LocalExecutor(python="/nowhere/python")
    with pytest.raises(SandboxUnavailable, match="/nowhere/python"):
        executor.submit(job(GOOD, tmp_path)).result(30)
    executor.shutdown()


def test_a_folder_that_cannot_be_made_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    executor = LocalExecutor(level=running.LEVEL)
    with pytest.raises(MleStarError, match="can't be prepared"):
        executor.submit(job(GOOD, tmp_path / "file" / "job")).result(30)
    assert executor.submit(job(GOOD, tmp_path / "job")).result(30).outcome == "ok"
    executor.shutdown()


LOOK = """
import json, os, random, sys
json.dump({
    "environ": dict(os.environ), "cwd": os.getcwd(), "path": sys.path, "hash": hash("a"),
    "files": sorted(os.listdir(".")), "stdin": sys.stdin.read(), "random": random.__file__,
    "fds": len(os.listdir("/proc/self/fd")), "sid": os.getsid(0),
}, open("final/look.json", "w"))
"""


def look(done: Execution) -> dict[str, object]:
    assert done.outcome == "ok", done
    value = json.loads(done.artefacts["final/look.json"].path.read_text())
    assert isinstance(value, dict)
    return value


def test_what_a_script_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setenv("PYTHONPATH", "/canary")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:canary@proxy")
    script = "open('random.py', 'w').write('')\n" + LOOK
    seen = look(run(script, tmp_path / "job", required=(), seed=7))
    environ = seen["environ"]
    assert isinstance(environ, dict)
    assert "canary" not in json.dumps(seen)
    assert environ["HOME"].startswith(str(tmp_path / "job"))
    assert environ["TMPDIR"].startswith(str(tmp_path / "job"))
    assert environ["PYTHONHASHSEED"] == "7"
    assert str(tmp_path / "job") not in str(seen["path"])
    assert "job" not in str(seen["random"])
    assert seen["stdin"] == ""
    assert seen["fds"] == 4  # three streams and the listing itself
    assert seen["sid"] != os.getsid(0)
    assert {"final", "input", "script.py"} <= set(str(seen["files"]).replace("'", " ").split())


def test_hashing_follows_the_seed(tmp_path: Path) -> None:
    hashes = [
        look(run(LOOK, tmp_path / str(n), required=(), seed=s))["hash"]
        for n, s in enumerate((1, 1, 2))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_thread_caps_are_the_cores_at_the_start(tmp_path: Path) -> None:
    executor = LocalExecutor(level=running.LEVEL, cores=1)
    done = executor.submit(job(LOOK, tmp_path / "job", required=())).result(30)
    executor.shutdown()
    environ = look(done)["environ"]
    assert isinstance(environ, dict)
    caps = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    assert {environ[name] for name in caps} == {"1"}
    assert done.cpus == 1


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core can't be shared")
@pytest.mark.parametrize(("cpus", "products"), [(1, "1"), (2, "2")])
def test_matrix_products_use_the_cores_that_no_other_script_can_take(
    tmp_path: Path, cpus: int, products: str
) -> None:
    executor = LocalExecutor(level=running.LEVEL, cores=2)
    done = executor.submit(job(LOOK, tmp_path / "job", required=(), cpus=cpus)).result(30)
    executor.shutdown()
    environ = look(done)["environ"]
    assert isinstance(environ, dict)
    assert environ["OMP_NUM_THREADS"] == "2", "a lone script gets all cores"
    assert environ["OPENBLAS_NUM_THREADS"] == products


def test_folder_after_a_run_holds_what_is_of_use(tmp_path: Path) -> None:
    run(GOOD, tmp_path / "job")
    assert names(tmp_path / "job") == [
        "final",
        "script.py",
        "stderr.log",
        "stdout.log",
    ]


def test_scripts_see_the_packages_of_the_interpreter(tmp_path: Path) -> None:
    done = run("import sys, pandas; print(sys.executable)", tmp_path, required=())
    assert done.stdout.text.strip() == sys.executable
