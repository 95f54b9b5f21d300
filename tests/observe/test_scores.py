from __future__ import annotations

from mle_star.observe.scores import Scores
from tests.cli.journal import Journal, model_run


def test_steps_are_scripts_with_a_score() -> None:
    journal = Journal()
    journal.add("run_started", "prepare", direction="maximize")
    journal.script(0, "write", "a", 0.5, 0.1)
    journal.script(0, "write", "b", None)
    journal.script(0, "ablate", "study", 0.9)
    journal.script(0, "refine", "leak", 0.99, alarm="too good")
    journal.script(0, "refine", "c", 0.6, 0.1)
    scores = Scores()
    points = [found for event in journal.events if (found := scores.take(event))]
    assert [(p["score"], p["best"]) for p in points] == [(0.5, 0.5), (0.99, 0.5), (0.6, 0.6)]
    assert scores.step == 3
    assert "usd" not in points[0]
    assert Scores.of(journal.events) == scores


def test_what_models_cost_adds_up() -> None:
    scores = Scores.of(model_run())
    assert scores.usd > 0
    assert scores.tokens > 6000
