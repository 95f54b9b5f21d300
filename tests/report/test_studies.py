from __future__ import annotations

import pytest

from mle_star.report.studies import read_study

PLAYBOOK = """Baseline: 0.317
[LightGBM] [Warning] 3 values
Ablation model: lightgbm: 0.3065
Ablation combine [add-mlp]: 0.3105
Ablation finish: not run, the time is up
"""
MODEL = """reading 2,000 rows
unchanged          0.812345   +0.000000   12.1 s
- no ratios: 0.802345 (-0.010000 +- 0.002, 9 s)
plain means | score=0.815345 | +0.003000
Fold 3: 0.81
The ratios matter most.
"""


def test_the_studies_of_the_playbook() -> None:
    study = read_study(PLAYBOOK, "minimize")
    assert study is not None
    assert study.baseline == 0.317
    assert [(v.name, v.score) for v in study.variants] == [
        ("model: lightgbm", 0.3065),
        ("combine [add-mlp]", 0.3105),
    ]
    assert study.variants[0].change == pytest.approx(0.0105 / 0.317)


def test_the_studies_of_a_model_have_forms_of_their_own() -> None:
    study = read_study(MODEL, "maximize")
    assert study is not None
    assert [(v.name, v.score) for v in study.variants] == [
        ("no ratios", 0.802345),
        ("plain means", 0.815345),
    ]
    assert study.variants[0].change < 0 < study.variants[1].change


@pytest.mark.parametrize(
    "output", ["", "Baseline: 0.3\n", "no ratios: 0.3\n", "Baseline: nan\nAblation x: 1e999\n", "7"]
)
def test_what_holds_no_comparison_is_none(output: str) -> None:
    assert read_study(output, "minimize") is None


def test_a_score_of_zero_and_endless_output_do_no_harm() -> None:
    study = read_study("Baseline: 0\n" + "part a: 0.5\n" * 5_000 + "x" * 100_000, "minimize")
    assert study is not None
    assert len(study.variants) == 30
