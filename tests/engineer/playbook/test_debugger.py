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
SHARES = small.brief(kind="binary", metric="log_loss", prediction="probability", classes=["No", "Yes"])
LABELS = small.brief(
    kind="multiclass", metric="accuracy", direction="maximize", prediction="label", classes=["x", "y", "z"]
)
GRADES = small.brief(
    kind="ordinal", metric="accuracy", direction="maximize", prediction="label", classes=[3, 4, 5, 7]
)

HEAD = '''
import numpy as np
import pandas as pd

train = pd.read_csv("input/train.csv")
test = pd.read_csv("input/test.csv")
'''
TABLES = '''
folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()
y = train["price"].to_numpy()
X = train[["area", "rooms"]]
X_test = test[["area", "rooms"]]
'''
FIT = '''
oof = np.zeros(len(train))
prediction = np.zeros(len(test))
for fold in range(3):
    tr, va = np.where(folds != fold)[0], np.where(folds == fold)[0]
    model = MODEL
    model.fit(X.iloc[tr], y[tr])
    oof[va] = model.predict(X.iloc[va])
    prediction += model.predict(X_test) / 3
'''
WRITE = '''
score = np.sqrt(np.mean((y - oof) ** 2))
pd.DataFrame({"id": train["id"], "price": oof}).to_csv("final/oof.csv", index=False)
pd.DataFrame({"id": test["id"], "price": prediction}).to_csv("final/submission.csv", index=False)
print(f"Final Validation Performance: {score}")
'''


def script(model: str = "Ridge()", *, imports: str = "", middle: str = "", head: str = HEAD, fit: str = FIT) -> str:
    imports = imports or "from sklearn.linear_model import Ridge\n"
    return imports + head + TABLES + middle + fit.replace("MODEL", model) + WRITE


LGB = "import lightgbm as lgb\n"
STRINGS = 'X, X_test = train[["area", "rooms", "city"]].copy(), test[["area", "rooms", "city"]].copy()\n'
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
def test_a_failing_script_runs_after_repair(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing_modules(monkeypatch)
    clear(folder)
    _, error = repaired(VALUES, folder, FAILING[name])
    assert not error
    assert len(pd.read_csv(folder / "final/oof.csv")) == small.ROWS
    assert len(pd.read_csv(folder / "final/submission.csv")) == small.TEST_ROWS


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
