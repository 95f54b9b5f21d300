"""The hostile model: reproducible, complete, and as harmful as it says."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer.base import MemberView, ModelCard, Tried
from mle_star.engineer.llm.prompting import VALUES, render
from mle_star.errors import NoAnswer
from mle_star.scoring import Predictions
from tests.engineer.llm import asked
from tests.engineer.playbook.making import Task
from tests.support import llm_scripts
from tests.support.adapters import ask, fault, gemini_brain, openai_brain
from tests.support.brain import Brain
from tests.support.gemini import GeminiAnswer, GeminiRequest
from tests.support.hostile import KINDS, ROLES, SLIPS, TRANSPORT, Behaviour, Hostile, kinds_of
from tests.support.llm_parts import LEAKY
from tests.support.loopback import Fault, Turn
from tests.support.openai_server import OpenAIAnswer, OpenAIRequest

SCRIPT = llm_scripts.build(["ridge", "stumps"], "probability", "yes")
BLOCK = llm_scripts.sections(SCRIPT)["features"].strip()
EXAMPLES: dict[str, dict[str, Any]] = {
    "queries": {"count": 2},
    "retrieve": {"count": 3},
    "write": {"card": ModelCard("ridge", "simple", "x = 1")},
    "merge": {"base": SCRIPT, "reference": SCRIPT},
    "check_usage": {"script": SCRIPT},
    "ablate": {"script": SCRIPT},
    "summarise": {"study": "print(1)", "output": "Baseline: 1.0\nWithout encode (x): 2.0\n"},
    "extract": {"summary": "- encode (x): impact 2.0", "script": SCRIPT},
    "plan": {"script": SCRIPT, "block": BLOCK, "tried": [Tried("nothing", 0.5)]},
    "refine": {"script": SCRIPT, "block": BLOCK, "plan": "RATIOS = True"},
    "plan_ensemble": {"members": [MemberView(0, "one", 0.5, SCRIPT)], "tried": []},
    "ensemble": {"plan": "Average", "members": [MemberView(0, "one", 0.5, SCRIPT)]},
    "debug": {"script": SCRIPT, "error": "ValueError"},
    "check_leakage": {"script": SCRIPT},
    "fix_leakage": {"script": SCRIPT, "block": LEAKY, "reason": "all rows"},
}


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return asked.binary(tmp_path_factory.mktemp("binary") / "task")


@pytest.fixture(scope="module")
def prompts(task: Task) -> list[tuple[str, str]]:
    """System and user message for every agent."""
    pairs = [render(agent, task.brief, 60_000, **values) for agent, values in EXAMPLES.items()]
    return [(system.text, user.text) for system, user in pairs]


def test_every_agent_is_known() -> None:
    assert set(ROLES) == set(VALUES) == set(EXAMPLES)


def test_the_same_questions_get_the_same_answers(prompts: list[tuple[str, str]]) -> None:
    def answers(seed: int, workers: int) -> Counter[Behaviour]:
        hostile = Hostile(seed)
        with ThreadPoolExecutor(workers) as pool:
            return Counter(pool.map(lambda pair: hostile.answer(*pair), prompts * 4))

    assert answers(1, 1) == answers(1, 4) != answers(2, 1)


def test_how_long_a_script_took_changes_nothing(prompts: list[tuple[str, str]]) -> None:
    fast, slow = (f"{prompts[2][1]}\nit takes {took} s now" for took in ("0.31", "12"))
    one, other = Hostile(5), Hostile(5)
    kinds = [one.answer("", fast).kind for _ in range(20)]
    assert [other.answer("", slow).kind for _ in range(20)] == kinds


def test_every_kind_comes_up_and_is_counted(prompts: list[tuple[str, str]]) -> None:
    hostile = Hostile(3, rate=1.0)
    for _ in range(250):
        for system, user in prompts:
            hostile.answer(system, user)
    seen = {(agent, kind) for agent, kind in hostile.counts if kind != "good"}
    assert seen == {(agent, kind) for agent in ROLES for kind in kinds_of(agent)}
    assert {kind for _, kind in seen} == set(KINDS)
    assert sum(hostile.counts.values()) == 250 * len(prompts)
    assert f"{'write':<14} {'crash':<16}" in hostile.table()


def test_rate_and_kinds_can_be_chosen(prompts: list[tuple[str, str]]) -> None:
    calm, narrow = Hostile(1, rate=0.0), Hostile(1, rate=1.0, kinds=["rate", "crash"])
    for system, user in prompts:
        assert calm.answer(system, user).text == Brain().answer(system, user)
        assert narrow.answer(system, user).kind in ("rate", "crash")
    usual = Hostile(1)
    kinds = [usual.answer(*prompts[0]).kind for _ in range(400)]
    assert 0.5 < kinds.count("good") / 400 < 0.7
    assert Hostile(1, rate=1.0).answer("", "Say hello.") == Behaviour("good", "OK")


@pytest.mark.parametrize("kind", sorted({*SLIPS, "leaky", "obedient"} - {"syntax_error"}))
def test_bad_scripts_do_what_their_kind_says(kind: str, task: Task, tmp_path: Path) -> None:
    system, user = render("write", task.brief, 60_000, **EXAMPLES["write"])
    said = Hostile(1, rate=1.0, kinds=[kind]).answer(system.text, user.text)
    script = said.text.removeprefix("```python\n").rstrip().removesuffix("```")
    found = str(asked.judged(task, script, tmp_path / "run", seconds=2.5))
    sign = {
        "crash": "the columns do not match",
        "sleep": "time",
        "no_files": "oof.csv",
        "obedient": "oof.csv",
        "wrong_columns": "won_odd",
        "nan": "won",
        "constant": "same",
    }.get(kind, Predictions.__name__)
    assert sign in found


def test_unusable_answers_end_as_no_answer(task: Task) -> None:
    """Whatever comes, the engineer gives an answer of its type or says that there is none."""
    ended: Counter[str] = Counter()
    for seed in range(12):
        model = asked.engineer(Hostile(seed, rate=0.9))
        for agent, values in EXAMPLES.items():
            if agent in ("queries", "retrieve"):
                continue
            try:
                ended["answered"] += (
                    getattr(model, agent)(task.brief, **_given(agent, values)) != ""
                )
            except NoAnswer:
                ended["none"] += 1
    assert ended["answered"] > 20
    assert ended["none"] > 20


def test_servers_turn_kinds_into_faults(prompts: list[tuple[str, str]]) -> None:
    system, user = prompts[2]
    turns = (Turn("user", user),)
    for kind in (*TRANSPORT, "cut_off", "empty"):
        hostile = Hostile(1, rate=1.0, kinds=[kind])
        google = gemini_brain(hostile)(GeminiRequest(0, "m", system, turns, "", None, (), 0.0, {}))
        local = openai_brain(hostile)(OpenAIRequest(0, "m", system, turns, "", 0.0, {}))
        made = fault(ask(hostile, system, turns, False))
        assert isinstance(google, Fault) == isinstance(local, Fault) == (made is not None)
        if isinstance(google, GeminiAnswer) and isinstance(local, OpenAIAnswer):
            ends = {"blocked": ("SAFETY", "content_filter"), "cut_off": ("MAX_TOKENS", "length")}
            assert (google.finish, local.finish) == ends.get(kind, ("STOP", "stop"))
        elif kind == "rate" and isinstance(google, Fault):
            assert google.status == 429
            assert "0.05s" in json.dumps(google.details)


def _given(agent: str, values: dict[str, Any]) -> dict[str, Any]:
    """Values of a prompt under the names of the engineer's method."""
    optional: dict[str, dict[str, Any]] = {
        "ablate": {"summaries": []},
        "extract": {"refined": []},
    }
    return {**optional.get(agent, {}), **values}
