"""The scores of a run over its scripts, one step per scored script, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mle_star.report.attempts import finite
from mle_star.report.reading import UNSCORED


@dataclass
class Scores:
    """Where a run stands."""

    step: int = 0
    """Scripts with a score so far."""
    best: float | None = None
    """The best score without a leakage alarm, in the metric's units."""
    direction: str = "minimize"
    usd: float = 0.0
    """US dollars for models so far, as far as prices are known."""
    tokens: int = 0

    @classmethod
    def of(cls, events: Iterable[Mapping[str, Any]]) -> Scores:
        """Where a run stands after some events."""
        scores = cls()
        for event in events:
            scores.take(event)
        return scores

    def take(self, event: Mapping[str, Any]) -> dict[str, float]:
        """Fold one event in.

        Returns:
            The figures of a new step by name; empty where the event is none.
        """
        kind = event.get("kind")
        if kind == "run_started":
            self.direction = str(event.get("direction", self.direction))
        elif kind == "model_called":
            counted = event.get("tokens") or {}
            self.usd += finite(event.get("usd")) or 0.0
            self.tokens += int(counted.get("input") or 0) + int(counted.get("output") or 0)
        score = finite(event.get("score")) if kind == "script_finished" else None
        if score is None or event.get("phase") in UNSCORED:
            return {}
        self.step += 1
        if not event.get("alarm") and (self.best is None or self._beats(score, self.best)):
            self.best = score
        found = {
            "score": score,
            "score_error": finite(event.get("error")),
            "best": self.best,
            "audit": finite(event.get("audit")),
            "script_seconds": finite(event.get("seconds")),
            "usd": self.usd or None,
            "tokens": float(self.tokens) or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _beats(self, new: float, old: float) -> bool:
        return new > old if self.direction == "maximize" else new < old
