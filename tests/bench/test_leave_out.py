"""Parts that can be left out are there, and the table says what they were worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context
from mle_star.engineer.playbook import strategies
from mle_star.engineer.policy import Policy
from tests.support.benchmarks import load

leave_out = load("leave_out")


@pytest.mark.parametrize("part", leave_out.PARTS)
def test_what_a_part_replaces_exists(part: str) -> None:
    replaced: list[tuple[Any, str]] = []
    leave_out.leave_out(part, lambda place, name, _: replaced.append((place, name)))
    assert replaced
    assert all(hasattr(place, name) for place, name in replaced)


@pytest.mark.parametrize("part", leave_out.SETTINGS)
def test_settings_that_leave_a_part_out_are_settings(part: str) -> None:
    left: dict[str, Any] = leave_out.leave_out(part)
    assert Context(**left)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(SystemExit, match="choose among policy"):
        leave_out.leave_out("magic")


def test_what_is_left_out_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out.leave_out("encodings", monkeypatch.setattr)
    assert not strategies.strategies_for("encode")
    assert strategies.strategies_for("features")
    leave_out.leave_out("policy", monkeypatch.setattr)
    assert Policy().promises({"ratios": 0.3}, lambda key: key) == {"ratios": 0.3}


RESULTS = """task,system,seed,metric,score
a,mle-star,0,rmse,1.0
a,mle-star,1,rmse,2.0
b,mle-star,0,roc_auc,0.9
a,policy,0,rmse,1.1
a,policy,1,rmse,2.0
b,policy,0,roc_auc,0.88
a,price,0,rmse,0.9
b,price,0,roc_auc,
"""


def test_the_table_tells_what_each_part_is_worth(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(RESULTS, encoding="utf-8")
    _, _, policy, price = leave_out.table(tmp_path)
    assert policy == "| policy | 3 | +10.00 ± 5.77 | +10.00 | 2 of 3 |"
    assert price == "| price | 1 | -10.00 ± 0.00 | -10.00 | 0 of 1 |"
