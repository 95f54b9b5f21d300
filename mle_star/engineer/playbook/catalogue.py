"""Model cards: what is worth trying on a task, and why.

How well a family fits is a rule of thumb from published comparisons: boosted trees lead on tables
(Grinsztajn et al. 2022, arXiv 2207.08815; TabRepo, arXiv 2311.02971), CatBoost gains with
categories, extra trees do well on few and smooth rows, linear models on few rows and text, and
portfolios gain by mixing families (AutoGluon, arXiv 2003.06505).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.blocks import boosting, forests, neural, scaled, text
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.errors import NoAnswer

SAME_GROUP, SAME_GROUP_MANY = 0.3, 0.12
"""What a card loses for each card of its group that a solution already holds: on few rows, and on
many, where boosting is so far ahead that others hardly help."""
MANY = 10_000
"""Rows from which that is so."""


@dataclass(frozen=True)
class Model:
    """A family of models the writer has a block for."""

    family: str
    """As in ``fit_<family>``."""
    name: str
    group: str
    """Families of one group err alike: boosting, forest, linear, neighbours, neural, text."""
    package: str
    block: Callable[[Facts], Part]
    fit: Callable[[Facts], float]
    """How well it fits the data, 0 (useless) to 1; 0 is never offered."""
    reason: Callable[[Facts], str]
    """One sentence with the figures of the profile that speak for it."""
    sources: tuple[str, ...]
    reads_text: bool = False
    """Whether it reads raw text itself; for all others ``encode`` turns text into numbers."""
    times: float = 1.0
    """Seconds of its first script against LightGBM's, about the median over twenty tables; of the
    deep networks, which take the time they get, a guess."""

    def suits(self, facts: Facts) -> bool:
        """Whether it can be tried at all; quantiles are learnt by boosting only."""
        if facts.learning == "regression" and facts.loss == "quantile" and self.group != "boosting":
            return False
        return self.package in facts.brief.installed and self.fit(facts) > 0

    def title(self, facts: Facts) -> str:
        """Name with the variant that the task calls for."""
        variant = "ridge regression" if facts.learning == "regression" else "logistic regression"
        if self.family == "linear":
            return variant
        return f"TF-IDF and {variant}" if self.family == "text_linear" else self.name


def _width(facts: Facts) -> int:
    return sum(map(len, (facts.numeric, facts.categorical, facts.datetime, facts.text)))


def _size(facts: Facts) -> str:
    return f"{facts.rows:,} rows and {_width(facts)} columns"


def _wordy(facts: Facts) -> bool:
    """Whether free text is most of what there is to learn from."""
    return bool(facts.text) and _width(facts) < 4 * len(facts.text)


def _tabular(facts: Facts, fit: float) -> float:
    """Fit of a model on numbers, less where it sees text through a few topics only."""
    return fit - 0.12 if _wordy(facts) else fit


def _categories(facts: Facts) -> str:
    levels = max((facts.column(name).unique for name in facts.categorical), default=0)
    return f"{len(facts.categorical)} categorical columns of up to {levels} levels"


def _hurried(facts: Facts, penalty: float) -> float:
    """What a slow model loses where a script's time is short for so many rows."""
    short = facts.brief.script_seconds * facts.brief.cpus < facts.rows * facts.brief.folds / 1_500
    return penalty if short else 0.0


def _catboost_fit(facts: Facts) -> float:
    fit = 0.92 if len(facts.categorical) > len(facts.numeric) else 0.86
    return _tabular(facts, fit - _hurried(facts, 0.08))


def _smooth_grades(facts: Facts) -> bool:
    """Whether grades are learnt as numbers from few rows of mostly numbers.

    There averaged deep trees with learnt cuts did better than boosting on wine quality (4,898
    rows, quadratic weighted kappa): the order of the grades is noisy, and averages are smooth.
    """
    few = facts.rows < 10_000
    return facts.ordinal and few and len(facts.numeric) >= len(facts.categorical)


def _extra_trees_fit(facts: Facts) -> float:
    if _smooth_grades(facts):
        return _tabular(facts, 0.95)
    fit = 0.76 if facts.rows < 10_000 else 0.7
    # Random cuts through category codes make for blunt probabilities.
    coded = facts.learning != "regression" and len(facts.categorical) > len(facts.numeric)
    return _tabular(facts, fit - (0.15 if coded else 0.0) - _hurried(facts, 0.15))


def _mlp_fit(facts: Facts) -> float:
    # Beyond the years it was fitted on a network's surface goes anywhere.
    return _tabular(facts, 0.62 if facts.rows >= 1_000 and not facts.ordered else 0.4)


def _deep_fit(facts: Facts, fit: float, cost: float) -> float:
    """Fit of a deep network: none where the time of a script bears too few epochs."""
    if facts.rows < 500 or not neural.epochs(facts, cost):
        return 0.0
    return _tabular(facts, fit if not facts.ordered else fit - 0.2)


def _linear_fit(facts: Facts) -> float:
    fit = 0.55
    if facts.learning != "regression" and facts.categorical:
        fit += 0.1
    return _tabular(facts, fit + (0.15 if facts.rows < 1_000 else 0.0))


def _words(facts: Facts) -> str:
    words = max(facts.column(name).words or 0.0 for name in facts.text)
    return f"the text has {words:.0f} words a row on average and there are {facts.rows:,} rows"


MODELS = (
    Model(
        "text_linear",
        "TF-IDF and linear model",
        "text",
        "sklearn",
        text.text_linear,
        lambda facts: (0.95 if _wordy(facts) else 0.8) if facts.text else 0.0,
        lambda facts: (
            f"Sparse word weights and a linear model are hard to beat when {_words(facts)}."
        ),
        (
            "https://scikit-learn.org/stable/modules/feature_extraction.html",
            "https://doi.org/10.1016/0306-4573(88)90021-0",
        ),
        reads_text=True,
    ),
    Model(
        "text_naive_bayes",
        "Naive Bayes on words",
        "text",
        "sklearn",
        text.text_naive_bayes,
        lambda facts: (
            (0.88 if _wordy(facts) else 0.5) if facts.text and facts.learning != "regression" else 0
        ),
        lambda facts: f"Naive Bayes word ratios need little data: {_words(facts)}.",
        ("https://aclanthology.org/P12-2018/",),
        reads_text=True,
    ),
    Model(
        "lightgbm",
        "LightGBM",
        "boosting",
        "lightgbm",
        boosting.lightgbm,
        lambda facts: _tabular(facts, 0.9),
        lambda facts: f"Leaf-wise boosting is fast and strong on tables like {_size(facts)}.",
        (
            "https://lightgbm.readthedocs.io/en/stable/Parameters-Tuning.html",
            "https://arxiv.org/abs/2202.09927",
        ),
    ),
    Model(
        "catboost",
        "CatBoost",
        "boosting",
        "catboost",
        boosting.catboost,
        _catboost_fit,
        lambda facts: (
            f"Symmetric trees rarely overfit; here are {_size(facts)}, {_categories(facts)}."
        ),
        ("https://catboost.ai/docs/", "https://arxiv.org/abs/1706.09516"),
        times=1.9,
    ),
    Model(
        "xgboost",
        "XGBoost",
        "boosting",
        "xgboost",
        boosting.xgboost,
        lambda facts: _tabular(facts, 0.88),
        lambda facts: (
            f"Depth-wise boosting suits {_size(facts)} and needs neither scaling nor imputing."
        ),
        ("https://xgboost.readthedocs.io/en/stable/", "https://arxiv.org/abs/1603.02754"),
    ),
    Model(
        "hist_gradient_boosting",
        "HistGradientBoosting",
        "boosting",
        "sklearn",
        boosting.hist_gradient_boosting,
        lambda facts: _tabular(facts, 0.84 if facts.rows < MANY else 0.76),
        lambda facts: f"scikit-learn's own boosting handles gaps in {_size(facts)} by itself.",
        ("https://scikit-learn.org/stable/modules/ensemble.html",),
        times=1.3,
    ),
    Model(
        "extra_trees",
        "ExtraTrees",
        "forest",
        "sklearn",
        forests.extra_trees,
        _extra_trees_fit,
        lambda facts: (
            f"Random splits smooth the {len(facts.numeric)} numeric columns of {facts.rows:,} rows."
        ),
        (
            "https://doi.org/10.1007/s10994-006-6226-1",
            "https://scikit-learn.org/stable/modules/ensemble.html",
        ),
        times=1.9,
    ),
    Model(
        "random_forest",
        "RandomForest",
        "forest",
        "sklearn",
        forests.random_forest,
        lambda facts: _tabular(
            facts, 0.87 if _smooth_grades(facts) else 0.68 - _hurried(facts, 0.2)
        ),
        lambda facts: f"Bagged trees are a steady reference on {_size(facts)}.",
        ("https://doi.org/10.1023/A:1010933404324",),
        times=2.1,
    ),
    Model(
        "mlp",
        "MLP",
        "neural",
        "sklearn",
        scaled.mlp,
        _mlp_fit,
        lambda facts: (
            f"A small network draws smooth surfaces that trees can't; {facts.rows:,} rows feed it."
        ),
        ("https://arxiv.org/abs/2407.04491",),
        times=1.3,
    ),
    Model(
        "realmlp",
        "RealMLP",
        "neural",
        neural.PACKAGE,
        neural.realmlp,
        lambda facts: _deep_fit(facts, 0.72, neural.REALMLP_COST),
        lambda facts: f"Tuned defaults let a deep network rival boosting on {_size(facts)}.",
        ("https://arxiv.org/abs/2407.04491", "https://github.com/dholzmueller/pytabkit"),
        times=3.0,
    ),
    Model(
        "tabm",
        "TabM",
        "neural",
        neural.PACKAGE,
        neural.tabm,
        lambda facts: _deep_fit(facts, 0.8, neural.TABM_COST),
        lambda facts: f"An ensemble of networks in one lowers their variance on {_size(facts)}.",
        ("https://arxiv.org/abs/2410.24210", "https://github.com/dholzmueller/pytabkit"),
        times=3.0,
    ),
    Model(
        "kernel",
        "Kernel machine",
        "kernel",
        "sklearn",
        scaled.kernel,
        lambda facts: _tabular(
            facts, (0.66 if facts.rows < 20_000 else 0.45) - _hurried(facts, 0.3)
        ),
        lambda facts: (
            f"A Gaussian kernel draws smooth surfaces through {facts.rows:,} rows, unlike trees."
        ),
        (
            "https://scikit-learn.org/stable/modules/svm.html",
            "https://scikit-learn.org/stable/modules/kernel_approximation.html",
        ),
        times=1.1,
    ),
    Model(
        "linear",
        "Linear model",
        "linear",
        "sklearn",
        scaled.linear,
        _linear_fit,
        lambda facts: f"A penalised linear model on {_size(facts)} errs differently from trees.",
        ("https://scikit-learn.org/stable/modules/linear_model.html",),
        times=0.8,
    ),
    Model(
        "knn",
        "kNN",
        "neighbours",
        "sklearn",
        scaled.knn,
        lambda facts: _tabular(facts, 0.45 if _width(facts) <= 12 and facts.rows < 10_000 else 0.3),
        lambda facts: (
            f"With {_width(facts)} columns, near rows of {facts.rows:,} still resemble each other."
        ),
        ("https://scikit-learn.org/stable/modules/neighbors.html",),
        times=0.6,
    ),
)


def model_named(name: str) -> Model:
    """The model a card names.

    Raises:
        NoAnswer: there is none of that name.
    """
    wanted = _letters(name)
    for model in MODELS:
        if wanted in (_letters(model.name), _letters(model.family)):
            return model
    raise NoAnswer(f"The playbook has no block for the model {name!r}.")


def _letters(name: str) -> str:
    """A name as it is compared: ``Random Forest`` is ``RandomForest``."""
    return "".join(filter(str.isalnum, name.lower()))


def retrieve(brief: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
    """Up to ``count`` cards for one solution, the one to start from first.

    Cards are dealt to the solutions in turn. Each takes the free card that fits best, where a card
    loses by every card of its group that the solution holds; so each starts strong and grows
    diverse. A card is dealt a second time only when none is free.
    """
    facts = Facts(brief)
    suited = [model for model in MODELS if model.suits(facts)]
    hands: list[list[Model]] = [[] for _ in range(max(solutions, solution + 1))]
    free = list(suited)
    for _ in range(min(count, len(suited))):
        for hand in hands:
            choice = _best(facts, [m for m in free if m not in hand], hand)
            if choice is None:
                choice = _best(facts, [m for m in suited if m not in hand], hand)
            elif choice in free:
                free.remove(choice)
            if choice is not None:
                hand.append(choice)
    return [_card(facts, model) for model in hands[solution]]


def _best(facts: Facts, models: list[Model], hand: list[Model]) -> Model | None:
    loss = SAME_GROUP if facts.rows < MANY else SAME_GROUP_MANY

    def worth(model: Model) -> float:
        return model.fit(facts) - loss * sum(m.group == model.group for m in hand)

    return max(models, key=worth, default=None)


def _card(facts: Facts, model: Model) -> ModelCard:
    code = model.block(facts).code
    return ModelCard(model.name, model.reason(facts), code, model.sources, model.times)
