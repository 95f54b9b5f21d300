"""The ways to combine, as source text.

Every ``combine`` takes tables of shape (members, rows, columns). One that learns nothing maps a
table to (rows, columns); one that learns takes a table to fit on, the truth of its rows and further
tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from mle_star.engineer.playbook.ensembles.form import Form


@dataclass(frozen=True)
class Combination:
    """Source of ``combine`` and its imports; one that ``learns`` is fitted fold by fold."""

    text: str
    learns: bool
    imports: tuple[str, ...] = ()


_RANKS = '''
def ranks(tables: np.ndarray) -> np.ndarray:
    """Each column's ranks, scaled to (0, 1)."""
    return (rankdata(tables, axis=1) - 0.5) / tables.shape[1]
'''
_GREEDY = '''
def choose_weights(tables: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How often each member is chosen when the most helpful one is added again and again.

    Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
    """
    chosen: list[int] = []
    scores: list[float] = []
    total = np.zeros(tables.shape[1:])
    for size in range(1, ROUNDS + 1):
        trials = [SIGN * score(truth, (total + member) / size) for member in tables]
        chosen.append(int(np.argmax(trials)))
        scores.append(max(trials))
        total += tables[chosen[-1]]
    best = int(np.argmax(scores)) + 1
    return np.bincount(chosen[:best], minlength=len(tables)) / best
'''
_LEARNT = '''
def combine(fit: np.ndarray, truth: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """{doc}"""
{body}'''
_FIXED = '''
def combine(tables: np.ndarray) -> np.ndarray:
    """{doc}"""
{body}'''
_SCIPY_RANK = "from scipy.stats import rankdata"


def _learnt(doc: str, body: str, before: str = "", imports: tuple[str, ...] = ()) -> Combination:
    return Combination(
        before + ("\n" if before else "") + _LEARNT.format(doc=doc, body=body), True, imports
    )


def _fixed(doc: str, body: str, before: str = "", imports: tuple[str, ...] = ()) -> Combination:
    return Combination(
        before + ("\n" if before else "") + _FIXED.format(doc=doc, body=body), False, imports
    )


def combination(key: str, form: Form, loss: str, scale: str) -> Combination:
    """The block for a plan.

    Args:
        key: one of the plans.
        form: what the predictions are.
        loss: "squared", "absolute" or "log": what ``simplex`` and the stackers minimise.
        scale: "log1p" where members are combined as log(1 + prediction), "logit" for a probability,
            "log" for class probabilities, "" for numbers as they are.
    """
    if key in ("stack-linear", "stack-trees"):
        return _stack(key, form, loss, scale)
    if key == "simplex":
        return _simplex(loss)
    return _PLAIN[key] if key != "geometric-mean" else _geometric(form, scale)


_WEIGH = (
    "    weights = choose_weights(fit, truth)\n    return [np.tensordot(weights, "
    "table, axes=1) for table in others]\n"
)
_PLAIN = {
    "mean": _fixed("The plain mean.", "    return tables.mean(axis=0)\n"),
    "median": _fixed("The median of each prediction.", "    return np.median(tables, axis=0)\n"),
    "trimmed-mean": _fixed(
        "The mean without the lowest and the highest member.",
        "    return np.sort(tables, axis=0)[1:-1].mean(axis=0)\n",
    ),
    "rank-average": _fixed(
        "The mean of the members' ranks.",
        "    return ranks(tables).mean(axis=0)\n",
        _RANKS,
        (_SCIPY_RANK,),
    ),
    "vote": _fixed(
        "The label most members chose; the first member, the best, decides ties.",
        "    classes = int(tables.max()) + 1\n"
        "    votes = (tables[..., None] == np.arange(classes)).astype(float)\n"
        "    votes[0] *= 1.5\n"
        "    return votes.sum(axis=0).argmax(axis=-1)\n",
    ),
    "weights": _learnt(
        "Weighted mean; the weights are learnt on the fitting rows.", _WEIGH, _GREEDY
    ),
    "weights-per-column": _learnt(
        "Weighted mean; every column has weights of its own.",
        "    columns = [slice(j, j + 1) for j in range(fit.shape[2])]\n"
        "    weights = [choose_weights(fit[:, :, j], truth[:, j]) for j in columns]\n"
        "    return [\n"
        "        np.hstack(\n"
        "            [np.tensordot(w, table[:, :, j], axes=1) for w, j in zip(weights, columns)]\n"
        "        )\n"
        "        for table in others\n"
        "    ]\n",
        _GREEDY,
    ),
    "rank-weights": _learnt(
        "Weighted mean of the members' ranks; the weights are learnt on the fitting rows.",
        "    weights = choose_weights(ranks(fit), truth)\n"
        "    return [np.tensordot(weights, ranks(table), axes=1) for table in others]\n",
        _RANKS + "\n" + _GREEDY,
        (_SCIPY_RANK,),
    ),
}


def _geometric(form: Form, scale: str) -> Combination:
    if form == "values":
        return _fixed(
            "The mean on the scale of log(1 + prediction).",
            "    return np.expm1(np.log1p(np.maximum(tables, 0)).mean(axis=0))\n",
        )
    if form == "shares":
        return _fixed(
            "The mean of the log odds, as a probability again.",
            "    tables = np.clip(tables, 1e-6, 1 - 1e-6)\n"
            "    odds = np.exp(np.log(tables / (1 - tables)).mean(axis=0))\n"
            "    return odds / (1 + odds)\n",
        )
    return _fixed(
        "The geometric mean of the probabilities; later they are made to add up to one.",
        "    return np.exp(np.log(np.clip(tables, 1e-6, 1)).mean(axis=0))\n",
    )


_LOSS = {
    "squared": "np.mean((truth - p) ** 2)",
    "absolute": "np.mean(np.abs(truth - p))",
    "log1p": "np.mean((np.log1p(truth) - np.log1p(np.maximum(p, 0))) ** 2)",
    "shares": "-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))",
    "classes": "-np.mean(np.log(p[np.arange(len(p)), truth]))",
}


def _simplex(loss: str) -> Combination:
    clip = "np.clip(p, 1e-6, 1 - 1e-6)" if loss in ("shares", "classes") else "p"
    body = """    count = len(fit)
    scale = max(1e-12, loss(np.full(count, 1 / count), fit, truth))
    found = minimize(
        lambda weights: loss(weights, fit, truth) / scale,
        np.full(count, 1 / count),
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
    )
    weights = np.clip(found.x, 0, None) / np.clip(found.x, 0, None).sum()
    return [np.tensordot(weights, table, axes=1) for table in others]
"""
    before = f'''
def loss(weights: np.ndarray, tables: np.ndarray, truth: np.ndarray) -> float:
    """What the weights are to minimise."""
    p = np.tensordot(weights, tables, axes=1)
    p = {clip}
    return {_LOSS[loss]}
'''
    if clip == "p":
        before = before.replace("    p = p\n", "")
    doc = "Weighted mean; non-negative weights that add up to one, learnt on the fitting rows."
    return _learnt(doc, body, before, ("from scipy.optimize import minimize",))


_SCALED = {
    "": "table",
    "log1p": "np.log1p(np.maximum(table, 0))",
    "logit": "np.log(np.clip(table, 1e-5, 1 - 1e-5) / (1 - np.clip(table, 1e-5, 1 - 1e-5)))",
    "log": "np.log(np.clip(table, 1e-5, 1))",
}


def _stack(key: str, form: Form, loss: str, scale: str) -> Combination:
    classifies = form in ("shares", "classes", "votes", "soft")
    name, model, module = _stacker(key == "stack-trees", classifies, loss)
    small = _TREES if key == "stack-trees" else ""
    as_features = f'''{small}
def features(table: np.ndarray) -> np.ndarray:
    """The members' predictions side by side: (rows, members * columns)."""
    scaled = {_SCALED[scale]}
    return scaled.transpose(1, 0, 2).reshape(table.shape[1], -1)
'''
    imports = (f"from sklearn.{module} import {name}",)
    if form in ("classes", "votes", "soft"):
        doc = "Class probabilities of a model of all members' predictions."
        body = f"""    model = {model}
    model.fit(features(fit), truth)
    tables = []
    for table in others:
        proba = np.zeros((table.shape[1], len(CLASSES)))
        proba[:, model.classes_] = model.predict_proba(features(table))
        tables.append(proba)
    return tables
"""
        return _learnt(doc, body, as_features, imports)
    return _learnt(*_columnwise(model, form, scale), as_features, imports)


_TREES = """
TREES = {
    "max_iter": 80,
    "learning_rate": 0.05,
    "max_depth": 3,
    "min_samples_leaf": 40,
    "random_state": SEED,
}

"""


def _columnwise(model: str, form: Form, scale: str) -> tuple[str, str]:
    learnt = "np.log1p(truth[:, j])" if scale == "log1p" else "truth[:, j]"
    predicted = "model.predict(features(table[:, :, [j]]))"
    if form == "shares":
        predicted = "model.predict_proba(features(table[:, :, [j]]))[:, 1]"
    elif scale == "log1p":
        predicted = f"np.expm1({predicted})"
    body = f"""    tables = [np.empty(table.shape[1:]) for table in others]
    for j in range(fit.shape[2]):
        model = {model}
        model.fit(features(fit[:, :, [j]]), {learnt})
        for done, table in zip(tables, others):
            done[:, j] = {predicted}
    return tables
"""
    return "Predictions of a model of the members' predictions, column by column.", body


def _stacker(trees: bool, classifies: bool, loss: str) -> tuple[str, str, str]:
    """Class name, constructor call and scikit-learn module of the stacking model."""
    if trees:
        name = "HistGradientBoostingClassifier" if classifies else "HistGradientBoostingRegressor"
        extra = ', loss="absolute_error"' if loss == "absolute" and not classifies else ""
        return name, f"{name}(**TREES{extra})", "ensemble"
    if classifies:
        return "LogisticRegression", "LogisticRegression(C=0.1, max_iter=1000)", "linear_model"
    if loss == "absolute":
        return (
            "HuberRegressor",
            "HuberRegressor(epsilon=1.05, alpha=1.0, max_iter=1000)",
            "linear_model",
        )
    return "Ridge", "Ridge(alpha=1.0)", "linear_model"
