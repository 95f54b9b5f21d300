"""The greedy search for an ensemble's weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

STEPS = 25
"""Members the greedy search adds at most, repeats counted."""
PATIENCE = 5
"""Steps in a row that bring no better ensemble before the search ends."""
POOL = 30
"""Members it chooses from: the best single ones."""
ROWS = 10_000
"""Scored rows that a search looks at; its result is scored on all."""


def selected(rows: int) -> np.ndarray:
    """Those of the scored rows, by place."""
    if rows <= ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, ROWS, replace=False))


def greedy_weights(
    encoded: Sequence[np.ndarray],
    worth: Callable[[np.ndarray], float],
    steps: int = STEPS,
    pool: int = POOL,
) -> list[float]:
    """Greedy ensemble selection with replacement.

    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML
    2004. From nothing, the member that improves the average most is added, up to ``steps`` times,
    and the best ensemble on the way is kept (the best single member is the first of them).

    Args:
        encoded: Members' predictions as numbers of one shape.
        worth: What an average of them is worth, higher is better; -inf where it can't be scored.
        steps: Members to add at most.
        pool: Members to choose from: the best ones on their own.

    Returns:
        One weight per member, summing to 1; empty when no member can be scored.
    """
    single = [worth(values) for values in encoded]
    order = sorted(range(len(encoded)), key=lambda n: -single[n])[:pool]
    order = [n for n in order if single[n] > -np.inf]
    if not order:
        return []
    counts = np.zeros(len(encoded))
    total = np.zeros_like(encoded[0])
    best, best_counts, last = -np.inf, counts, 0
    for step in range(steps):
        tried = [
            single[n] if step == 0 else worth((total + encoded[n]) / (step + 1)) for n in order
        ]
        pick = int(np.argmax(tried))
        total = total + encoded[order[pick]]
        counts = counts.copy()
        counts[order[pick]] += 1
        if tried[pick] > best:
            best, best_counts, last = tried[pick], counts, step
        elif step - last >= PATIENCE:
            break
    return [float(c) for c in best_counts / best_counts.sum()]
