"""Which level a run gets, and what a person is told when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.errors import SettingsError
from mle_star.execution.cages import LEVELS, canary, choose_level, make_cage, remedies, ruleset
from mle_star.execution.cages.bubblewrap import BubblewrapCage
from mle_star.execution.cages.landlock import LandlockCage
from tests.execution.levels import need


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Levels that hold; the rest fails."""
    found: set[str] = set()
    monkeypatch.setattr("mle_star.execution.cages.compile_packages", lambda _: None)
    monkeypatch.setattr(canary, "failure", lambda level, *_: "" if level in found else "no luck")
    return found


def test_auto_takes_the_best_that_holds(works: set[str]) -> None:
    works |= {"landlock", "bubblewrap"}
    assert choose_level("auto").name == "bubblewrap"
    works.remove("bubblewrap")
    level = choose_level("auto")
    assert level.name == "landlock"
    assert "bubblewrap can't be had: no luck" in level.why
    assert level.gaps == LandlockCage(sys.executable).gaps()


def test_auto_refuses_where_nothing_holds(works: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name == "dnf" else None)
    with pytest.raises(SettingsError, match=r"run 'sudo dnf install bubblewrap' \(no luck\)"):
        choose_level("auto")


def test_our_own_scripts_may_run_uncaged_and_it_is_said(works: set[str]) -> None:
    level = choose_level("auto", trusted=True)
    assert level.name == "process"
    assert "Nothing holds the scripts in" in level.why
    assert any("every file" in gap for gap in level.gaps)


@pytest.mark.parametrize("level", ["bubblewrap", "landlock"])
def test_a_level_asked_for_is_never_another(works: set[str], level: str) -> None:
    works |= {"bubblewrap", "landlock"}
    assert choose_level(level).name == level
    works.remove(level)
    with pytest.raises(SettingsError, match=f"'{level}' can't be had.*no luck"):
        choose_level(level, trusted=True)


def test_process_is_had_everywhere(works: set[str]) -> None:
    assert choose_level("process").name == "process"


def test_there_is_no_other_level() -> None:
    with pytest.raises(SettingsError, match="'chroot'"):
        choose_level("chroot")
    with pytest.raises(SettingsError, match="'chroot'"):
        make_cage("chroot", sys.executable)
    assert {make_cage(n, sys.executable).name for n in LEVELS if n != "container"} == {
        "bubblewrap",
        "landlock",
        "process",
    }


def test_an_interpreter_that_is_missing_is_not_the_levels_fault() -> None:
    with pytest.raises(SettingsError, match="set 'python'"):
        choose_level("auto", "/nowhere/python", trusted=True)


def test_the_canary_holds_here(cage: str) -> None:
    assert canary.failure(cage, sys.executable) == ""
    assert choose_level(cage).name == cage


def test_the_canary_sees_that_process_holds_nothing() -> None:
    said = canary.failure("process", sys.executable)
    assert "read a file beside its folder" in said
    assert "reached a port" in said


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("mle_star.execution.cages.ruleset.restrict", "read a file beside its folder"),
        ("mle_star.execution.cages.landlock._sources", "could not read its input"),
    ],
)
def test_the_canary_notices_a_hole(monkeypatch: pytest.MonkeyPatch, broken: str, says: str) -> None:
    need("landlock")
    if broken.endswith("_sources"):
        monkeypatch.setattr(broken, lambda _: [])
    else:
        monkeypatch.setattr("mle_star.execution.cages.landlock.access", _everything)
    assert says in canary.failure.__wrapped__("landlock", sys.executable)


def _everything(python: str, around: object) -> dict[str, list[str]]:
    return {"write": ["/"]}


def test_the_canary_of_a_level_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("bubblewrap")
    monkeypatch.setattr("mle_star.execution.cages.places.system_paths", lambda: ["/nowhere"])
    assert "bwrap: Can't find source path" in canary.failure.__wrapped__(
        "bubblewrap", sys.executable
    )


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"user/max_user_namespaces": "0"}, "sysctl -w user.max_user_namespaces"),
        ({"kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        ({"kernel/apparmor_restrict_unprivileged_userns": "1"}, "/etc/apparmor.d/bwrap"),
        ({}, "bwrap --unshare-all"),
    ],
)
def test_the_one_fix_for_bubblewrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], says: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(remedies, "_SYSCTL", tmp_path)
    monkeypatch.setattr(remedies, "in_container", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "platform", "linux")
    assert says in remedies.remedy("bubblewrap", "")


def test_the_one_fix_inside_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remedies, "in_container", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "platform", "linux")
    assert "--security-opt seccomp=unconfined" in remedies.remedy("bubblewrap", "")


@pytest.mark.parametrize(
    ("release", "why", "says"),
    [
        ("5.10.0-9-amd64", "ENOSYS", "needs Linux 5.13 or newer, and this is 5.10.0-9-amd64"),
        ("6.1.0", "EOPNOTSUPP", "add 'landlock' to lsm="),
        ("6.1.0", "ENOSYS", "CONFIG_SECURITY_LANDLOCK"),
        ("6.1.0", "EPERM", "seccomp profile"),
    ],
)
def test_the_one_fix_for_landlock(
    monkeypatch: pytest.MonkeyPatch, release: str, why: str, says: str
) -> None:
    monkeypatch.setattr("platform.release", lambda: release)
    monkeypatch.setattr(ruleset, "why_not", lambda: why)
    monkeypatch.setattr(sys, "platform", "linux")
    assert says in remedies.remedy("landlock", "")


@pytest.mark.parametrize("level", ["bubblewrap", "landlock"])
def test_on_a_mac_there_is_only_process(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "--sandbox process" in remedies.remedy(level, "")


def test_gaps_are_those_of_the_kernel_and_of_bwrap(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = (LandlockCage(sys.executable, abi).gaps() for abi in (7, 1))
    assert set(new) < set(old)
    monkeypatch.setattr("mle_star.execution.cages.bubblewrap.bwrap_version", lambda: (0, 6))
    assert any("no limit" in gap for gap in BubblewrapCage(sys.executable).gaps())


def test_what_a_killed_trial_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"mle-star-canary-{ended.pid}-x" / "job").mkdir(parents=True)
    (tmp_path / f"mle-star-canary-{os.getppid()}-x").mkdir()
    assert canary.failure.__wrapped__("process", sys.executable) != ""
    assert [path.name for path in tmp_path.iterdir()] == [f"mle-star-canary-{os.getppid()}-x"]
