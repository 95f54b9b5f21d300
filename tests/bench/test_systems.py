"""Which system a name or a command is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mle_star.bench import systems
from mle_star.bench.systems import OWN, PEERS, find_system
from mle_star.errors import SettingsError


def test_ours_by_name() -> None:
    assert find_system("mle-star").options == {"engineer": "playbook", "preset": "default"}
    assert find_system("mle-star-quick").options["preset"] == "quick"
    for name in OWN:
        assert find_system(name).command[1:] == ["-m", "mle_star.bench.own", "{job}"]


def test_peers_have_a_script_each_and_say_what_is_missing(tmp_path: Path) -> None:
    for name in PEERS:
        system = find_system(name, tmp_path)
        assert Path(system.command[1]).is_file(), name
        if name in ("xgboost", "lightgbm", "dummy"):
            assert (system.missing, system.command[0]) == ("", sys.executable)
        else:
            assert "mle-star bench install" in system.missing


def test_a_bench_goes_on_where_the_package_was_installed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*OWN, *PEERS]
    before = [find_system(name).identity for name in names]
    monkeypatch.setattr(sys, "executable", "/elsewhere/python")
    monkeypatch.setattr(systems, "__file__", str(tmp_path / "systems.py"))
    assert [find_system(name, tmp_path).identity for name in names] == before
    different = {repr(identity) for identity in before}
    assert len(different) == len(names), "each is another system"
    assert find_system("x=python a.py {public}").identity == ["python", "a.py", "{public}", {}]


def test_any_command(tmp_path: Path) -> None:
    text = "mine=python 'my solve.py' {public} --out {out} --limit={seconds} {seed}"
    system = find_system(text)
    places = {"public": tmp_path, "out": "o", "seconds": "60", "seed": 3, "cores": 2, "job": "j"}
    assert system.words(places) == [
        "python", "my solve.py", str(tmp_path), "--out", "o", "--limit=60", "3",
    ]  # fmt: skip
    assert "no program 'not-there'" in find_system("x=not-there {public}").missing


def test_ours_with_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    system = find_system("tuned=mle-star preset=quick num_solutions=3")
    assert system.options == {"engineer": "playbook", "preset": "quick", "num_solutions": "3"}
    assert not system.missing
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    named = find_system("gemini=mle-star model=google_genai:gemini-2.5-pro")
    assert "GOOGLE_API_KEY" in named.missing  # the playbook is not graded under its name
    monkeypatch.setenv("GOOGLE_API_KEY", "x")
    assert not find_system("gemini=mle-star model=google_genai:gemini-2.5-pro").missing


def test_a_memory_is_one_file_for_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run works in a folder of its own, where a relative path would name another file."""
    monkeypatch.chdir(tmp_path)
    system = find_system("taught=mle-star memory=told.jsonl")
    assert system.options["memory"] == str(tmp_path / "told.jsonl")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("h2o", "no system 'h2o': choose among mle-star, .*NAME=COMMAND"),
        ("../x=python {public}", "needs another name"),
        ("x=", "has no command"),
        ("x=python 'solve {public}", "mend its quotes"),
        ("x=python solve.py", "is told no task"),
        ("x=python {public} {budget}", "unknown place {budget}"),
        ("x=python {public", "can't be read"),
        ("x=mle-star quick", "'quick' of the system 'x' is not FIELD=VALUE"),
        ("x=mle-star colour=red", "no setting 'colour'"),
        ("x=mle-star time_budget=9", "The bench decides time_budget"),
    ],
)
def test_what_can_not_be_used_is_said(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        find_system(text)
