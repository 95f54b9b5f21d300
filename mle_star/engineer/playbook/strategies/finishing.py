"""Strategies for ``finish``: what can be learnt from out-of-fold predictions.

Whatever is learnt here is cross-fitted: the predictions of a fold are finished by what the other
folds teach, so that the validation score stays honest; the test predictions are finished by what
all of them teach.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    assigns,
    checked,
    function,
    insert_before_last,
    replace_statement,
)
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment
from mle_star.errors import NoAnswer


def _applied(parts: str) -> str:
    """Source that adjusts ``oof`` part by part and ``prediction`` by all parts, then finishes both.

    ``parts`` is code for the part that each training row belongs to.
    """
    return f"""
scored = folds >= 0
raw, parts = oof.copy(), {parts}
for part in np.unique(parts[scored]):
    inside, others = scored & (parts == part), scored & (parts != part)
    oof[inside] = adjust(learn(raw[others], y[others]), raw[inside])
prediction = adjust(learn(raw[scored], y[scored]), prediction)
oof, prediction = finish(oof), finish(prediction)
"""


def _applies_finish(node: ast.stmt) -> bool:
    """Whether this is the statement that applies ``finish`` to what the models gave."""
    calls = [sub for sub in ast.walk(node) if isinstance(sub, ast.Call)]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "finish"]
    return bool(named) and assigns("oof")(node) and assigns("prediction")(node)


def cross_fitted(
    key: str,
    kin: str,
    potential: Callable[[Facts], float],
    description: str,
    code: Callable[[Facts], str],
    imports: Callable[[Facts], Iterable[str]] = lambda _: (),
) -> Strategy:
    """A strategy that puts two functions before ``finish`` is applied, and applies them.

    ``code`` is their source: ``learn(values, truth)`` and ``adjust(learnt, values)``.
    """

    def rewrite(block: str, brief: Brief) -> str:
        facts = Facts(brief)
        function(block, "finish")
        if "adjust(" in block:
            raise NoAnswer("The predictions are adjusted already.")
        parts = "folds" if brief.folds > 1 else "np.arange(len(folds)) % 5"
        source = comment(key, description) + code(facts).strip("\n") + "\n\n\n"
        new = replace_statement(block, _applies_finish, source + _applied(parts).strip("\n"))
        return checked(add_imports(new, imports(facts)))

    def expected(brief: Brief, block: str) -> float:
        facts = Facts(brief)
        # In time order later folds must not teach earlier ones; several targets are a table.
        if facts.ordered or facts.several or "adjust(" in block:
            return 0.0
        return potential(facts)

    return Strategy(key, "finish", kin, expected, lambda _: description, rewrite)


# ---- probabilities ---------------------------------------------------------------------------


def _calibrated(facts: Facts, potential: float) -> float:
    """The potential, if probabilities are handed in and the metric wants them calibrated."""
    return potential if not facts.labels and facts.metric in ("log_loss", "brier") else 0.0


PLATT = cross_fitted(
    "platt-scaling",
    "calibration",
    # Linear models on thousands of words are penalised to be less sure than they should be.
    lambda facts: (
        _calibrated(facts, 0.75 if facts.text else 0.1) if facts.learning == "binary" else 0.0
    ),
    "Calibrate the probabilities by a logistic curve (Platt 1999).",
    lambda _: (
        '''
def log_odds(values: np.ndarray) -> np.ndarray:
    """Logarithm of p / (1 - p), as a column."""
    values = np.clip(values, 1e-6, 1 - 1e-6)
    return np.log(values / (1 - values)).reshape(-1, 1)


def learn(values: np.ndarray, truth: np.ndarray) -> LogisticRegression:
    """Slope and offset of the log odds."""
    return LogisticRegression(C=10).fit(log_odds(values), truth)


def adjust(learnt: LogisticRegression, values: np.ndarray) -> np.ndarray:
    """Calibrated probabilities."""
    return learnt.predict_proba(log_odds(values))[:, 1]
'''
    ),
    lambda _: ("from sklearn.linear_model import LogisticRegression",),
)

ISOTONIC = cross_fitted(
    "isotonic-calibration",
    "calibration",
    lambda facts: (
        _calibrated(facts, 0.08) if facts.learning == "binary" and facts.rows >= 2_000 else 0.0
    ),
    "Calibrate the probabilities by a rising step curve, mixed with the raw ones.",
    lambda _: (
        '''
def learn(values: np.ndarray, truth: np.ndarray) -> IsotonicRegression:
    """Share of positives among rows of like probability."""
    return IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip").fit(values, truth)


def adjust(learnt: IsotonicRegression, values: np.ndarray) -> np.ndarray:
    """Half calibrated, half raw: steps alone are overconfident at both ends."""
    return (learnt.predict(values) + values) / 2
'''
    ),
    lambda _: ("from sklearn.isotonic import IsotonicRegression",),
)

TEMPERATURE = cross_fitted(
    "temperature",
    "calibration",
    lambda facts: _calibrated(facts, 0.35) if facts.learning == "multiclass" else 0.0,
    "Sharpen or soften all probabilities by one power (temperature scaling, Guo et al. 2017).",
    lambda _: (
        '''
def learn(values: np.ndarray, truth: np.ndarray) -> float:
    """The power of the probabilities with the smallest log loss."""
    picks = (np.arange(len(truth)), truth)
    powers = np.linspace(0.5, 2.0, 31)
    losses = [-np.log(adjust(power, values)[picks]).mean() for power in powers]
    return float(powers[int(np.argmin(losses))])


def adjust(learnt: float, values: np.ndarray) -> np.ndarray:
    """Powers of the probabilities, summing to one."""
    powers = np.maximum(values, 1e-6) ** learnt
    return powers / powers.sum(axis=1, keepdims=True)
'''
    ),
)

# ---- numbers ---------------------------------------------------------------------------------


def _number(facts: Facts) -> bool:
    return facts.learning == "regression" and not facts.ordinal


def _rescaled(facts: Facts) -> str:
    absolute = facts.loss == "absolute"
    centre = "median" if absolute else "mean"
    error = "np.abs(rest - offset)" if absolute else "(rest - offset) ** 2"
    return f'''
def learn(values: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Slope and offset with the smallest error."""
    best = (np.inf, 1.0, 0.0)
    for slope in np.linspace(0.9, 1.15, 26):
        rest = truth - slope * values
        offset = np.{centre}(rest)
        best = min(best, (np.mean({error}), slope, offset))
    return best[1:]


def adjust(learnt: tuple[float, float], values: np.ndarray) -> np.ndarray:
    """Rescaled predictions."""
    slope, offset = learnt
    return slope * values + offset
'''


RESCALE = cross_fitted(
    "rescale",
    "rescale",
    lambda facts: 0.2 if _number(facts) else 0.0,
    "Stretch or shrink the predictions about their mean, and shift them, as the truth suggests.",
    _rescaled,
)


def _returning(block: str, brief: Brief, item: Strategy, wrapped: str) -> str:
    """``finish`` returns what it returned, put into ``wrapped`` for ``{}``."""
    node = function(block, "finish").body[-1]
    if not isinstance(node, ast.Return) or node.value is None or node.end_lineno is None:
        raise NoAnswer("The function finish does not end in a return.")
    value = ast.get_source_segment(block, node.value) or "values"
    lines = block.splitlines(keepends=True)
    changed = [f"    return {wrapped.format(value)}\n"]
    new = "".join([*lines[: node.lineno - 1], *changed, *lines[node.end_lineno :]])
    return insert_before_last(new, "finish", comment(item.key, item.describe(brief)))


def _clip(block: str, brief: Brief) -> str:
    low, high = brief.profile.target_min, brief.profile.target_max
    return _returning(block, brief, CLIP, f"np.clip({{}}, {low:.10g}, {high:.10g})")


CLIP = Strategy(
    "clip-to-range",
    "finish",
    "range",
    lambda brief, _: (
        0.25 if _number(Facts(brief)) and brief.profile.target_max is not None else 0.0
    ),
    lambda _: "Keep predictions within the range of the training targets.",
    _clip,
)


def _round(block: str, brief: Brief) -> str:
    return _returning(block, brief, ROUND, "np.rint({})")


ROUND = Strategy(
    "round",
    "finish",
    "rounding",
    lambda brief, _: (
        0.15
        if _number(Facts(brief))
        and Facts(brief).loss == "absolute"
        and brief.profile.target_unique < 0.2 * brief.profile.rows
        else 0.0
    ),
    lambda _: "Round to whole numbers, as most targets are.",
    _round,
)

ALL = (
    PLATT,
    ISOTONIC,
    TEMPERATURE,
    RESCALE,
    CLIP,
    ROUND,
)
