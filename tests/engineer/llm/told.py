"""What the agents are told in the tests of the prompts: three tasks, and a value of each kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mle_star.engineer.base import Brief, MemberView, ModelCard, Tried
from mle_star.engineer.llm.prompting import VALUES
from tests.engineer.playbook.small import brief, column

SCRIPT = "import pandas as pd\n\n# === load ===\ntrain = pd.read_csv('input/train.csv')\n"
BLOCK = "train = pd.read_csv('input/train.csv')\n"


def regression(**more: Any) -> Brief:
    text = "# House prices\n\nPredict `price` from the house.\n\n```\nid,price\n1,2.5\n```\n"
    told = brief(
        description=text,
        columns=(
            column("area", skew=3.14159, missing=0.125, drift=0.2, examples=["12.5", "80.0"]),
            column("rooms", dirty=True, dtype="str", markers=["?", " "]),
            column("city", "categorical", unique=3, examples=["Rome", "a`b\nc", "x" * 60]),
            column("note", "text", words=7.25, in_test=False, drift=None),
        ),
        side_files=["photos"],
    )
    return replace(told, base_seconds=12.0, base_score=0.5123, base_error=0.0123, **more)


def forecast() -> Brief:
    return brief(
        id=None, time=("day", "hour"), target=("load",), metric="mae", description="", folds=4
    )


def species() -> Brief:
    told = brief(
        kind="multiclass",
        metric="log_loss",
        prediction="probability",
        target=("species",),
        classes=("ash", "elm", "oak"),
        group="forest",
        folds=1,
        copied_columns=["forest"],
        description="Which tree is it?",
    )
    return replace(told, cpus=4, seed=7, script_seconds=240.0)


def values_of(agent: str, **more: Any) -> dict[str, Any]:
    tried = [
        Tried("Log target.\nThen ridge.", 0.41234567, 0.01, 3.2),
        Tried("Neighbours.", None, seconds=60.0, problem="It ran out of time\nafter 60 s."),
    ]
    everything: dict[str, Any] = {
        "count": 2,
        "exclude": ["house-prices.example"],
        "pages": "<<<web page 1: Trees (https://a.example)>>>\nBoost.\n<<<end of web page 1>>>",
        "known": ["LightGBM: fast", "Ridge: linear"],
        "card": ModelCard("LightGBM", "Fast on tables.", "model = LGBMRegressor()\n"),
        "base": SCRIPT,
        "reference": SCRIPT.replace("train", "other"),
        "script": SCRIPT,
        "summaries": ["log target: +0.02 (worse)"],
        "study": "print('base 0.51')\n",
        "output": "base 0.51\nno log 0.53\n",
        "summary": "The log target matters most: 0.02.",
        "refined": ["test = 1\n"],
        "block": BLOCK,
        "tried": tried,
        "plan": "Read only the columns that are used.",
        "members": [
            MemberView(0, "LightGBM", 0.51, SCRIPT, (1.0, 0.912)),
            MemberView(1, "Ridge", 0.6, SCRIPT, (0.912, 1.0)),
        ],
        "error": "Traceback (most recent call last):\nKeyError: 'price'\n",
        "evidence": "validation 0.1, audit 0.5 ± 0.02",
        "reason": "The scaler is fitted on all rows.",
        **more,
    }
    return {name: everything[name] for name in VALUES[agent]}
