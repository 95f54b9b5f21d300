"""What was once found by running attacks: each trap stays shut."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import venv
from pathlib import Path

import pytest

from mle_star.errors import SandboxUnavailable
from mle_star.execution import Execution, LocalExecutor
from mle_star.execution.cages.bytecode import compile_packages
from tests.execution import running
from tests.execution.running import GOOD, job, run, strays

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces and Landlock are Linux")


def answer(done: Execution) -> dict[str, object]:
    assert done.outcome == "ok", done
    value = json.loads(done.stdout.text)
    assert isinstance(value, dict)
    return value


def test_the_harness_has_nothing_to_read_in_proc(tmp_path: Path, cage: str) -> None:
    """Trap 1: the environment of bwrap, of the supervisor and of the harness is out of sight."""
    canary = "canary-5f1b"
    script = """
    import glob, json
    found = []
    for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/task/*/environ"):
        try:
            text = open(path, "rb").read()
        except OSError:
            continue
        if b"canary" + b"-5f1b" in text:
            found.append(path)
    print(json.dumps({"found": found}))
    """
    program = f"""
from pathlib import Path
from tests.execution import running
running.LEVEL = {cage!r}
done = running.run({script!r}, Path({str(tmp_path / "job")!r}), required=())
print(done.stdout.text, done.problem)
"""
    environment = {**os.environ, "SOME_API_KEY": canary}
    harness = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(harness.stdout) == {"found": []}


def test_a_script_outlives_the_thread_that_started_it(tmp_path: Path, level: str) -> None:
    """Trap 2: PDEATHSIG is per thread, and the thread that hands a job over may end at once."""
    executor = LocalExecutor(level=level)
    futures = []

    def submit() -> None:
        script = "import time; time.sleep(0.5)\n" + GOOD
        futures.append(executor.submit(job(script, tmp_path / "job")))

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join()
    assert futures[0].result(30).outcome == "ok"
    executor.shutdown()


def test_address_space_is_not_limited(tmp_path: Path, level: str) -> None:
    """Trap 3: what is reserved and not used is no memory."""
    script = """
    import mmap, resource
    room = mmap.mmap(-1, 2 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    print([resource.getrlimit(n)[0] for n in (resource.RLIMIT_AS, resource.RLIMIT_DATA)])
    """
    done = run(script, tmp_path, memory_mb=300, required=())
    assert done.outcome == "ok"
    assert done.stdout.text.strip() == "[-1, -1]"


def test_processes_are_counted_in_the_cage_alone(tmp_path: Path, level: str) -> None:
    """Trap 4: elsewhere RLIMIT_NPROC would count everything the user runs."""
    script = "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC)[0])"
    outside = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    done = run(script, tmp_path, processes=20, required=())
    if level == "bubblewrap":
        assert 20 <= int(done.stdout.text) <= 200
    else:
        assert done.stdout.text == outside.stdout


def test_a_killed_script_is_not_reported_as_a_success(tmp_path: Path, level: str) -> None:
    """Trap 5, and the second half of 6: the status is the script's own."""
    done = run("import os; os.fork() or os._exit(0)\nos.kill(os.getpid(), 9)", tmp_path)
    assert (done.outcome, done.exit_code, done.signal) == ("killed", None, 9)


@pytest.mark.parametrize("code", [1, 2, 126, 127])
def test_exit_codes_of_shells_are_the_scripts_own(tmp_path: Path, level: str, code: int) -> None:
    done = run(f"import os; os._exit({code})", tmp_path)
    assert (done.outcome, done.exit_code) == ("error", code)


def test_a_cage_that_does_not_start_is_no_failed_script(
    tmp_path: Path, cage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 6: bwrap ends with 1 like a script that fails."""
    if cage == "bubblewrap":
        monkeypatch.setattr("mle_star.execution.cages.places.system_paths", lambda: ["/nowhere"])
    else:
        monkeypatch.setattr("mle_star.execution.cages.landlock.INSIDE", "/nowhere/inside.py")
    with pytest.raises(SandboxUnavailable, match=cage):
        run(GOOD, tmp_path)


def test_packages_are_compiled_once(tmp_path: Path) -> None:
    """Trap 7: what a script compiles in a read-only environment is lost."""
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    package = next((tmp_path / "env" / "lib").glob("*/site-packages")) / "packed"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1\n")
    compile_packages(str(python))
    assert len(list(package.glob("__pycache__/*.pyc"))) == 1


def test_a_script_of_another_environment(tmp_path: Path, cage: str) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    python = str(tmp_path / "env" / "bin" / "python")
    executor = LocalExecutor(python=python, level=cage)
    script = "import sys; print(sys.executable, sys.prefix != sys.base_prefix)"
    done = executor.submit(job(script, tmp_path / "job", required=())).result(30)
    executor.shutdown()
    assert done.stdout.text == f"{python} True\n", done


def test_processor_time_is_seen_through_the_cage(tmp_path: Path, level: str) -> None:
    """Trap 8: rusage is not."""
    script = """
    import os, time
    def burn(seconds):
        while time.process_time() < seconds:
            pass
    if os.fork() == 0:
        burn(0.4)
        os._exit(0)
    burn(0.4)
    os.wait()
    """
    done = run(script, tmp_path, required=())
    assert done.cpu_seconds is not None
    assert 0.75 < done.cpu_seconds < 2.5


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("os.symlink(SECRET, 'final/oof.csv')", "a symbolic link"),
        ("os.symlink(SECRET, 'x'); os.symlink('../x', 'final/oof.csv')", "a symbolic link"),
        ("os.mkfifo('final/oof.csv')", "a pipe"),
        ("open('x', 'w').write('1'); os.link('x', 'final/oof.csv')", "a hard link"),
        ("os.rmdir('final'); os.symlink(os.path.dirname(SECRET), 'final')", "without writing"),
        ("os.mkdir('final/oof.csv'); os.mkfifo('final/oof.csv/x')", "without writing"),
    ],
)
def test_what_is_collected_is_a_plain_file_of_the_scripts(
    tmp_path: Path, level: str, script: str, says: str
) -> None:
    """Trap 9."""
    secret = tmp_path / "secret" / "oof.csv"
    secret.parent.mkdir()
    secret.write_text("secret")
    prelude = f"import os, resource\nSECRET = {str(secret)!r}\n"
    done = run(prelude + script, tmp_path / "job")
    assert "final/oof.csv" not in done.artefacts
    assert done.outcome == "no_score"
    assert says in done.problem
    assert secret.read_text() == "secret"


def test_scripts_begin_in_a_fresh_interpreter(tmp_path: Path, level: str) -> None:
    """Trap 10: no fork of a process that has run an OpenMP region."""
    script = "import sys; print(sorted(m for m in sys.modules if m.startswith(('numpy', 'mle'))))"
    assert run(script, tmp_path, required=()).stdout.text == "[]\n"


def test_descriptors_of_the_harness_stay_outside(tmp_path: Path, level: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    with secret.open() as stream:
        os.set_inheritable(stream.fileno(), True)
        done = run(
            "import os; print([os.readlink('/proc/self/fd/' + n)[:5] for n in '012'],"
            " len(os.listdir('/proc/self/fd')))",
            tmp_path / "job",
            required=(),
        )
    assert done.stdout.text.strip() == "['/dev/', 'pipe:', 'pipe:'] 4"


def test_no_way_to_a_listener_of_the_machine(tmp_path: Path, cage: str) -> None:
    path = str(tmp_path / "socket")
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as local:
        server.bind(("127.0.0.1", 0))
        server.listen()
        local.bind(path)
        local.listen()
        script = f"""
        import json, socket
        reached = []
        for family, address in ((socket.AF_INET, ("127.0.0.1", {server.getsockname()[1]})),
                                (socket.AF_UNIX, {path!r})):
            try:
                socket.socket(family).connect(address)
                reached.append(str(address))
            except OSError:
                pass
        print(json.dumps({{"reached": reached}}))
        """
        assert answer(run(script, tmp_path / "job", required=())) == {"reached": []}


def test_the_harness_is_out_of_reach(tmp_path: Path, cage: str) -> None:
    """Neither it nor the supervisor can be signalled, traced or limited."""
    script = f"""
    import json, os, resource
    done = []
    for pid in (os.getppid(), {os.getpid()}, -{os.getpgid(0)}):
        for name, action in (
            ("kill", lambda: os.kill(pid, 19)),
            ("limit", lambda: resource.prlimit(abs(pid), resource.RLIMIT_CORE, (1, 1))),
            ("memory", lambda: os.open(f"/proc/{{abs(pid)}}/mem", os.O_RDWR)),
            ("files", lambda: os.readlink(f"/proc/{{abs(pid)}}/fd/0")),
        ):
            try:
                action()
                done.append([name, pid])
            except OSError:
                pass
    print(json.dumps({{"done": done}}))
    """
    found = answer(run(script, tmp_path, required=()))["done"]
    assert isinstance(found, list)
    if cage == "bubblewrap":  # process 1 of the namespace is bwrap's, which no signal reaches
        found = [item for item in found if item != ["kill", 1]]
    assert found == []


def test_nothing_is_left_by_a_cage_that_was_killed(tmp_path: Path, cage: str) -> None:
    script = "import os, time\nos.fork(); os.fork()\nos.fork() or os.setsid()\ntime.sleep(99)"
    done = run(script, tmp_path, wall_seconds=1.0)
    assert done.outcome == "timeout"
    assert done.wall_seconds < 1.0 + 2.0 + running.SLACK
    assert strays(tmp_path) == []
