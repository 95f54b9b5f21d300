"""Predictions of the trials, read and checked once: an ensemble looks at the same ones every round.

What a trial left never changes; a trial whose files can't be used is looked at anew each time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from mle_star.scoring import Predictions, Problem, read_predictions
from mle_star.tasks import TaskSpec, View

CELLS = 20_000_000
"""Predicted values that are kept at most, of all trials together: some 160 MB as numbers."""


class KeptPredictions:
    """Reads predictions and keeps those that were used last. Safe for threads."""

    def __init__(self, cells: int = CELLS) -> None:
        self._cells = cells
        self._kept: OrderedDict[tuple[str, Path], Predictions] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, spec: TaskSpec, view: View, final: Path) -> Predictions | Problem:
        """As :func:`mle_star.scoring.read_predictions`; nobody may change what is returned."""
        key = view.digest, final
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        read = read_predictions(spec, view, final)
        if isinstance(read, Predictions):
            with self._lock:
                self._kept[key] = read
                while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > self._cells:
                    self._kept.popitem(last=False)
        return read


def _size(predictions: Predictions) -> int:
    soft = predictions.soft
    more = soft.oof.size + soft.test.size if soft else 0
    return int(predictions.oof.size + predictions.test.size + more)
