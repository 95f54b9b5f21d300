# ruff: noqa: E501
"""Scripts as models and people write them, leaking and clean, for the leakage checker."""

from __future__ import annotations

HEAD = """
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, GroupKFold, TimeSeriesSplit, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, OrdinalEncoder, StandardScaler

train = pd.read_csv("input/train.csv")
test = pd.read_csv("input/test.csv")
folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()
y = train["price"].to_numpy()
X = train[["area", "rooms"]]
X_test = test[["area", "rooms"]]
"""
LOOP = """
oof = np.zeros(len(train))
for fold in range(3):
    tr, va = np.where(folds != fold)[0], np.where(folds == fold)[0]
    X_tr, X_va = np.asarray(X)[tr], np.asarray(X)[va]
    model = Ridge()
    model.fit(X_tr, y[tr])
    oof[va] = model.predict(X_va)
prediction = Ridge().fit(np.asarray(X), y).predict(np.asarray(X_test))
"""
WRITE = """
score = np.sqrt(np.mean((y - oof) ** 2))
pd.DataFrame({"id": train["id"], "price": oof}).to_csv("final/oof.csv", index=False)
pd.DataFrame({"id": test["id"], "price": prediction}).to_csv("final/submission.csv", index=False)
print(f"Final Validation Performance: {score}")
"""

# What stands between HEAD and LOOP -> a piece of the line that must be reported.
LEAKING_BEFORE: dict[str, tuple[str, str]] = {
    "scaler": ("X = StandardScaler().fit_transform(X)\n", "fit_transform(X)"),
    "scaler, fit and transform apart": (
        "scaler = StandardScaler()\nscaler.fit(X)\nX = scaler.transform(X)\nX_test = scaler.transform(X_test)\n",
        "scaler.fit(X)",
    ),
    "imputer": ('imputer = SimpleImputer(strategy="median")\nX[:] = imputer.fit_transform(X)\n', "imputer"),
    "mean of all rows": ("X = X.fillna(X.mean())\nX_test = X_test.fillna(X.mean())\n", "X.mean()"),
    "statistics in variables": (
        "mu, sd = X.mean(), X.std()\nX = (X - mu) / sd\nX_test = (X_test - mu) / sd\n",
        "mu, sd",
    ),
    "numpy statistics": ("centre = np.median(X, axis=0)\nX = X - centre\n", "np.median"),
    "encoder on train and test": (
        'both = pd.concat([train["city"], test["city"]])\n'
        "encoder = LabelEncoder().fit(both)\n"
        'X["city"] = encoder.transform(train["city"])\nX_test["city"] = encoder.transform(test["city"])\n',
        "LabelEncoder().fit(both)",
    ),
    "encoders in a loop": (
        'for column in ["city"]:\n    encoder = LabelEncoder()\n'
        "    X[column] = encoder.fit_transform(train[column])\n"
        "    X_test[column] = encoder.transform(test[column])\n",
        "fit_transform(train[column])",
    ),
    "pca on both tables": (
        "pca = PCA(2).fit(pd.concat([X, X_test]))\nX, X_test = pca.transform(X), pca.transform(X_test)\n",
        "PCA(2)",
    ),
    "feature selection": ("X = SelectKBest(f_regression, k=1).fit_transform(X, y)\n", "SelectKBest"),
    "correlation with the target": (
        'top = train[["area", "rooms", "price"]].corr()["price"].abs().nlargest(2).index\nX = X[[c for c in top if c != "price"]]\n',
        "corr()",
    ),
    "mean of the target by group": (
        'X["te"] = train.groupby("city")["price"].transform("mean")\n', "transform"
    ),
    "mean of the target, mapped": (
        'means = train.groupby("city")["price"].mean()\n'
        'X["te"] = train["city"].map(means)\nX_test["te"] = test["city"].map(means)\n',
        "means",
    ),
    "mean of the target, merged": (
        'stats = train.groupby("city").agg({"price": "mean"}).reset_index().rename(columns={"price": "te"})\n'
        'X = X.assign(city=train["city"]).merge(stats, on="city", how="left").drop(columns="city")\n',
        "stats",
    ),
    "mean of the target, dictionary": (
        'means = train.groupby("city")["price"].mean().to_dict()\n'
        'X["te"] = train["city"].apply(lambda c: means.get(c, 0))\n',
        "means",
    ),
    "the target itself": ('X = train.drop(columns=["id", "city"])\n', "drop"),
    "log of the target": (
        'train["log_price"] = np.log1p(train["price"])\nX = train.drop(columns=["id", "city", "price"])\n',
        "drop",
    ),
    "the target in a list": (
        'FEATURES = ["area", "price"]\nX = train[FEATURES]\n', "train[FEATURES]"
    ),
    "the target among numeric columns": (
        "columns = train.select_dtypes(include=np.number).columns\nX = train[columns]\n", "columns"
    ),
    "the fold": (
        'train["fold"] = folds\nX = train.drop(columns=["id", "city", "price"])\n', "drop"
    ),
    "merged folds": (
        'train = train.merge(pd.read_csv("input/folds.csv"), on="id")\n'
        'X = train[[c for c in train.columns if c not in ("id", "city", "price")]]\n',
        "for c in train.columns",
    ),
    "helper function": (
        "def prepare(table, other):\n    scaler = StandardScaler()\n"
        "    return scaler.fit_transform(table), scaler.transform(other)\n\nX, X_test = prepare(X, X_test)\n",
        "fit_transform(table)",
    ),
    "class": (
        "class Filler:\n    def fit(self, table):\n        self.centre = table.median()\n        return self\n\n"
        "    def transform(self, table):\n        return table.fillna(self.centre)\n\n"
        "filler = Filler().fit(X)\nX = filler.transform(X)\n",
        "table.median()",
    ),
    "both tables in a loop": (
        'for table in (train, test):\n    table["area"] = table["area"].fillna(table["area"].median())\n'
        'X = train[["area", "rooms"]]\n',
        "median",
    ),
    "concatenated and cut": (
        'everything = pd.concat([train.drop(columns="price"), test], ignore_index=True)\n'
        'everything["area"] = everything["area"] / everything["area"].std()\n'
        'everything["city"] = OrdinalEncoder().fit_transform(everything[["city"]])\n'
        'X, X_test = everything[: len(train)].drop(columns="id"), everything[len(train) :].drop(columns="id")\n',
        'everything["',
    ),
    "frequencies": ('X["n"] = train["city"].map(train["city"].value_counts())\n', "value_counts"),
    "labels in a file": ('answers = pd.read_csv("input/answers.csv")\n', "answers.csv"),
    "labels next door": ('truth = pd.read_csv("../private/test_labels.csv")\n', "../private"),
    "absolute path": ('more = pd.read_csv("/data/houses/train_full.csv")\n', "/data/houses"),
    "parent folder": (
        "import os\nfor folder, _, files in os.walk(os.path.join(\"..\", \"..\")):\n    print(files)\n",
        "os.walk",
    ),
    "labels of the test rows": ('print(np.mean(test["price"]))\n', 'test["price"]'),
}  # fmt: skip

# What stands instead of LOOP -> a piece of the line that must be reported.
LEAKING_LOOPS: dict[str, tuple[str, str]] = {
    "in-sample": (
        "model = RandomForestRegressor().fit(X, y)\noof = model.predict(X)\nprediction = model.predict(X_test)\n",
        "fit(X, y)",
    ),
    "one model for all folds": (
        "oof = np.zeros(len(train))\nmodel = Ridge()\nmodel.fit(X, y)\n"
        "for fold in range(3):\n    va = folds == fold\n    oof[va] = model.predict(X[va])\n"
        "prediction = model.predict(X_test)\n",
        "model.fit(X, y)",
    ),
    "scaler before cross_val_predict": (
        "Z = StandardScaler().fit_transform(X)\noof = cross_val_predict(Ridge(), Z, y, cv=3)\n"
        "prediction = Ridge().fit(Z, y).predict(X_test)\n",
        "StandardScaler",
    ),
    "scaler on validation rows": (
        "oof = np.zeros(len(train))\nfor fold in range(3):\n    tr, va = folds != fold, folds == fold\n"
        "    X_tr = StandardScaler().fit_transform(X[tr])\n    X_va = StandardScaler().fit_transform(X[va])\n"
        "    oof[va] = Ridge().fit(X_tr, y[tr]).predict(X_va)\nprediction = oof[: len(test)]\n",
        "X_va",
    ),
    "stacker on its own rows": (
        "oofs, tests = [], []\n"
        "for model in (Ridge(), LinearRegression()):\n    part, out = np.zeros(len(train)), np.zeros(len(test))\n"
        "    for fold in range(3):\n        tr, va = folds != fold, folds == fold\n"
        "        fitted = clone(model).fit(X[tr], y[tr])\n        part[va] = fitted.predict(X[va])\n"
        "        out += fitted.predict(X_test) / 3\n    oofs.append(part)\n    tests.append(out)\n"
        "Z = np.column_stack(oofs)\nmeta = RandomForestRegressor().fit(Z, y)\noof = meta.predict(Z)\n"
        "prediction = meta.predict(np.column_stack(tests))\n",
        "RandomForestRegressor().fit(Z, y)",
    ),
    "own split after scaling": (
        "Z = StandardScaler().fit_transform(X)\n"
        "X_tr, X_va, y_tr, y_va = train_test_split(Z, y, test_size=0.2)\n"
        "model = Ridge().fit(X_tr, y_tr)\noof = np.zeros(len(y))\n"
        'print("Final Validation Performance:", np.mean((y_va - model.predict(X_va)) ** 2))\n'
        "prediction = model.predict(X_test)\n",
        "StandardScaler",
    ),
}  # fmt: skip

CLEAN_BEFORE: dict[str, str] = {
    "nothing": "",
    "constant": 'X = X.fillna(-1)\nX["city"] = (train["city"] == "Oslo").astype(int)\n',
    "row statistics": 'X["mean"] = X.mean(axis=1)\nX["spread"] = X.max(axis=1) - X.min(axis=1)\n',
    "target encoded": "coder = LabelEncoder()\ny = coder.fit_transform(train[\"price\"])\n",
    "target transformed": "y = np.log1p(y)\ny = (y - y.mean()) / y.std()\n",
    "printed statistics": 'print(train.describe())\nprint(train.groupby("city")["price"].mean(), X.isna().mean())\n',
    "all but": 'DROP = ["id", "city", "price"]\nX = train.drop(columns=DROP)\nX_test = test.drop(columns=DROP, errors="ignore")\n',
    "columns by comprehension": (
        'features = [c for c in train.columns if c not in ("id", "price") and train[c].dtype != object]\nX = train[features]\n'
    ),
    "columns of the test table": 'X = train[[c for c in test.columns if c not in ["id", "city"]]]\n',
    "folds in the table, dropped": (
        'train["fold"] = folds\nX = train.drop(columns=["id", "fold", "price", "city"])\n'
    ),
    "popped target": 'frame = train.copy()\ny = frame.pop("price").to_numpy()\nX = frame.drop(columns=["id", "city"])\n',
    "log target, dropped": (
        'train["log_price"] = np.log1p(train["price"])\ny = train["log_price"].to_numpy()\n'
        'X = train.drop(columns=["id", "city", "price", "log_price"])\n'
    ),
    "both tables, row by row": (
        'for table in (train, test):\n    table["ratio"] = table["area"] / (table["rooms"] + 1)\n'
        'X = train[["area", "ratio"]]\n'
    ),
    "helper function": (
        'def features(rows):\n    out = rows[["area", "rooms"]].copy()\n    out["both"] = out["area"] * out["rooms"]\n'
        "    return out\n\nX, X_test = features(train), features(test)\n"
    ),
    "out-of-fold target encoding": (
        'train["te"] = 0.0\nfor k in range(3):\n    seen, held = folds != k, folds == k\n'
        '    means = train[seen].groupby("city")["price"].mean()\n'
        '    train.loc[held, "te"] = train.loc[held, "city"].map(means)\nX = train[["area", "te"]]\n'
    ),
    "class weights": "weight = (y > 3).sum() / (y <= 3).sum()\nprint(weight)\n",
    "sample and paths": 'from pathlib import Path\nsample = pd.read_csv(Path("./input") / "sample_submission.csv")\n',
    "plain text": 'print("a/b/c", "../what", "/".join(["x", "y"]))\n',
    "guarded target": 'if "price" in test.columns:\n    test = test.drop(columns="price")\n',
}  # fmt: skip

CLEAN_LOOPS: dict[str, str] = {
    "scaler in the fold": '''
oof, prediction = np.zeros(len(train)), np.zeros(len(test))
for fold in sorted(set(folds)):
    tr, va = folds != fold, folds == fold
    scaler = StandardScaler()
    X_tr, X_va = scaler.fit_transform(X[tr]), scaler.transform(X[va])
    model = Ridge().fit(X_tr, y[tr])
    oof[va] = model.predict(X_va)
    prediction += model.predict(scaler.transform(X_test)) / 3
''',
    "one scaler, fitted again in each fold": '''
oof, outs, scaler = np.zeros(len(train)), [], StandardScaler()
for tr, va in KFold(3, shuffle=True, random_state=0).split(X):
    model = Ridge().fit(scaler.fit_transform(X.iloc[tr]), y[tr])
    oof[va] = model.predict(scaler.transform(X.iloc[va]))
    outs.append(model.predict(scaler.transform(X_test)))
prediction = np.mean(outs, axis=0)
''',
    "pipeline": '''
pipeline = make_pipeline(SimpleImputer(), StandardScaler(), Ridge())
oof = cross_val_predict(pipeline, X, y, cv=3)
prediction = pipeline.fit(X, y).predict(X_test)
''',
    "median of the fold": '''
oof = pd.Series(np.nan, index=train.index)
for fold in range(3):
    fit, held = train[folds != fold], train[folds == fold]
    middle = fit[["area", "rooms"]].median()
    means = fit.groupby("city")["price"].mean()
    A = fit[["area", "rooms"]].fillna(middle).assign(te=fit["city"].map(means))
    B = held[["area", "rooms"]].fillna(middle).assign(te=held["city"].map(means))
    oof.loc[held.index] = Ridge().fit(A, fit["price"]).predict(B)
scaler = StandardScaler().fit(X)
prediction = Ridge().fit(scaler.transform(X), y).predict(scaler.transform(X_test))
''',
    "fold column": '''
train["kfold"] = -1
for number, (_, held) in enumerate(KFold(3).split(train)):
    train.loc[held, "kfold"] = number
oof = np.zeros(len(train))
def run(number):
    fit, valid = train[train.kfold != number].reset_index(drop=True), train[train.kfold == number]
    columns = [c for c in train.columns if c not in ("id", "kfold", "price", "city")]
    scaler = StandardScaler().fit(fit[columns])
    model = Ridge().fit(scaler.transform(fit[columns]), fit.price)
    oof[valid.index] = model.predict(scaler.transform(valid[columns]))
    return model.predict(scaler.transform(test[columns]))
prediction = np.mean([run(number) for number in range(3)], axis=0)
''',
    "stacker per fold": '''
Z, Z_test = np.zeros((len(train), 2)), np.zeros((len(test), 2))
for j, model in enumerate([Ridge(), LinearRegression()]):
    for fold in range(3):
        tr, va = folds != fold, folds == fold
        Z[va, j] = clone(model).fit(X[tr], y[tr]).predict(X[va])
    Z_test[:, j] = model.fit(X, y).predict(X_test)
oof = np.zeros(len(train))
for fold in range(3):
    tr, va = folds != fold, folds == fold
    oof[va] = LinearRegression().fit(Z[tr], y[tr]).predict(Z[va])
prediction = LinearRegression().fit(Z, y).predict(Z_test)
''',
    "boosting with early stopping": '''
import lightgbm as lgb
oof, prediction = np.zeros(len(train)), np.zeros(len(test))
for fold in range(3):
    tr, va = np.where(folds != fold)[0], np.where(folds == fold)[0]
    seen = lgb.Dataset(X.iloc[tr], label=y[tr])
    held = lgb.Dataset(X.iloc[va], label=y[va], reference=seen)
    booster = lgb.train({"verbose": -1}, seen, valid_sets=[held], callbacks=[lgb.early_stopping(10)])
    oof[va] = booster.predict(X.iloc[va])
    prediction += booster.predict(X_test) / 3
''',
    "inner folds": '''
oof = np.zeros(len(train))
for fold in range(3):
    fit, held = train[folds != fold].copy(), train[folds == fold].copy()
    fit["te"] = 0.0
    for a, b in KFold(3).split(fit):
        means = fit.iloc[a].groupby("city")["price"].mean()
        fit.iloc[b, fit.columns.get_loc("te")] = fit.iloc[b]["city"].map(means)
    held["te"] = held["city"].map(fit.groupby("city")["price"].mean()).fillna(fit["price"].mean())
    oof[folds == fold] = Ridge().fit(fit[["area", "te"]], fit["price"]).predict(held[["area", "te"]])
prediction = np.full(len(test), y.mean())
''',
    "one hold-out": '''
seen, held = folds == -1, folds == 0
scaler = StandardScaler().fit(X[seen])
model = Ridge().fit(scaler.transform(X[seen]), y[seen])
oof = np.zeros(len(train))
oof[held] = model.predict(scaler.transform(X[held]))
prediction = model.predict(scaler.transform(X_test))
''',
    "main function": '''
def load():
    return pd.read_csv("input/train.csv"), pd.read_csv("input/test.csv")


def main():
    global oof, prediction
    train, test = load()
    folds = pd.read_csv("input/folds.csv").fold
    oof, prediction = np.zeros(len(train)), np.zeros(len(test))
    for k in folds.unique():
        a, b = train.loc[folds != k], train.loc[folds == k]
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(a[["city"]])
        forest = RandomForestRegressor(n_estimators=5).fit(encoder.transform(a[["city"]]), a["price"])
        oof[b.index] = forest.predict(encoder.transform(b[["city"]]))
        prediction += forest.predict(encoder.transform(test[["city"]])) / 3


if __name__ == "__main__":
    main()
''',
}  # fmt: skip
