from __future__ import annotations

from pathlib import Path

import pytest

from mle_star.engineer.base import LeakageReport
from mle_star.engineer.playbook.leakage import check_leakage, fix_leakage
from mle_star.errors import NoAnswer
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


UNFIXABLE = {
    "statistics in variables",
    "correlation with the target",
    "labels in a file",
    "parent folder",
    "one model for all folds",
}


@pytest.mark.parametrize("name", [name for name in LEAKING if name not in UNFIXABLE])
def test_a_leak_is_fixed_inside_its_block(name: str) -> None:
    script, _ = LEAKING[name]
    for _ in range(3):
        report = check_leakage(BRIEF, script)
        if not report.leaking:
            break
        new = fix_leakage(BRIEF, script, report.block, report.reason)
        script = script.replace(report.block, new)
    assert not report.leaking
    compile(script, "script.py", "exec")


RUN_AFTER_FIX = [
    "scaler",
    "imputer",
    "mean of the target, mapped",
    "mean of the target by group",
    "the fold",
    "in-sample",
]


@pytest.mark.parametrize("name", RUN_AFTER_FIX)
def test_a_fixed_script_runs(name: str, tmp_path: Path) -> None:
    small.write_input(tmp_path / "run", BRIEF)
    script, _ = LEAKING[name]
    script = script.replace('X = train[["area", "rooms"]]', 'X = train[["area", "rooms"]].copy()')
    if "target" in name:
        script = script.replace("fit(np.asarray(X), y)", 'fit(np.asarray(X[["area", "rooms"]]), y)')
    if name == "the fold":
        script = script.replace(
            'X = train.drop(columns=["id"',
            'X_test = test[["area", "rooms"]]\nX = train.drop(columns=["id"',
        )
    report = check_leakage(BRIEF, script)
    script = script.replace(report.block, fix_leakage(BRIEF, script, report.block, report.reason))
    done = small.run(
        tmp_path / "run", script.replace("np.asarray(X_test)", "np.asarray(X_test)[:, :2]")
    )
    assert not done.error
    assert "Final Validation Performance" in done.stdout


@pytest.mark.parametrize("name", sorted(UNFIXABLE - {"statistics in variables"}))
def test_what_no_rule_fixes_has_no_answer(name: str) -> None:
    script, _ = LEAKING[name]
    report = check_leakage(BRIEF, script)
    with pytest.raises(NoAnswer):
        fix_leakage(BRIEF, script, report.block, report.reason)


@pytest.mark.parametrize("block", ["", "nowhere", "\n"])
def test_a_block_that_is_not_there_once_has_no_answer(block: str) -> None:
    with pytest.raises(NoAnswer):
        fix_leakage(BRIEF, whole(""), block, "")


MILD = {
    "levels": 'X["city"] = pd.factorize(train["city"])[0]\n',
    "dummies": 'X = pd.get_dummies(train[["area", "city"]])\n',
    "range": "X = X - X.min()\n",
}


@pytest.mark.parametrize("name", MILD)
def test_mild_leaks_count_only_with_evidence(name: str) -> None:
    script = whole(MILD[name])
    assert not check_leakage(BRIEF, script).leaking
    assert check_leakage(BRIEF, script, "The validation score is 4 standard errors better.").leaking


ORDER = {
    "later folds": (scripts.LOOP, True),
    "earlier folds": (scripts.LOOP.replace("folds != fold", "folds < fold"), False),
    "random split": (
        "oof = cross_val_predict(Ridge(), X, y, cv=KFold(3))\nprediction = y[:30]\n",
        True,
    ),
    "split in time": (
        "oof = np.zeros(len(y))\nfor tr, va in TimeSeriesSplit(3).split(X):\n"
        "    oof[va] = Ridge().fit(X.iloc[tr], y[tr]).predict(X.iloc[va])\nprediction = y[:30]\n",
        False,
    ),
}


@pytest.mark.parametrize("name", ORDER)
def test_time_order_counts_where_rows_are_ordered(name: str) -> None:
    loop, leaking = ORDER[name]
    assert check_leakage(small.brief(time=["area"]), whole("", loop)).leaking is leaking
    if name != "random split":
        assert not check_leakage(BRIEF, whole("", loop)).leaking


def test_groups_stay_together() -> None:
    told = small.brief(group="city")
    apart = "oof = cross_val_predict(Ridge(), X, y, cv=KFold(3))\nprediction = y[:30]\n"
    assert check_leakage(told, whole("", apart)).leaking
    assert not check_leakage(told, whole("", apart.replace("KFold(3)", "GroupKFold(3)"))).leaking


def test_earlier_folds_are_the_fix_for_time() -> None:
    told = small.brief(time=["area"])
    script = whole("", scripts.LOOP)
    report = check_leakage(told, script)
    fixed = script.replace(report.block, fix_leakage(told, script, report.block, report.reason))
    assert "folds < fold" in fixed
    assert not check_leakage(told, fixed).leaking


@pytest.mark.parametrize(
    "text", ["", "def (:", "x" * 10, "\0", "import os\n" * 3, "f = lambda f: f(f)\nf(f)\n"]
)
def test_any_text_gets_a_typed_answer(text: str) -> None:
    assert check_leakage(BRIEF, text) == LeakageReport(leaking=False)


def test_a_repeated_line_gives_a_block_that_occurs_once() -> None:
    line = "X = StandardScaler().fit_transform(X)\n"
    report = check_leakage(BRIEF, whole(line + line))
    assert report.leaking
    assert whole(line + line).count(report.block) == 1


def test_the_playbook_writes_clean_scripts() -> None:
    from mle_star.engineer.playbook.catalogue import retrieve
    from mle_star.engineer.playbook.script import split
    from mle_star.engineer.playbook.strategies import strategies_for
    from mle_star.engineer.playbook.strategies.strategy import kind_of
    from mle_star.engineer.playbook.writer import write

    for told in (
        BRIEF,
        small.brief(time=["area"], columns=(small.column("area"), small.column("rooms"))),
    ):
        script = write(told, retrieve(told, 3, 0, 1)[0])
        assert not check_leakage(told, script, "evidence").leaking
        for block in split(script):
            for strategy in strategies_for(kind_of(block.text)):
                if strategy.applies(told, block.text) <= 0:
                    continue
                try:
                    new = strategy.apply(block.text, told)
                except NoAnswer:
                    continue
                report = check_leakage(told, script.replace(block.text, new))
                assert not report.leaking, (strategy.key, report.reason, report.block)
