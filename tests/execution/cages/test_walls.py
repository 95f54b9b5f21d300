"""What Landlock and the system call filter hold back, call by call."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.execution.cages import ruleset, sieve
from mle_star.execution.cages.landlock import LandlockCage
from tests.execution.levels import need
from tests.execution.running import names, run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not sieve.supported(), reason="Linux on x86-64 or aarch64"
)

CALLS = """
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
answers = {}
for name, number in json.loads(NUMBERS).items():
    ctypes.set_errno(0)
    # Arguments that no kernel accepts, so that nothing happens where nothing forbids it.
    value = libc.syscall(number, *[ctypes.c_long(-1)] * 6)
    answers[name] = errno.errorcode.get(ctypes.get_errno(), "") if value < 0 else str(value)
print(json.dumps(answers))
"""
FORBIDDEN = sieve._NEVER.split()
SHARED = sieve._SHARED.split()


def answers(tmp_path: Path, names: list[str]) -> dict[str, str]:
    column = sieve._COLUMN[os.uname().machine]
    known = {n: sieve.NUMBERS[n][column] for n in names if sieve.NUMBERS[n][column] >= 0}
    done = run(f"NUMBERS = {json.dumps(known)!r}\n" + CALLS, tmp_path, required=())
    assert done.outcome == "ok", done
    found = json.loads(done.stdout.text)
    assert isinstance(found, dict)
    return found


def test_every_forbidden_call_is_refused(tmp_path: Path, cage: str) -> None:
    names = FORBIDDEN + (SHARED if cage == "landlock" else [])
    assert set(answers(tmp_path, names).values()) == {"EPERM"}


def test_calls_by_which_files_lose_their_mode_do_nothing(tmp_path: Path) -> None:
    need("landlock")
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o640)
    before = outside.stat()
    script = f"""
    import os, shutil
    path = {str(outside)!r}
    os.chmod(path, 0o777)
    os.chmod(os.path.dirname(path), 0o777)
    os.utime(path, (1, 1))
    for call in (lambda: os.chown(path, 1, 1), lambda: os.setxattr(path, "user.x", b"1")):
        try:
            call()
        except PermissionError:
            print("refused")
    shutil.copy2("script.py", "final/copy.py")
    """
    done = run_at("landlock", script, tmp_path / "job")
    assert done == "refused\nrefused\n"
    after = outside.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_uid,
    )


def run_at(level: str, script: str, folder: Path) -> str:
    from tests.execution import running

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "LEVEL", level)
        done = run(script, folder, required=())
    assert done.outcome == "ok", done
    return done.stdout.text


def test_no_namespace_within(tmp_path: Path, cage: str) -> None:
    script = """
    import ctypes, os, signal
    libc = ctypes.CDLL(None, use_errno=True)
    for flags in (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x02000000):
        number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
        pid = libc.syscall(number, flags | signal.SIGCHLD, 0, 0, 0, 0)
        if pid == 0:
            os._exit(0)
        print(pid, ctypes.get_errno())
    print(libc.syscall(435, 0, 0), ctypes.get_errno())
    """
    assert run_at(cage, script, tmp_path) == f"-1 {errno.EPERM}\n" * 5 + f"-1 {errno.ENOSYS}\n"


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        ("socket.socketpair()", ("landlock", "bubblewrap")),
        ("socket.socket(socket.AF_UNIX)", ("bubblewrap",)),
        ("socket.socket(socket.AF_INET)", ("bubblewrap",)),
        ("socket.socket(40, socket.SOCK_STREAM)", ()),
        ("socket.socket(38, socket.SOCK_SEQPACKET)", ()),
        ("fcntl.ioctl(1, 0x5412, b'x')", ()),
        ("os.memfd_create('x')", ("landlock", "bubblewrap")),
        ("signal.pthread_kill(threading.get_ident(), 0)", ("landlock", "bubblewrap")),
        ("resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", ("landlock", "bubblewrap")),
    ],
)
def test_calls_by_their_arguments(
    tmp_path: Path, cage: str, call: str, allowed: tuple[str, ...]
) -> None:
    script = f"""
    import fcntl, os, resource, signal, socket, threading
    try:
        {call}
        print("allowed")
    except OSError as error:
        print("refused" if error.errno in (1, 97) else error)
    """
    assert run_at(cage, script, tmp_path) == ("allowed\n" if cage in allowed else "refused\n")


def test_no_privilege_is_left_not_even_for_root(tmp_path: Path, cage: str) -> None:
    script = """
    for line in open("/proc/self/status"):
        if line.startswith(("Cap", "NoNewPrivs", "Seccomp:")):
            print(*line.split())
    """
    zero = "0" * 16
    caps = [f"Cap{name}: {zero}" for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
    assert run_at(cage, script, tmp_path).split("\n")[:-1] == [
        *caps,
        "NoNewPrivs: 1",
        "Seccomp: 2",
    ]


def test_files_outside_can_not_be_opened(tmp_path: Path, cage: str) -> None:
    secret = tmp_path / "beside" / "secret"
    secret.parent.mkdir()
    secret.write_text("secret")
    script = f"""
    import os
    path = {str(secret)!r}
    os.symlink(path, "link")
    for name, action in {{
        "read": lambda: open(path).read(),
        "link": lambda: open("link").read(),
        "up": lambda: open("../beside/secret").read(),
        "root": lambda: open("/proc/self/root" + path).read(),
        "write": lambda: open(path, "w"),
        "beside": lambda: open(path + "2", "w"),
        "hard": lambda: os.link(path, "hard"),
        "move": lambda: os.rename(path, "moved"),
        "list": lambda: os.listdir(os.path.dirname(path)),
        "remove": lambda: os.remove(path),
        "truncate": lambda: os.truncate(path, 0),
        "passwd": lambda: open("/etc/shadow").read(),
        "temporary": lambda: open("/var/tmp/mle-star-test", "w"),
    }}.items():
        try:
            action()
            print("leak", name)
        except OSError:
            pass
    try:
        os.mkdir("../made")  # in a namespace's own /tmp this may succeed, out of sight
    except OSError:
        pass
    print("done")
    """
    assert run_at(cage, script, tmp_path / "job") == "done\n"
    assert secret.read_text() == "secret"
    assert names(tmp_path) == ["beside", "job"]


@pytest.mark.parametrize("abi", range(1, 8))
def test_every_version_of_landlock_keeps_files_in(tmp_path: Path, abi: int) -> None:
    """An older kernel is played by asking for less: what it lacks is closed otherwise or named."""
    if ruleset.version() < abi:
        pytest.skip(f"this kernel has version {ruleset.version()}")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    script = f"""
    import os
    for action in (lambda: open({str(secret)!r}).read(), lambda: os.truncate({str(secret)!r}, 0),
                   lambda: os.kill(os.getppid(), 19), lambda: os.kill(-1, 0)):
        try:
            action()
            print("leak")
        except OSError:
            pass
    open("final/a", "w").write("a")
    os.rename("final/a", "final/b")
    print("done")
    """
    from mle_star.execution import LocalExecutor
    from tests.execution.running import job

    executor = LocalExecutor(level="landlock")
    executor._cage = LandlockCage(executor.python, abi)
    done = executor.submit(job(script, tmp_path / "job", required=())).result(30)
    executor.shutdown()
    assert (done.outcome, done.stdout.text) == ("ok", "done\n"), done
    assert secret.read_text() == "secret"
    assert any("signal" in gap for gap in done.isolation.gaps) == (abi < 6)


def test_numbers_are_those_of_the_systems_headers() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("headers of x86-64")
    program = "#include <sys/syscall.h>\n" + "".join(
        f"#ifdef SYS_{n}\n{n} SYS_{n}\n#endif\n" for n in sieve.NUMBERS
    )
    try:
        text = subprocess.run(
            ["cc", "-E", "-P", "-"], input=program, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C preprocessor with headers")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    found = {name: int(number) for name, number in (x for x in lines if x[1].isdigit())}
    assert len(found) > 60
    assert found == {name: sieve.NUMBERS[name][0] for name in found}
