# ruff: noqa: E501
from __future__ import annotations

import builtins
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger import RULES, debug
from mle_star.engineer.playbook.debugger.source import failure_of
from mle_star.errors import NoAnswer
from tests.engineer.playbook import small

VALUES = small.brief()
SHARES = small.brief(
    kind="binary", metric="log_loss", prediction="probability", classes=["No", "Yes"]
)
LABELS = small.brief(
    kind="multiclass",
    metric="accuracy",
    direction="maximize",
    prediction="label",
    classes=["x", "y", "z"],
)
GRADES = small.brief(
    kind="ordinal",
    metric="accuracy",
    direction="maximize",
    prediction="label",
    classes=[3, 4, 5, 7],
)

HEAD = """
import numpy as np
import pandas as pd

train = pd.read_csv("input/train.csv")
test = pd.read_csv("input/test.csv")
"""
TABLES = """
folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()
y = train["price"].to_numpy()
X = train[["area", "rooms"]]
X_test = test[["area", "rooms"]]
"""
FIT = """
oof = np.zeros(len(train))
prediction = np.zeros(len(test))
for fold in range(3):
    tr, va = np.where(folds != fold)[0], np.where(folds == fold)[0]
    model = MODEL
    model.fit(X.iloc[tr], y[tr])
    oof[va] = model.predict(X.iloc[va])
    prediction += model.predict(X_test) / 3
"""
WRITE = """
score = np.sqrt(np.mean((y - oof) ** 2))
pd.DataFrame({"id": train["id"], "price": oof}).to_csv("final/oof.csv", index=False)
pd.DataFrame({"id": test["id"], "price": prediction}).to_csv("final/submission.csv", index=False)
print(f"Final Validation Performance: {score}")
"""


def script(
    model: str = "Ridge()", *, imports: str = "", middle: str = "", head: str = HEAD, fit: str = FIT
) -> str:
    imports = imports or "from sklearn.linear_model import Ridge\n"
    return imports + head + TABLES + middle + fit.replace("MODEL", model) + WRITE


LGB = "import lightgbm as lgb\n"
STRINGS = (
    'X, X_test = train[["area", "rooms", "city"]].copy(), test[["area", "rooms", "city"]].copy()\n'
)
GAPS = 'X, X_test = X.copy(), X_test.copy()\nX.loc[::7, "area"] = np.nan\n'

FAILING: dict[str, str] = {
    # text that is not Python
    "code fences": f"Here is the script:\n```python\n{script()}\n```\nIt uses ridge regression.\n",
    "prose around": f"Here is the improved solution for you\n{script()}\nThis should do better than before\n",
    "typographic quotes": script().replace('"area"', "“area”"),
    "indentation": script(middle="   total = 1\n"),
    "empty body": script(middle="for _ in range(2):\nnothing = 0\n"),
    # names and modules
    "no numpy import": script().replace("import numpy as np\n", ""),
    "no sklearn import": script().replace("from sklearn.linear_model import Ridge\n", ""),
    "misspelt name": script(middle="X_trian = X\nprint(X_trina.shape)\n"),
    "catboost missing": script(
        "CatBoostRegressor(iterations=30, random_seed=0, verbose=0)",
        imports="from catboostx import CatBoostRegressor\n".replace("catboostx", "catboost"),
    ),
    "picture library": script(
        imports="from sklearn.linear_model import Ridge\nimport seaborn as sns\n", middle="sns.histplot(y)\n"
    ),
    "moved import": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.impute import IterativeImputerX, SimpleImputer\n"
    ),
    # arguments and functions that went away
    "lightgbm early stopping": script(
        "lgb.LGBMRegressor(n_estimators=20, verbose=-1)", imports=LGB,
        fit=FIT.replace("y[tr])", "y[tr], eval_set=[(X.iloc[va], y[va])], early_stopping_rounds=5, verbose=False)"),
    ),
    "squared": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.metrics import mean_squared_error\n",
        fit=FIT + "print(mean_squared_error(y, oof, squared=False))\n",
    ),
    "sparse encoder": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.preprocessing import OneHotEncoder\n",
        middle='codes = OneHotEncoder(sparse=False).fit(train[["city"]])\nprint(codes.get_feature_names())\n',
    ),
    "normalize": script("Ridge(alpha=1.0, normalize=True)"),
    "keyword in a dictionary": script("Ridge(**SETTINGS)", middle='SETTINGS = {"alpha": 1.0, "depth": 3}\n'),
    "max_features auto": script(
        'RandomForestRegressor(n_estimators=5, max_features="auto")',
        imports="from sklearn.ensemble import RandomForestRegressor\n",
    ),
    "np.float": script(middle="y = y.astype(np.float)\nprint(np.Inf, np.product([1, 2]))\n"),
    "frame append": script(middle="both = train.append(test, ignore_index=True)\nfor name, c in both.iteritems():\n    pass\n"),
    "fillna method": script(middle='train["area"] = train["area"].fillna(method="ffill")\n'),
    "read_csv option": script(middle='more = pd.read_csv("input/train.csv", error_bad_lines=False)\n'),
    "applymap": script(middle="X.applymap(float)\n"),
    "read-only array": script(middle="y = train['price'].values\ny[0] = y[1]\n"),
    "gpu": script(
        "xgb.XGBRegressor(n_estimators=5, device='cuda', tree_method='gpu_hist')", imports="import xgboost as xgb\n"
    ),
    # data
    "fold not merged": script(middle='parts = train["fold"].to_numpy()\n'),
    "missing column": script(middle='X = train[["area", "rooms", "garden"]]\n'),
    "missing column dropped": script(middle='X = train.drop(columns=["id", "price", "city", "garden"])\n'),
    "missing column computed": script(middle='train["big"] = train["garden"] * 2\n'),
    "strings": script(middle=STRINGS),
    "object dtype": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.preprocessing import LabelEncoder\n",
        middle=STRINGS + 'for c in X.columns:\n    if X[c].dtype == "object":\n        coder = LabelEncoder().fit(X[c])\n'
        "        X[c], X_test[c] = coder.transform(X[c]), coder.transform(X_test[c])\n",
    ),
    "gaps": script(middle=GAPS),
    "gaps after chained filling": script(middle=GAPS + 'X["area"].fillna(0, inplace=True)\n'),
    "infinity": script(middle='X, X_test = X.copy(), X_test.copy()\nX.loc[3, "area"] = np.inf\n'),
    "odd names": script(
        "lgb.LGBMRegressor(n_estimators=5, verbose=-1)", imports=LGB,
        middle='X, X_test = (t.rename(columns={"area": "area [m2], {total}"}) for t in (X, X_test))\n',
    ),
    "unseen labels": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.preprocessing import LabelEncoder\n",
        middle='coder = LabelEncoder().fit(train["city"])\ncodes = coder.transform(["Rome", "Lima"])\nprint(codes)\n',
    ),
    "unknown categories": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.preprocessing import OrdinalEncoder\n",
        middle='coder = OrdinalEncoder().fit(train[["city"]])\n'
        'print(coder.transform(pd.DataFrame({"city": ["Lima"]})))\n',
    ),
    "mixed types sorted": script(middle='levels = sorted(["a", 1.5, None and 2])\n'.replace("None and 2", "2")),
    "dates": script(middle='when = pd.to_datetime(pd.Series(["2024-01-01", "soon"]))\n'),
    "numbers": script(middle='values = pd.to_numeric(pd.Series(["1", "?"]))\n'),
    "cast with gaps": script(middle='codes = pd.Series([1.0, None]).astype(int)\n'),
    "str accessor": script(middle='train["rooms"].str.len()\n'),
    # paths
    "data folder": script(head=HEAD.replace("input/", "../data/")),
    "folder constant": script(
        head=HEAD.replace('"input/train.csv"', 'f"{DATA}/train.csv"').replace('"input/test.csv"', 'f"{DATA}/test.csv"')
        .replace("import pandas as pd\n", 'import pandas as pd\n\nDATA = "/kaggle/input/houses"\n')
    ),
    "folder to make": script(middle='train.to_csv("work/deep/copy.csv")\n'),
    # predictions
    "exit": script(middle="import sys\nsys.exit(0)\n"),
    "negative for rmsle": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.metrics import mean_squared_log_error\n",
        fit=FIT + "print(mean_squared_log_error(y, oof - 1e3))\n",
    ),
    "rare class": script(
        imports="from sklearn.linear_model import Ridge\nfrom sklearn.model_selection import train_test_split\n",
        middle="train_test_split(X, y, stratify=np.arange(len(y)) // 200 + (np.arange(len(y)) == 0))\n",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("values") / "run"
    small.write_input(path, VALUES)
    return path


def repaired(told: Brief, folder: Path, failing: str, rounds: int = 3) -> tuple[str, str]:
    """The script after at most so many rounds, and the error that is left."""
    error = small.run(folder, failing).error
    assert error, "the script was to fail"
    for _ in range(rounds):
        failing = debug(told, failing, error)
        error = small.run(folder, failing).error
        if not error:
            break
    return failing, error


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_script_runs_after_repair(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing_modules(monkeypatch)
    clear(folder)
    _, error = repaired(VALUES, folder, FAILING[name])
    assert not error
    assert len(pd.read_csv(folder / "final/oof.csv")) == small.ROWS
    assert len(pd.read_csv(folder / "final/submission.csv")) == small.TEST_ROWS


CONTRACT: dict[str, tuple[Brief, str, str]] = {
    "oof elsewhere": (
        VALUES,
        script().replace("final/oof.csv", "oof.csv"),
        "The script ended without writing final/oof.csv. It wrote ./oof.csv, which is not looked at.",
    ),
    "oof not written": (
        VALUES,
        script().replace('pd.DataFrame({"id": train["id"], "price": oof}).to_csv("final/oof.csv", index=False)\n', ""),
        "The script ended without writing final/oof.csv.",
    ),
    "missing values": (
        VALUES,
        script(fit=FIT + "oof[3] = np.nan\n"),
        "final/oof.csv has 1 missing values (NaN) in column 'price'.",
    ),
    "wrong column": (
        VALUES,
        script().replace('test["id"], "price"', 'test["id"], "prediction"'),
        "final/submission.csv lacks the column 'price'; its columns must be 'id', 'price'.",
    ),
    "extra column": (
        VALUES,
        script().replace('index=False)\npd.', ')\npd.'),
        "final/oof.csv has columns that were not asked for: 'Unnamed: 0'.",
    ),
    "no ids": (
        VALUES,
        script().replace('{"id": test["id"], ', "{"),
        "final/submission.csv lacks the column 'id'; its columns must be 'id', 'price'.",
    ),
    "probabilities out of range": (
        SHARES,
        script(middle='y = (train["price"] == "Yes").to_numpy() * 5.0\n').replace(HEAD, HEAD),
        "final/oof.csv must hold probabilities between 0 and 1, but its values go from -1 to 7.",
    ),
    "codes for labels": (
        LABELS,
        script(middle='y = train["price"].map({"x": 0, "y": 1, "z": 2}).to_numpy()\n'),
        "final/oof.csv holds labels in column 'price' that are none of the classes: 0.2.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACT)
def test_output_that_breaks_the_contract_is_mended(name: str, tmp_path: Path) -> None:
    told, failing, sentence = CONTRACT[name]
    folder = tmp_path / "run"
    small.write_input(folder, told)
    assert not small.run(folder, failing).error
    clear(folder)
    done = small.run(folder, debug(told, failing, sentence))
    assert not done.error
    assert "Final Validation Performance: " in done.stdout
    for name, rows in (("oof", small.ROWS), ("submission", small.TEST_ROWS)):
        table = pd.read_csv(folder / f"final/{name}.csv")
        assert list(table) == ["id", "price"]
        assert len(table) == rows
        assert table.notna().all().all()
        if told.task.prediction == "probability":
            assert table["price"].between(0, 1).all()
        if told.task.prediction == "label":
            assert table["price"].isin(told.task.classes).all()


def test_a_score_line_is_added(folder: Path) -> None:
    lacking = script().replace('print(f"Final Validation Performance: {score}")\n', "")
    for failing in (lacking, lacking.replace("score =", "total =")):
        mended = debug(VALUES, failing, "The script printed no score line.")
        done = small.run(folder, mended)
        assert "Final Validation Performance: " in done.stdout
        assert not done.error


def test_slow_scripts_do_less(folder: Path) -> None:
    slow = script(
        "lgb.LGBMRegressor(n_estimators=400, learning_rate=0.05, verbose=-1)", imports=LGB
    )
    error = "The script ran longer than its 60 seconds and was stopped: it must do less."
    faster = debug(VALUES, slow, error)
    assert "n_estimators=200" in faster
    assert "n_estimators=100" in debug(VALUES, faster, error)
    assert not small.run(folder, faster).error


def test_of_three_models_the_slowest_goes_and_then_rows() -> None:
    from mle_star.engineer.playbook.catalogue import retrieve
    from mle_star.engineer.playbook.merger import merge
    from mle_star.engineer.playbook.script import models
    from mle_star.engineer.playbook.writer import write

    cards = [c for c in retrieve(VALUES, 12, 0, 1) if c.name in ("LightGBM", "XGBoost", "kNN")]
    merged = write(VALUES, cards[0])
    for card in cards[1:]:
        merged = merge(VALUES, merged, write(VALUES, card))
    assert len(models(merged)) == 3
    less = debug(VALUES, merged, "The script used more memory than its limit of 100 MiB allows.")
    assert len(models(less)) == 2
    assert "knn" not in less.split("# === combine")[1].lower()


def test_a_missing_library_costs_one_model_of_several() -> None:
    from mle_star.engineer.playbook.catalogue import retrieve
    from mle_star.engineer.playbook.merger import merge
    from mle_star.engineer.playbook.script import models
    from mle_star.engineer.playbook.writer import write

    cards = [c for c in retrieve(VALUES, 12, 0, 1) if c.name in ("LightGBM", "XGBoost")]
    merged = merge(VALUES, write(VALUES, cards[0]), write(VALUES, cards[1]))
    kept = debug(VALUES, merged, "ModuleNotFoundError: No module named 'xgboost'")
    assert [block.family for block in models(kept)] == ["lightgbm"]
    assert "xgboost" not in kept.lower().split("# === load")[1]


def test_the_newest_error_is_read() -> None:
    first = "Traceback (most recent call last):\n  File \"script.py\", line 2, in <module>\nKeyError: 'a'\n"
    second = first + "\nDuring handling of the above exception, another exception occurred:\n\n" + first.replace(
        "line 2", "line 3").replace("KeyError: 'a'", "sklearn.errors.NotFittedError: fit first")  # fmt: skip
    assert failure_of("a\nb\nc\n", second).type == "NotFittedError"
    assert failure_of("a\nb\nc\n", second).line == 3
    told = failure_of("a\nb\n", "KeyError in line 2: 'fold'")
    assert (told.type, told.line, told.message) == ("KeyError", 2, "'fold'")
    assert failure_of("a\n", "final/oof.csv is missing.").type == ""


@pytest.mark.parametrize(
    "error", ["", "RuntimeError: something nobody expects", "???", "KeyError: 7"]
)
def test_an_unknown_error_has_no_answer(error: str) -> None:
    with pytest.raises(NoAnswer):
        debug(VALUES, "x = 1\n", error)


@pytest.mark.parametrize("name", FAILING)
def test_every_answer_differs_and_compiles(name: str) -> None:
    for rule in RULES:
        try:
            repaired = rule(FAILING[name], failure_of(FAILING[name], "ValueError: x"), VALUES)
        except SyntaxError:
            continue
        assert repaired is None or isinstance(repaired, str)


def clear(folder: Path) -> None:
    shutil.rmtree(folder / "final")
    (folder / "final").mkdir()


def missing_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some modules are installed here, but not where the script runs."""
    real = builtins.__import__

    def find(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] in ("catboost", "seaborn"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", find)
