"""Strategies for the scale on which models learn a number."""

from __future__ import annotations

from collections.abc import Callable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.edits import insert_before, replace_function
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment


def _scale(
    key: str,
    potential: Callable[[Brief], float],
    description: str,
    there: str,
    back: str,
    constants: str = "",
    imports: tuple[str, ...] = (),
) -> Strategy:
    """A strategy that rewrites ``transform`` and ``restore``, whose bodies it is given."""

    def rewrite(block: str, _: Brief) -> str:
        note = comment(key, description).replace("\n", "\n    ")
        new = replace_function(
            block,
            "transform",
            "def transform(values: np.ndarray) -> np.ndarray:\n"
            '    """Scale on which the models learn the target."""\n'
            f"    {note}{there}",
            imports,
        )
        new = replace_function(
            new,
            "restore",
            "def restore(values: np.ndarray) -> np.ndarray:\n"
            '    """Back to the target\'s own scale."""\n'
            f"    {back}",
        )
        return insert_before(new, "transform", constants) if constants else new

    return Strategy(
        key,
        "target",
        "scale",
        lambda brief, _: potential(brief) if Facts(brief).learning == "regression" else 0.0,
        lambda _: description,
        rewrite,
    )


def _positive(brief: Brief) -> bool:
    return (brief.profile.target_min or 0.0) >= 0


def _tail(brief: Brief) -> float:
    return brief.profile.target_skew or 0.0


def _log(brief: Brief) -> float:
    """A long tail calls for logarithms, and more so where the metric is not ruled by the tail."""
    facts = Facts(brief)
    if not _positive(brief) or facts.logarithmic or facts.ordinal:
        return 0.0
    share = min(max(_tail(brief), 0.0) / 3, 1.0)
    return (0.3 + 0.4 * share) if facts.loss == "absolute" else 0.15 + 0.35 * share


LOG = _scale(
    "log-target",
    _log,
    "Learn log(1 + y), because the target has a long right tail.",
    "return np.log1p(values)",
    "return np.expm1(np.clip(values, -50, 50))",
)

ROOT = _scale(
    "root-target",
    lambda brief: 1.1 * _log(brief),
    "Learn the square root of the target, a milder scale than the logarithm.",
    "return np.sqrt(values)",
    "return np.clip(values, 0, None) ** 2",
)

_LEARNT_SCALE = (
    "SCALE: dict[str, np.ndarray] = {}  # filled by transform, from the fitting rows alone"
)
_RESTORED = 'return np.interp(values, SCALE["there"], SCALE["here"])'


def _learnt(brief: Brief) -> bool:
    """Whether a scale learnt from the fitting rows makes sense: many distinct numbers."""
    return not Facts(brief).ordinal and brief.profile.target_unique > 20


POWER = _scale(
    "power-target",
    lambda brief: 0.3 if _learnt(brief) and abs(_tail(brief)) > 0.5 else 0.0,
    "Learn the Yeo-Johnson power of the target that is nearest to normal.",
    "power = PowerTransformer().fit(values.reshape(-1, 1))\n"
    '    SCALE["here"] = np.quantile(values, np.linspace(0, 1, 2001))\n'
    '    SCALE["there"] = power.transform(SCALE["here"].reshape(-1, 1))[:, 0]\n'
    "    return power.transform(values.reshape(-1, 1))[:, 0]",
    _RESTORED,
    _LEARNT_SCALE,
    ("from sklearn.preprocessing import PowerTransformer",),
)

RANK = _scale(
    "rank-target",
    lambda brief: 0.2 if _learnt(brief) else 0.0,
    "Learn the normal score of the target's rank.",
    "shares = np.linspace(0.001, 0.999, 999)\n"
    '    SCALE["here"] = np.quantile(values, shares)\n'
    '    SCALE["there"] = norm.ppf(shares)\n'
    '    return np.interp(values, SCALE["here"], SCALE["there"])',
    _RESTORED,
    _LEARNT_SCALE,
    ("from scipy.stats import norm",),
)

ALL = (LOG, ROOT, POWER, RANK)
