"""Asking the engineer: who answers, what is noted, what is billed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mle_star.context import Context, resolve
from mle_star.engineer import Choice, Team
from mle_star.errors import NoAnswer, RunStopped
from mle_star.models.base import Call, ModelRefused, Usage, WalletEmpty
from mle_star.models.prices import load_prices
from mle_star.models.wallet import Wallet
from mle_star.nodes.clock import Clock
from mle_star.nodes.step import Step, _phase
from mle_star.nodes.workbench import Workbench
from mle_star.runs import EventLog, read_events
from tests.engineer.playbook.small import brief
from tests.support.engineers import ScriptedEngineer

LLM = Choice("llm", "m", "")


def fails(reason: Exception) -> Any:
    def answer(*_: Any) -> Any:
        raise reason

    return answer


def views() -> Any:
    """Views of which the search sees a part."""
    return SimpleNamespace(
        search=SimpleNamespace(rows=800, digest="part"),
        full=SimpleNamespace(rows=1000, digest="whole"),
    )


@dataclass
class Scene:
    """A step of a run with two scripted engineers."""

    folder: Path
    lead: ScriptedEngineer = field(default_factory=ScriptedEngineer)
    stand_in: ScriptedEngineer | None = None
    starter: ScriptedEngineer | None = None
    wallet: Wallet | None = None
    choice: Choice = LLM

    def step(self, phase: str = "refine", best: Any = None) -> Step:
        nothing: Any = None
        folder: Any = SimpleNamespace(path=self.folder)
        client: Any = SimpleNamespace(wallet=self.wallet) if self.wallet else None
        bench = Workbench(
            folder=folder,
            settings=resolve(Context(), environ={}),
            spec=nothing,
            profile=nothing,
            views=views(),
            brief=brief(),
            level=nothing,
            team=Team(self.choice, self.lead, self.stand_in, self.starter, client),
            executor=nothing,
            events=EventLog(self.folder / "events.jsonl"),
            clock=Clock(),
        )
        return Step(bench, "refine", 1, lambda _: None, phase=phase, best=best)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in read_events(self.folder) if e["kind"] == kind]


def test_the_lead_answers_and_nothing_is_noted(tmp_path: Path) -> None:
    scene = Scene(tmp_path, stand_in=ScriptedEngineer())
    assert scene.step().ask(scene.lead.summarise, "study", "out") == "slope matters: out"
    assert scene.stand_in is not None
    assert not scene.stand_in.calls
    assert not read_events(tmp_path)


def test_the_brief_says_who_asks_and_what_the_base_is_worth(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    best = {"seconds": 3.5, "score": {"value": 0.25, "error": 0.01}}
    scene.step("merge", best).ask(scene.lead.summarise, "study", "out")
    told = scene.lead.calls[0][1][0]
    assert (told.solution, told.phase) == (1, "merge")
    assert (told.base_seconds, told.base_score, told.base_error) == (3.5, 0.25, 0.01)
    scene.step("write").ask(scene.lead.summarise, "study", "out")
    told = scene.lead.calls[1][1][0]
    assert (told.base_seconds, told.base_score, told.base_error) == (0.0, None, None)


def test_the_brief_says_how_long_the_search_may_go_on_and_what_a_node_knows(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    step = scene.step("merge")
    step.ask(scene.lead.summarise, "study", "out")
    told = scene.lead.calls[0][1][0]
    settings = step.bench.settings
    whole = settings.time_budget * (1 - settings.reserve)
    assert told.seconds_left == pytest.approx(whole, abs=5)
    assert (told.reference_seconds, told.average_score) == (0.0, None)
    step.bench.clock.add(settings.time_budget)
    known = {"reference_seconds": 2.5, "average_score": 0.5}
    replace(step, known=known).ask(scene.lead.summarise, "study", "out")
    told = scene.lead.calls[1][1][0]
    assert told.seconds_left == 0.0
    assert (told.reference_seconds, told.average_score) == (2.5, 0.5)


def test_without_a_stand_in_a_step_is_skipped_with_a_note(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ScriptedEngineer(summarise=fails(NoAnswer("it refused"))))
    step = scene.step()
    assert step.ask(scene.lead.summarise, "study", "out") is None
    assert [e["text"] for e in scene.events("note")] == ["summarise: it refused"]
    assert step.ask(scene.lead.summarise, "study", "out") is None
    assert len(scene.events("note")) == 1, "said once, however often it happens"


@pytest.mark.parametrize(
    ("lead", "agent", "passing"),
    [
        ("playbook", "plan", True),
        ("playbook", "extract", True),
        ("playbook", "retrieve", False),
        ("playbook", "write", False),
        ("llm", "plan", False),
        ("custom", "plan", False),
    ],
)
def test_that_the_playbook_moves_on_is_no_news_but_that_it_can_not_begin_is(
    tmp_path: Path, lead: Any, agent: str, passing: bool
) -> None:
    engineer = ScriptedEngineer(**{agent: fails(NoAnswer("nothing is left"))})
    scene = Scene(tmp_path, engineer, choice=Choice(lead, "", ""))
    nothing = [""] * (1 if agent == "write" else 3)
    assert scene.step().ask(getattr(scene.lead, agent), *nothing) is None
    assert [e["passing"] for e in scene.events("note")] == [passing]


def test_the_stand_in_answers_what_the_lead_could_not_and_the_run_says_so(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        ScriptedEngineer(summarise=fails(NoAnswer("it refused"))),
        stand_in=ScriptedEngineer(summarise=lambda *_: "from the playbook"),
    )
    assert scene.step().ask(scene.lead.summarise, "study", "out") == "from the playbook"
    assert [(e["agent"], e["reason"]) for e in scene.events("stood_in")] == [
        ("summarise", "it refused")
    ]
    assert not scene.events("note"), "it is not said twice"


@pytest.mark.parametrize(
    "problem",
    [NoAnswer("no section headings"), ValueError("x"), KeyError("x"), SyntaxError("x")],
)
def test_a_stand_in_that_can_not_read_a_foreign_script_skips_the_step(
    tmp_path: Path, problem: Exception
) -> None:
    scene = Scene(
        tmp_path,
        ScriptedEngineer(ablate=fails(NoAnswer("it refused"))),
        stand_in=ScriptedEngineer(ablate=fails(problem)),
    )
    assert scene.step().ask(scene.lead.ablate, "script", []) is None
    assert "it refused The playbook has no answer either" in scene.events("note")[-1]["text"]
    assert not scene.events("stood_in")


def test_an_empty_wallet_is_said_once_and_the_stand_in_goes_on(tmp_path: Path) -> None:
    left = iter((3, 2, 1))

    def spent(*_: Any) -> str:
        raise WalletEmpty(f"{next(left)} tokens are left")

    scene = Scene(
        tmp_path,
        ScriptedEngineer(summarise=spent),
        stand_in=ScriptedEngineer(),
    )
    step = scene.step()
    for _ in range(3):
        assert step.ask(scene.lead.summarise, "study", "out")
    assert [e["text"] for e in scene.events("note")] == ["3 tokens are left"]
    assert [e["reason"] for e in scene.events("stood_in")] == ["the wallet is empty"] * 3


@pytest.mark.parametrize("problem", [ZeroDivisionError("x"), RuntimeError("x")])
def test_an_engineer_that_breaks_is_stood_in_for(tmp_path: Path, problem: Exception) -> None:
    scene = Scene(tmp_path, ScriptedEngineer(plan=fails(problem)), stand_in=ScriptedEngineer())
    assert scene.step().ask(scene.lead.plan, "A = 1.0\n", "A = 1.0\n", [])
    assert "it broke" in scene.events("stood_in")[0]["reason"]
    alone = Scene(tmp_path, ScriptedEngineer(plan=fails(problem)))
    with pytest.raises(type(problem)):
        alone.step().ask(alone.lead.plan, "A = 1.0\n", "A = 1.0\n", [])


def test_a_key_that_dies_ends_the_run_only_while_there_is_nothing_to_lose(tmp_path: Path) -> None:
    lead = ScriptedEngineer(summarise=fails(ModelRefused("put a valid key in X")))
    scene = Scene(tmp_path, lead, stand_in=ScriptedEngineer())
    step = scene.step()
    with pytest.raises(ModelRefused):
        step.ask(lead.summarise, "study", "out")
    step.bench.pace.append(1.0)  # a script has run
    for _ in range(2):
        assert step.ask(lead.summarise, "study", "out")
    assert [e["text"] for e in scene.events("note")] == [
        "The model can't be asked any more: put a valid key in X"
    ]


def test_a_stop_passes_through(tmp_path: Path) -> None:
    scene = Scene(
        tmp_path,
        ScriptedEngineer(summarise=fails(RunStopped("stop"))),
        stand_in=ScriptedEngineer(),
    )
    with pytest.raises(RunStopped):
        scene.step().ask(scene.lead.summarise, "study", "out")


@pytest.mark.parametrize("phase", ["retrieve", "write", "merge", "check_usage"])
def test_a_warm_start_leaves_the_first_phases_to_the_playbook(tmp_path: Path, phase: str) -> None:
    scene = Scene(tmp_path, starter=ScriptedEngineer())
    scene.step(phase).ask(scene.lead.check_leakage, "script", "")
    assert scene.starter is not None
    assert (scene.starter.count("check_leakage"), scene.lead.count("check_leakage")) == (1, 0)


@pytest.mark.parametrize("phase", ["ablate", "refine", "ensemble"])
def test_after_a_warm_start_the_model_leads(tmp_path: Path, phase: str) -> None:
    scene = Scene(tmp_path, starter=ScriptedEngineer())
    scene.step(phase).ask(scene.lead.check_leakage, "script", "")
    assert scene.lead.count("check_leakage") == 1


def test_every_request_of_a_step_is_in_the_journal(tmp_path: Path) -> None:
    wallet = Wallet(None, load_prices())

    def answer(*_: Any) -> str:
        model = "google_genai:gemini-2.5-pro"
        for outcome in ("rate", "answered"):
            ticket = wallet.open("summarise", "ablate", 1, model, Usage(10, 0, 10))
            usage = Usage(1000, 200, 50, 20) if outcome == "answered" else Usage()
            wallet.settle(ticket, usage, 1.5, outcome)
        return "done"

    scene = Scene(tmp_path, ScriptedEngineer(summarise=answer), wallet=wallet)
    scene.step().ask(scene.lead.summarise, "study", "out")
    called = scene.events("model_called")
    assert [e["outcome"] for e in called] == ["rate", "answered"]
    assert called[1]["agent"] == "summarise"
    assert called[1]["phase"] == "ablate"
    assert called[1]["tokens"] == {"input": 1000, "cached": 200, "output": 50, "thinking": 20}
    assert called[1]["usd"] > 0
    assert called[1]["solution"] == 1


def test_the_search_is_over_when_its_share_is_spent_and_nobody_stands_in(tmp_path: Path) -> None:
    wallet = Wallet(None, load_prices(), max_calls=1, reserve=0.2)
    scene = Scene(tmp_path, wallet=wallet)
    assert not scene.step().bench.spent()
    wallet.settle(wallet.open("write", "write", 0, "ollama:a", Usage()), Usage(), 0.1, "answered")
    assert scene.step().bench.spent()
    assert not Scene(tmp_path, stand_in=ScriptedEngineer(), wallet=wallet).step().bench.spent()
    assert not Scene(tmp_path).step().bench.spent()


def test_the_bill_of_a_run(tmp_path: Path) -> None:
    assert Scene(tmp_path).step().bench.bill() is None
    wallet = Wallet(None, load_prices())
    scene = Scene(tmp_path, wallet=wallet)
    assert scene.step().bench.bill() is None, "nothing was asked"
    ticket = wallet.open("write", "write", 0, "nobody:knows", Usage())
    call = wallet.settle(ticket, Usage(7, 0, 3), 0.1, "answered")
    assert isinstance(call, Call)
    bill = cast(dict[str, Any], scene.step().bench.bill())
    assert (bill["calls"], bill["input"], bill["output"]) == (1, 7, 3)
    assert bill["usd"] is None, "an unknown price is not 0"


@pytest.mark.parametrize(
    ("node", "state", "phase"),
    [
        ("retrieve", {}, "retrieve"),
        ("write", {"draft": None}, "write"),
        ("extract", {}, "ablate"),
        ("debug_ablation", {}, "ablate"),
        ("refine", {"draft": {"phase": "merge"}}, "refine"),
        ("debug", {"draft": {"phase": "merge"}}, "merge"),
        ("check_leakage", {"draft": {"phase": "write"}}, "write"),
        ("ensemble", {}, "ensemble"),
    ],
)
def test_the_phase_of_a_node(node: str, state: dict[str, Any], phase: str) -> None:
    assert _phase(node, state) == phase
