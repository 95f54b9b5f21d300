"""Model blocks that need scaled numbers and one-hot categories."""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.fitting import call, function, predicting
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.script import MODEL

NEIGHBOUR_ROWS = 10_000
"""Rows that neighbours are looked up among; the cost of a prediction grows with them."""
KERNEL_ROWS = 8_000
"""Rows that a kernel is computed between."""
NEURAL_ROWS = 60_000
"""Rows a network is fitted on."""
MOST_CURVES = 100
"""Columns up to which each number gets a curve; with more, the curves learn the noise."""
MOST_CELLS = 10_000_000
"""Rows times numbers up to which that is so: a curve takes eight numbers of memory for each."""
PARTS_OF_A_MOMENT = 6
"""Columns that ``make_features`` makes of a date and time, about."""


def curves() -> tuple[list[str], list[str]]:
    """Lines that make ``curves`` of numbers, and their imports.

    A number becomes its place between seven quantiles (piecewise linear encoding, Gorishniy et al.
    2022, arXiv 2203.05556), so that a linear model bends and a network sees steps.
    """
    lines = [
        "# Where a number lies between seven quantiles lets its effect bend.",
        "ranks = QuantileTransformer(n_quantiles=min(500, len(X)), random_state=seed)",
        "curves = make_pipeline(ranks, SplineTransformer(7, degree=1))",
    ]
    return lines, [
        "from sklearn.pipeline import make_union",
        "from sklearn.preprocessing import QuantileTransformer",
        "from sklearn.preprocessing import SplineTransformer",
    ]


def bends(facts: Facts) -> bool:
    """Whether numbers get curves.

    Not where topics of texts or what is seen in pictures are among them, nor in a wide table or one
    whose curves would fill the memory.
    """
    if facts.text or facts.pictures or not facts.numeric:
        return False
    width = len(facts.numeric) + PARTS_OF_A_MOMENT * len(facts.datetime)
    return width <= MOST_CURVES and width * facts.brief.profile.rows <= MOST_CELLS


def _seen(bent: bool) -> str:
    """What a model is fitted on, for its docstring."""
    return f"{'curves of the' if bent else 'scaled'} numbers and one-hot categories"


def columns(
    facts: Facts, scaler: str = "StandardScaler()", *, bent: bool = False
) -> tuple[list[str], list[str]]:
    """Lines that make ``parts``, transformers of numbers and categories, and their imports.

    Args:
        facts: the task.
        scaler: code of what scales numbers.
        bent: add :func:`curves` of them.
    """
    used = (("CATEGORICAL", facts.categorical), ("TEXT", facts.text))
    roles = " + ".join(role for role, names in used if names)
    numeric = f"[c for c in X if c not in {roles}]" if roles else "list(X)"
    lines, further = curves() if bent else ([], [])
    name = "make_union(StandardScaler(), curves)" if bent else scaler
    if len(name) > 40:
        lines, name = [*lines, f"scaler = {name}"], "scaler"
    lines += [
        f'numbers = make_pipeline(SimpleImputer(strategy="median"), {name})',
        f'parts = [("numbers", numbers, {numeric})]',
    ]
    imports = [
        "from sklearn.compose import ColumnTransformer",
        "from sklearn.impute import SimpleImputer",
        "from sklearn.pipeline import make_pipeline",
        f"from sklearn.preprocessing import {scaler.split('(')[0]}",
        *further,
    ]
    if facts.categorical:
        lines += [
            'one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)',
            'parts.append(("categories", one_hot, CATEGORICAL))',
        ]
        imports.append("from sklearn.preprocessing import OneHotEncoder")
    return lines, imports


def linear(facts: Facts) -> Part:
    """Ridge regression (Hoerl and Kennard 1970) or logistic regression with the same penalty."""
    bent = bends(facts)
    strength = 1.0 if bent and facts.learning == "multiclass" else 0.3
    if facts.learning == "regression":
        return _piped(
            facts,
            "linear",
            f"Ridge regression on {_seen(bent)}.",
            ["model = RidgeCV(alphas=np.logspace(-2, 3, 11))"],
            ["from sklearn.linear_model import RidgeCV"],
            bent=bent,
        )
    return _piped(
        facts,
        "linear",
        f"Logistic regression on {_seen(bent)}.",
        [f"model = LogisticRegression(C={strength}, max_iter=500)"],
        ["from sklearn.linear_model import LogisticRegression"],
        bent=bent,
    )


def knn(facts: Facts) -> Part:
    """Nearest neighbours (Cover and Hart 1967).

    Classes are voted for with equal weights: else an equal row would decide alone. Dense
    tables are searched several times as fast as sparse ones.
    """
    regression = facts.learning == "regression"
    name = "KNeighborsRegressor" if regression else "KNeighborsClassifier"
    count, weights = (12, "distance") if regression else (40, "uniform")
    return _piped(
        facts,
        "knn",
        "Mean of the nearest neighbours by scaled numbers and one-hot categories.",
        [
            f"neighbours = min({count}, len(X))",
            f'model = {name}(neighbours, weights="{weights}", n_jobs=THREADS)',
        ],
        [f"from sklearn.neighbors import {name}"],
        NEIGHBOUR_ROWS,
        dense=True,
    )


def mlp(facts: Facts) -> Part:
    """A neural network with two hidden layers."""
    regression, bent = facts.learning == "regression", bends(facts)
    name = "MLPRegressor" if regression else "MLPClassifier"
    settings: dict[str, object] = {
        "hidden_layer_sizes": (64, 32),
        "alpha": 0.3 if bent else 0.01,
        "learning_rate_init": 0.003,
        "max_iter": 200,
        # Early stopping holds a tenth of the rows back, of every class some.
        "early_stopping": facts.fit_rows >= 100 and (facts.least_class or 100) >= 20,
        "random_state": "seed",
    }
    if facts.learning == "multiclass":
        # Early stopping splits rows class by class, which a class of a single row does not bear.
        alpha = 0.5 if bent else 0.1
        settings |= {"alpha": alpha, "early_stopping": False, "tol": 0.002}
    built = call(name, settings)
    lines = [f"model = {built[0]}", *built[1:]]
    imports = [f"from sklearn.neural_network import {name}"]
    if regression:
        lines.append("model = TransformedTargetRegressor(model, transformer=StandardScaler())")
        imports += [
            "from sklearn.compose import TransformedTargetRegressor",
            "from sklearn.preprocessing import StandardScaler",
        ]
    doc = f"A network with two hidden layers on {_seen(bent)}."
    return _piped(facts, "mlp", doc, lines, imports, NEURAL_ROWS, bent=bent)


def kernel(facts: Facts) -> Part:
    """Smooth functions of the distance to other rows, with a Gaussian kernel.

    Numbers are learnt by a support vector machine (Drucker et al. 1997), classes by a logistic
    regression on kernel features (Williams and Seeger 2001).
    """
    if facts.learning == "regression":
        lines = [
            "model = SVR(C=3.0, epsilon=0.05, cache_size=500)",
            "model = TransformedTargetRegressor(model, transformer=StandardScaler())",
        ]
        imports = [
            "from sklearn.compose import TransformedTargetRegressor",
            "from sklearn.preprocessing import StandardScaler",
            "from sklearn.svm import SVR",
        ]
    else:
        lines = [
            "features = Nystroem(n_components=min(400, len(X)), random_state=seed)",
            "model = make_pipeline(features, LogisticRegression(C=3.0, max_iter=500))",
        ]
        imports = [
            "from sklearn.kernel_approximation import Nystroem",
            "from sklearn.linear_model import LogisticRegression",
        ]
    doc = "Smooth functions of the distance between rows, by evenly spread numbers and categories."
    return _piped(
        facts,
        "kernel",
        doc,
        lines,
        imports,
        KERNEL_ROWS,
        scaler='QuantileTransformer(output_distribution="normal", n_quantiles=min(300, len(X)))',
    )


def _piped(
    facts: Facts,
    family: str,
    doc: str,
    model: list[str],
    imports: list[str],
    most: int | None = None,
    *,
    dense: bool = False,
    scaler: str = "StandardScaler()",
    bent: bool = False,
) -> Part:
    """A block that fits ``model`` behind the column transformer, on at most ``most`` rows."""
    lines, needed = columns(facts, scaler, bent=bent)
    sample = []
    if most and facts.brief.profile.rows > most:
        sample = [
            "# A random part of the rows keeps the time within bounds.",
            f"chosen = np.random.default_rng(seed).permutation(len(X))[:{most:_}]",
            "X, y = X.iloc[chosen], y[chosen]",
        ]
    table = "ColumnTransformer(parts)"
    if dense and facts.categorical:
        table = "ColumnTransformer(parts, sparse_threshold=0)"
    body = [
        *sample,
        *lines,
        *model,
        f"model = make_pipeline({table}, model)",
        "model.fit(X, y)",
        *predicting(facts),
    ]
    return Part(MODEL + family, function(family, doc, body), (*needed, *imports))
