"""Environments of other systems, made by fakes of uv and pip."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from mle_star.bench import environments
from mle_star.bench.environments import PEERS, environment_of, install, missing
from mle_star.errors import SettingsError

MAKE = """
make() {
    mkdir -p "$1/bin"
    printf '#!/bin/sh\\n%s\\n' "$PYTHON_DOES" > "$1/bin/python"
    chmod +x "$1/bin/python"
}
echo "$0 $@" >> "$LOG"
"""
UV = """
case "$1" in
    venv) make "$5" ;;
    pip) echo "Installing" ; [ -z "$PIP_SAYS" ] || { echo "$PIP_SAYS"; exit 1; } ;;
esac
"""


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a fake uv, alone with the shell's programs on the path; returns its log."""
    _script(tmp_path / "bin" / "uv", UV)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHON_DOES", f'echo "python $@" >> {tmp_path / "log"}')
    return tmp_path / "log"


def _script(path: Path, body: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{MAKE}{body}")
    path.chmod(0o755)


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = tmp_path / ".cache" / "mle-star" / "bench" / "flaml"
    assert usual in environment_of("flaml").parents
    assert environment_of("flaml", tmp_path / "e").parents[1] == tmp_path / "e" / "flaml"


def test_requirements_are_pinned() -> None:
    for peer in PEERS.values():
        assert all("==" in requirement for requirement in peer.requirements)


@pytest.mark.parametrize("call", [environment_of, missing, install])
def test_an_unknown_peer(call: object, tmp_path: Path) -> None:
    assert callable(call)
    with pytest.raises(SettingsError, match="choose among flaml, autogluon"):
        call("h2o", tmp_path)


def test_missing_names_the_command(tmp_path: Path) -> None:
    assert missing("autogluon", tmp_path / "x") == (
        "autogluon is not installed: run 'mle-star bench install autogluon "
        f"--environments {tmp_path / 'x'}'."
    )
    assert "run 'mle-star bench install flaml'." in missing("flaml") or not missing("flaml")


def test_uv_makes_it(tmp_path: Path, uv: Path) -> None:
    said: list[str] = []
    python = install("flaml", tmp_path / "envs", say=said.append)
    assert python == environment_of("flaml", tmp_path / "envs")
    assert python.is_file()
    assert not missing("flaml", tmp_path / "envs")
    assert said == ["Installing"]
    log = uv.read_text()
    assert "flaml[automl]==" in log
    assert "python -c import flaml.automl" in log
    assert [p.name for p in (tmp_path / "envs").iterdir()] == ["flaml"], "nothing is left beside it"


def test_what_is_there_is_kept(tmp_path: Path, uv: Path) -> None:
    install("flaml", tmp_path, say=lambda line: None)
    uv.unlink()
    install("flaml", tmp_path, say=lambda line: None)
    assert not uv.exists()


def test_other_versions_are_replaced(
    tmp_path: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "envs"
    old = install("flaml", root, say=lambda line: None)
    old.with_name("old").touch()
    monkeypatch.setitem(PEERS, "flaml", environments.Peer(("flaml==9.9",), "flaml"))
    assert "other versions than flaml==9.9" in missing("flaml", root)
    python = install("flaml", root, say=lambda line: None)
    assert not missing("flaml", root)
    assert not python.with_name("old").exists()
    assert [p.name for p in root.iterdir()] == ["flaml"]


def test_somebody_elses_environment_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "own" / "bin").mkdir(parents=True)
    (tmp_path / "own" / "bin" / "python").touch()
    (tmp_path / "autogluon").symlink_to(tmp_path / "own")
    assert not missing("autogluon", tmp_path)
    assert environment_of("autogluon", tmp_path) == tmp_path / "autogluon" / "bin" / "python"


def test_one_that_fails_is_no_environment(
    tmp_path: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_SAYS", "error: no such version")
    said: list[str] = []
    with pytest.raises(SettingsError, match=r"flaml can't be installed \(error: no such version\)"):
        install("flaml", tmp_path / "envs", say=said.append)
    assert said[-1] == "error: no such version"
    assert not list((tmp_path / "envs").iterdir())
    assert "is not installed" in missing("flaml", tmp_path / "envs")


def test_one_that_can_not_be_imported_is_no_environment(
    tmp_path: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_DOES", "echo ImportError: libgomp; exit 1")
    with pytest.raises(SettingsError, match="ImportError: libgomp"):
        install("flaml", tmp_path / "envs", say=lambda line: None)
    assert not list((tmp_path / "envs").iterdir())


def test_a_stop_leaves_nothing(tmp_path: Path, uv: Path) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install("flaml", tmp_path / "envs", say=stop)
    assert not list((tmp_path / "envs").iterdir())


def test_pip_where_there_is_no_uv(
    tmp_path: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin" / "uv").unlink()
    _script(tmp_path / "bin" / "mypython", 'make "$3"')
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "mypython"))
    python = install("autogluon", tmp_path / "envs", say=lambda line: None)
    assert python.is_file()
    log = uv.read_text()
    assert "mypython -m venv" in log
    assert "python -m pip install --disable-pip-version-check autogluon.tabular[all]==" in log


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="name another folder with --environments"):
        install("flaml", tmp_path / "file" / "below", say=lambda line: None)
