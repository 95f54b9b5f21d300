"""The level ``container`` against a program that answers as docker and podman do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mle_star.errors import SandboxUnavailable, SettingsError
from mle_star.execution import Execution, LocalExecutor, installed_packages, job_key
from mle_star.execution.cages import choose_level, container, engine, make_cage
from mle_star.execution.cages.canary import failure
from mle_star.execution.packages import interpreter_versions
from mle_star.execution.probe import start_time
from tests.execution.running import GOOD, SLACK, job, strays, wait_for
from tests.support.docker import DOCKER, PODMAN, ROOTLESS, FakeEngine

IMAGE = "lab:1"
_CACHED = (
    engine.engine,
    engine.image_digest,
    engine.image_volumes,
    interpreter_versions,
    failure,
)


@pytest.fixture
def forget() -> Iterator[None]:
    """What was found out about an engine holds for one test."""
    for function in _CACHED:
        function.cache_clear()
    yield
    for function in _CACHED:
        function.cache_clear()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: None) -> FakeEngine:
    fake = FakeEngine(tmp_path / "engine")
    monkeypatch.setenv("PATH", str(fake.folder))
    return fake


def run(script: str, folder: Path, **fields: Any) -> Execution:
    executor = LocalExecutor("python3", "container", image=IMAGE)
    try:
        return executor.submit(job(script, folder, **fields)).result(60)
    finally:
        executor.shutdown()


def started(docker: FakeEngine) -> list[list[str]]:
    """The commands that began a script, without those that asked an image what it has."""
    return [words for words in docker.commands("run") if "--name" in words]


def option(words: list[str], name: str) -> list[str]:
    return [words[n + 1] for n, word in enumerate(words) if word == name]


def test_a_script_runs_and_its_container_is_removed(docker: FakeEngine, tmp_path: Path) -> None:
    done = run(GOOD, tmp_path / "job", required=("final/oof.csv",))
    assert done.outcome == "ok", done.problem
    assert done.printed == 0.75
    assert done.isolation.level == "container"
    assert done.processes == 1
    assert done.peak_memory_mb
    assert (done.cpu_seconds or 0) > 0
    assert docker.leftover() == []
    (words,) = started(docker)
    assert docker.commands("rm") == [["rm", "--force", "--volumes", *option(words, "--name")]]


def test_what_the_engine_is_told(docker: FakeEngine, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "side").mkdir(parents=True)
    (data / "train.csv").write_text("x\n1\n")
    folder = tmp_path / "job"
    limits = {"memory_mb": 400, "disk_mb": 50, "processes": 8, "open_files": 100}
    docker.say(volumes={"/data": {}})
    run(GOOD, folder, inputs={"": data}, **limits)
    (words,) = started(docker)
    assert "--interactive" in words  # or nothing would tell the container that we are gone
    assert {"--read-only", "no-new-privileges"} <= set(words)
    for name, value in (
        ("--network", "none"),
        ("--cap-drop", "ALL"),
        ("--pull", "never"),
        ("--log-driver", "none"),
        ("--memory", "400m"),
        ("--memory-swap", "400m"),
        ("--pids-limit", "136"),
        ("--user", f"{os.getuid()}:{os.getgid()}"),
        ("--workdir", str(folder)),
        ("--entrypoint", "python3"),
    ):
        assert option(words, name) == [value], name
    assert option(words, "--ulimit") == ["core=0:0", "nofile=100:100", "fsize=52428800:52428800"]
    assert option(words, "--tmpfs")[0] == "/tmp:rw,exec,mode=1777,size=50m"
    mounts = option(words, "--mount")
    assert f"type=bind,source={folder},target={folder}" in mounts
    assert f"type=bind,source={folder}/input,target={folder}/input,readonly" in mounts
    assert f"type=bind,source={data}/side,target={data}/side,readonly" in mounts
    assert [m for m in mounts if not m.endswith(",readonly")] == [mounts[0]]
    assert docker.says["images"][IMAGE] in words  # by content, not by name
    assert "--no-healthcheck" in words
    assert option(words, "--tmpfs")[1:] == ["/data:rw,size=16m"]  # in place of the image's volume
    assert option(words, "--label") == [f"{engine.LABEL}={engine.owner()}"]


def test_neither_script_nor_client_gets_our_keys(
    docker: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "canary-5c1d")
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    run(GOOD, tmp_path / "job")
    for words, variables in docker.told:
        assert "canary-5c1d" not in json.dumps([words, variables])
        assert variables["DOCKER_HOST"].endswith("docker.sock")
    (words,) = started(docker)
    given = dict(value.partition("=")[::2] for value in option(words, "--env"))
    assert given["HOME"] == str(tmp_path / "job" / "home")
    assert "OMP_NUM_THREADS" in given
    assert not {"PATH", "LD_LIBRARY_PATH", "DOCKER_HOST"} & given.keys()  # those of the image hold


def test_exit_codes_and_signals_are_the_scripts(docker: FakeEngine, tmp_path: Path) -> None:
    done = run("import sys; sys.exit(137)", tmp_path / "a")
    assert (done.outcome, done.exit_code, done.signal) == ("error", 137, None)
    done = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path / "b")
    assert (done.outcome, done.exit_code, done.signal) == ("killed", None, 9)
    done = run("1 / 0", tmp_path / "c")
    assert (done.outcome, done.exception and done.exception.type) == ("error", "ZeroDivisionError")
    assert run("import sys; sys.exit(125)", tmp_path / "d").exit_code == 125


@pytest.mark.parametrize(
    "forged",
    [
        "open('container.json', 'w').write('[' * 4000)",
        """open('container.json', 'w').write('{"cpu": "x", "peak": 1e999, "processes": [], "st')""",
        "os.mkdir('container.json'); open('container.json/x', 'w').close()",
        "os.mkfifo('container.json')",
        "os.symlink('/etc/passwd', 'container.json')",
        "open('container.json', 'w').write('{\"cpu\": 1' + '0' * 400 + '}')",
        "",
    ],
)
def test_a_report_that_a_script_spoilt_costs_figures_only(
    docker: FakeEngine, tmp_path: Path, forged: str
) -> None:
    plant = f"import os, time\nos.remove('container.json')\n{forged}\n"
    before = Path("/etc/passwd").read_bytes()
    done = run(plant + GOOD, tmp_path / "job", required=("final/oof.csv",))
    assert done.outcome == "ok", done.problem
    assert Path("/etc/passwd").read_bytes() == before


def test_a_status_the_warden_did_not_tell_is_not_believed(tmp_path: Path) -> None:
    assert container._exact(0, 9) == (0, False)
    assert container._exact(137 << 8, 9) == (9, True)
    assert container._exact(137 << 8, 137 << 8) == (137 << 8, True)
    assert container._exact(137 << 8, None) == (9, False)
    assert container._exact(137 << 8, 0x7F) == (9, False)  # stopped is not ended
    assert container._exact(1 << 8, 2**80) == (1 << 8, False)


def test_a_time_out_ends_everything_and_keeps_the_output(
    docker: FakeEngine, tmp_path: Path
) -> None:
    script = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("half way")
        if os.fork() == 0:
            time.sleep(60)
        time.sleep(60)
    """
    begun = time.monotonic()
    done = run(script, tmp_path / "job", wall_seconds=1.0)
    assert time.monotonic() - begun < 4 + SLACK
    assert done.outcome == "timeout"
    assert "half way" in done.stdout.text
    assert docker.leftover() == []
    wait_for(lambda: not strays(tmp_path / "job"))


def test_the_time_to_make_a_container_is_not_the_scripts(
    docker: FakeEngine, tmp_path: Path
) -> None:
    docker.say(delay=1.5)
    done = run(GOOD, tmp_path / "job", wall_seconds=1.0)
    assert done.outcome == "ok", done.problem


def test_processor_time_and_processes_are_bounded(docker: FakeEngine, tmp_path: Path) -> None:
    burn = "while True: pass"
    done = run(burn, tmp_path / "cpu", cpu_seconds=1.0)
    assert (done.outcome, "processor time" in done.problem) == ("timeout", True)
    crowd = "import os, time\nfor _ in range(4): os.fork()\ntime.sleep(30)"
    done = run(crowd, tmp_path / "many", processes=2)
    assert done.outcome == "error"
    assert "more than its 2 processes" in done.problem


def test_memory_is_the_engines_verdict(docker: FakeEngine, tmp_path: Path) -> None:
    docker.say(oom=True)
    done = run("raise SystemExit(1)", tmp_path / "a", memory_mb=300)
    assert (done.outcome, "limit of 300 MiB" in done.problem) == ("out_of_memory", True)
    done = run(GOOD, tmp_path / "b", memory_mb=300)
    assert done.outcome == "ok"  # a child of it was killed, and it could do without


def test_a_container_ends_when_its_harness_is_killed(docker: FakeEngine, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    program = f"""
        from tests.execution.running import job
        from mle_star.execution import LocalExecutor
        from pathlib import Path
        executor = LocalExecutor("python3", "container", image={IMAGE!r})
        executor.submit(job("import time; time.sleep(60)", Path({str(folder)!r}))).result()
    """
    harness = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    wait_for(lambda: (folder / "container.json").exists())
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    wait_for(lambda: not strays(folder))
    (name,) = docker.leftover()  # the engine's record of it
    gone = f"other:1:1\nid2 {engine.owner()}"
    host = engine.owner().partition(":")[0]
    docker.say(containers=[f"{name} {host}:{harness.pid}:1", f"id1 {gone}"])
    engine.sweep()
    assert docker.commands("rm") == [["rm", "--force", name]]


def test_a_container_that_can_not_be_made_stops_the_run(docker: FakeEngine, tmp_path: Path) -> None:
    docker.say(broken="invalid mount config for type bind")
    with pytest.raises(SandboxUnavailable, match=r"'container'.*invalid mount config"):
        run(GOOD, tmp_path / "job")


def test_an_engine_that_does_not_answer_afterwards_costs_no_result(
    docker: FakeEngine, tmp_path: Path
) -> None:
    docker.say(silent=True)
    done = run(GOOD, tmp_path / "job", required=("final/oof.csv",))
    assert done.outcome == "ok", done.problem
    assert run("raise SystemExit(3)", tmp_path / "other").exit_code == 3


def test_an_engine_that_dies_under_a_script_is_not_the_scripts_failure(
    docker: FakeEngine, tmp_path: Path
) -> None:
    docker.say(silent=True, dies=True)
    with pytest.raises(SandboxUnavailable, match="unexpected EOF"):
        run("import time; time.sleep(20)", tmp_path / "job")


def test_an_engine_that_starts_nothing_in_time_is_not_the_scripts_time_out(
    docker: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.execution.child._START", 1.0)
    docker.say(created=True, delay=6.0)
    with pytest.raises(SandboxUnavailable):
        run(GOOD, tmp_path / "job", wall_seconds=1.0)


def test_removed_files_that_are_open_count_as_disk(docker: FakeEngine, tmp_path: Path) -> None:
    script = """
        import os, time
        held = open("final/large.bin", "wb", buffering=0)
        os.remove("final/large.bin")
        for _ in range(30):
            held.write(b"x" * 1_000_000)
        time.sleep(20)
    """
    done = run(script, tmp_path / "job", disk_mb=10)
    assert done.outcome == "disk_limit", done.problem


def test_a_script_hears_of_its_time_out(docker: FakeEngine, tmp_path: Path) -> None:
    script = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("saved", flush=True), sys.exit(0)))
        time.sleep(30)
    """
    done = run(script, tmp_path / "job", wall_seconds=1.0)
    assert done.outcome == "timeout"
    assert "saved" in done.stdout.text


@pytest.mark.parametrize("limit", ["MemoryLimit", "PidsLimit"])
def test_an_engine_without_limits_is_none(docker: FakeEngine, limit: str) -> None:
    docker.say(info={**DOCKER, limit: False})
    with pytest.raises(SettingsError, match="it can't limit"):
        choose_level("container", "python3", image=IMAGE)


def test_the_canary_tries_it(docker: FakeEngine) -> None:
    # Nothing holds the scripts of a fake engine.
    with pytest.raises(SettingsError, match="read a file beside its folder and reached a port"):
        choose_level("container", "python3", image=IMAGE)


def test_what_is_missing_is_said(docker: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"needs an image.*container_image"):
        choose_level("container", "python3")
    with pytest.raises(SettingsError, match=r"no image 'lab:2'.*'docker pull lab:2'"):
        choose_level("container", "python3", image="lab:2")
    for function in _CACHED:
        function.cache_clear()
    docker.say(down=True)
    with pytest.raises(SettingsError, match=r"docker does not answer.*daemon at unix"):
        choose_level("container", "python3", image=IMAGE)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SettingsError, match="neither is installed"):
        choose_level("container", "python3", image=IMAGE)


@pytest.mark.parametrize(
    ("facts", "version", "identity"),
    [
        (DOCKER, "Docker version 28", ["--user", f"{os.getuid()}:{os.getgid()}"]),
        (ROOTLESS, "Docker version 28", ["--user", "0:0"]),
        (PODMAN, "podman version 4.3.1", ["--userns", "keep-id"]),
    ],
)
def test_files_belong_to_the_user(
    docker: FakeEngine, facts: dict[str, Any], version: str, identity: list[str]
) -> None:
    docker.say(info=facts, version=version)
    own = engine.engine()
    assert own.identity() == identity
    gaps = make_cage("container", "python3", IMAGE).gaps()
    assert any("runs as root" in gap for gap in gaps) is (facts is DOCKER)


def test_a_graphics_processor_is_handed_on_where_the_engine_can(
    docker: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.say(info={**DOCKER, "Runtimes": {"nvidia": {}, "runc": {}}})
    monkeypatch.setattr("mle_star.execution.cages.places.accelerators", lambda: ["/dev/nvidia0"])
    done = run(GOOD, tmp_path / "job")
    (words,) = started(docker)
    assert option(words, "--gpus") == ["all"]
    assert any("graphics processor" in gap for gap in done.isolation.gaps)


def test_podman_is_used_where_docker_does_not_answer(
    docker: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.say(down=True)
    podman = FakeEngine(tmp_path / "other", "podman")
    podman.say(info=PODMAN, version="podman version 4.3.1")
    monkeypatch.setenv("PATH", f"{docker.folder}{os.pathsep}{podman.folder}")
    assert engine.engine().program == str(podman.folder / "podman")


def test_packages_and_cache_keys_are_those_of_the_image(docker: FakeEngine, tmp_path: Path) -> None:
    docker.say(images={IMAGE: "sha256:one", "same:1": "sha256:one", "lab:2": "sha256:two"})
    assert {"numpy", "pandas", "sklearn"} <= installed_packages("python3", IMAGE)
    (words,) = docker.commands("run")
    assert option(words, "--network") == ["none"]
    assert not option(words, "--mount")
    task = job(GOOD, tmp_path / "job")
    first = job_key(task, "python3", IMAGE)
    assert first == job_key(task, "python3", "same:1")
    assert first != job_key(task, "python3", "lab:2")
    with pytest.raises(SettingsError, match="no image 'lab:3'"):
        installed_packages("python3", "lab:3")
    docker.say(missing="python9")
    with pytest.raises(SettingsError, match=r"'python9' of the image 'lab:1' can't be started"):
        installed_packages("python9", IMAGE)


def test_paths_with_commas_and_quotes_are_mounted(docker: FakeEngine, tmp_path: Path) -> None:
    assert container._mount("/a,b") == ["--mount", 'type=bind,"source=/a,b","target=/a,b",readonly']
    assert container._mount('/a"b', write=True) == [
        "--mount",
        'type=bind,"source=/a""b","target=/a""b"',
    ]


def test_an_owner_is_this_process_alone() -> None:
    host, pid, born = engine.owner().split(":")
    assert int(pid) == os.getpid()
    assert int(born) == start_time(os.getpid())
    assert not engine._is_gone(engine.owner())
    assert engine._is_gone(f"{host}:{pid}:1")
    assert engine._is_gone(f"{host}:999999999:1")
    assert not engine._is_gone("elsewhere:999999999:1")
    assert not engine._is_gone("")
