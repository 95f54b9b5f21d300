from __future__ import annotations

from pathlib import Path

import pytest

from mle_star.engineer.playbook.leakage import check_leakage, fix_leakage
from tests.engineer.playbook import scripts, small

BRIEF = small.brief()


def whole(before: str, loop: str = scripts.LOOP) -> str:
    return scripts.HEAD + before + loop + scripts.WRITE


LEAKING = {name: (whole(code), piece) for name, (code, piece) in scripts.LEAKING_BEFORE.items()} | {
    name: (whole("", loop), piece) for name, (loop, piece) in scripts.LEAKING_LOOPS.items()
}
CLEAN = {name: whole(code) for name, code in scripts.CLEAN_BEFORE.items()} | {
    name: whole("", loop) for name, loop in scripts.CLEAN_LOOPS.items()
}


def test_the_table_is_large_enough() -> None:
    assert len(LEAKING) >= 25
    assert len(CLEAN) >= 25


@pytest.mark.parametrize("name", LEAKING)
def test_a_leak_is_found_in_its_block(name: str) -> None:
    script, piece = LEAKING[name]
    report = check_leakage(BRIEF, script)
    assert report.leaking
    assert script.count(report.block) == 1
    assert piece in report.block
    assert report.reason.endswith(".")


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_script_is_clean(name: str) -> None:
    report = check_leakage(BRIEF, CLEAN[name])
    assert not report.leaking, (report.reason, report.block)
    assert not report.block
    assert not report.reason


FIXED = [name for name in LEAKING if name not in {
    "statistics in variables", "correlation with the target", "labels in a file", "labels next door", "absolute path",
    "parent folder", "one model for all folds",
}]  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_fix(name: str) -> None:
    script, _ = LEAKING[name]
    for _ in range(3):
        report = check_leakage(BRIEF, script)
        if not report.leaking:
            break
        new = fix_leakage(BRIEF, script, report.block, report.reason)
        script = script.replace(report.block, new)
    assert not report.leaking
