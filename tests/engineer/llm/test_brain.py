"""The scripted good engineer: every answer is usable, its scripts run, its plans change them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.engineer.base import Brief, MemberView, ModelCard, Tried
from mle_star.engineer.llm.prompting import render
from mle_star.engineer.playbook import PlaybookEngineer
from mle_star.engineer.splice import replace_once
from mle_star.tasks import build_views, load_task, profile_task
from tests.engineer.llm import asked
from tests.engineer.llm.asked import engineer, score
from tests.engineer.playbook.making import INSTALLED, Task
from tests.execution.running import run
from tests.support import llm_plans, llm_scripts
from tests.support.adapters import PAGES, gemini_brain, openai_brain
from tests.support.brain import SLIP, Brain
from tests.support.gemini import GeminiAnswer, GeminiRequest
from tests.support.hostile import SLIPS
from tests.support.llm_models import FAMILIES, LIGHT
from tests.support.llm_prompts import Prompt
from tests.support.loopback import Turn
from tests.support.openai_server import OpenAIAnswer, OpenAIRequest
from tests.support.tasks import slope_task

HEAVY = [family for family in FAMILIES if family not in LIGHT]


@pytest.fixture(scope="module")
def slope(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("slope")
    spec = load_task(slope_task(folder / "task"))
    profile = profile_task(spec)
    views = build_views(
        spec, profile, folder / "views", seed=0, search_rows=10_000, folds=3, audit=True
    )
    view, files = views.search, ("train.csv", "test.csv", "folds.csv", "sample_submission.csv")
    brief = Brief(spec, profile, view.rows, view.test_rows, view.folds, files, installed=INSTALLED)
    return Task(brief, view)


def test_models_differ_and_come_from_what_was_found(slope: Task) -> None:
    cards = engineer(Brain()).retrieve(slope.brief, 3, 0, 2)
    others = engineer(Brain()).retrieve(slope.brief, 3, 1, 2)
    assert len({card.name for card in (*cards, *others)}) == 6
    assert cards[0].sources == ("https://docs.example.org/small",)
    scripts = {engineer(Brain()).write(slope.brief, card) for card in (*cards, *others)}
    assert len(scripts) == 6
    named = ModelCard("CatBoost with ordered target statistics", "", "")
    assert "fit_stumps(" in engineer(Brain()).write(slope.brief, named)
    assert "fit_boosting(" in engineer(Brain(light=False)).write(slope.brief, named)


@pytest.mark.parametrize("kind", ["binary", "three_classes", "labels"])
def test_scripts_hold_to_the_contract_whatever_is_predicted(kind: str, tmp_path: Path) -> None:
    task: Task = getattr(asked, kind)(tmp_path / "task")
    clever = engineer(Brain())
    card = clever.retrieve(task.brief, 1, 0, 1)[0]
    script = clever.write(task.brief, card)
    plain = score(task, script, tmp_path / "plain")
    usage = clever.check_usage(task.brief, script)
    assert usage.unused
    assert usage.script is not None
    words = score(task, usage.script, tmp_path / "words")
    assert (words - plain) * (1 if task.brief.task.maximize else -1) > 0  # colours matter
    told = next(word for word in ("label", "probability") if f'KIND = "{word}"' in script)
    unsaid = replace_once(script, f'KIND = "{told}"', 'KIND = ""')
    assert score(task, unsaid, tmp_path / "unsaid") == pytest.approx(plain)
    assert clever.check_usage(task.brief, usage.script).script is None


@pytest.mark.slow
def test_models_of_sklearn_hold_to_the_contract(slope: Task, tmp_path: Path) -> None:
    script = llm_scripts.build(HEAVY, light=False)
    assert score(slope, script, tmp_path / "slope") < 0.12
    task = asked.three_classes(tmp_path / "task")
    assert score(task, script, tmp_path / "classes") < 1.0


def test_a_whole_solution_step_by_step(slope: Task, tmp_path: Path) -> None:
    clever, brief = engineer(Brain()), slope.brief
    first, second = clever.retrieve(brief, 2, 0, 1)
    base, reference = clever.write(brief, first), clever.write(brief, second)
    merged = clever.merge(brief, base, reference)
    scripts = (base, reference, merged)
    scores = [score(slope, text, tmp_path / f"s{n}") for n, text in enumerate(scripts)]
    assert len(set(scores)) == 3
    assert llm_scripts.families(merged) == ["ridge", "neighbours"]

    study = clever.ablate(brief, merged, [])
    done = run(study, tmp_path / "study", inputs={"": slope.view.folder}, required=())
    assert done.outcome == "ok"
    summary = clever.summarise(brief, study, done.stdout.text)
    assert summary.count("impact") == 2
    again = clever.ablate(brief, merged, [summary])
    assert not set(_parts(study)) & set(_parts(again))

    picked = clever.extract(brief, summary, merged, [])
    assert merged.count(picked.block) == 1
    plan, seen = picked.plan, [scores[2]]
    tried: list[Tried] = []
    for number in range(2):
        block = clever.refine(brief, merged, picked.block, plan)
        refined = replace_once(merged, picked.block, block)
        seen.append(score(slope, refined, tmp_path / f"refined{number}"))
        tried.append(Tried(plan, seen[-1], 0.01, 0.5))
        plan = clever.plan(brief, merged, picked.block, tried)
    assert len(set(seen)) == 3, "a plan changed nothing"
    assert clever.extract(brief, summary, merged, [picked.block]).block != picked.block

    members = [
        MemberView(n, f"member {n}", scores[n], text) for n, text in enumerate((base, merged))
    ]
    folders = tuple(tmp_path / f"s{n}" / "final" for n in (0, 2))
    mixed: list[Tried] = []
    for number in range(2):
        plan = clever.plan_ensemble(brief, members, mixed)
        text = clever.ensemble(brief, plan, members)
        value = score(slope, text, tmp_path / f"e{number}", folders)
        mixed.append(Tried(plan, value))
    assert mixed[0].score != mixed[1].score


@pytest.mark.parametrize("kind", ["binary", "labels"])
def test_ensembles_of_probabilities_and_labels(kind: str, tmp_path: Path) -> None:
    task: Task = getattr(asked, kind)(tmp_path / "task")
    scripts = [llm_scripts.build([family], task.brief.task.prediction) for family in LIGHT[:3]]
    values = [score(task, s, tmp_path / f"m{n}") for n, s in enumerate(scripts)]
    members = [
        MemberView(n, "", v, s) for n, (v, s) in enumerate(zip(values, scripts, strict=True))
    ]
    text = engineer(Brain()).ensemble(task.brief, "Plain average", members)
    folders = tuple(tmp_path / f"m{n}" / "final" for n in range(3))
    assert score(task, text, tmp_path / "e", folders) >= min(values)


def test_every_slip_is_repaired_from_the_text_alone(slope: Task) -> None:
    clever, script = engineer(Brain()), llm_scripts.build(["ridge"])
    for line in SLIPS.values():
        assert clever.debug(slope.brief, f"{script}{line}{SLIP}\n", "it failed") == script
    study = clever.ablate(slope.brief, script, [])
    assert clever.debug(slope.brief, f"{study}{SLIPS['crash']}{SLIP}\n", "failed") == study


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_damage_without_a_trace_is_repaired_by_writing_anew(
    damage: str, slope: Task, tmp_path: Path
) -> None:
    script = llm_scripts.build(["waves"]).replace("WAVES_COUNT = 60", "WAVES_COUNT = 44")
    broken = script[: script.index("# === validate")] if damage == "cut" else "import nothing\n"
    repaired = engineer(Brain()).debug(slope.brief, broken, "it wrote no files")
    assert ("WAVES_COUNT = 44" in repaired) is (damage == "cut")
    assert score(slope, repaired, tmp_path / "run") < 0.3


def test_its_leak_is_found_and_mended(slope: Task, tmp_path: Path) -> None:
    leaky, brief = engineer(Brain(leaky=True)), slope.brief
    script = leaky.write(brief, ModelCard("ridge", "", ""))
    score(slope, script, tmp_path / "leaky")
    report = leaky.check_leakage(brief, script)
    assert report.leaking
    block = leaky.fix_leakage(brief, script, report.block, report.reason)
    mended = replace_once(script, report.block, block)
    assert mended == llm_scripts.build(["ridge"], "value")
    assert not leaky.check_leakage(brief, mended, "validation 0.9, audit 0.5").leaking


def test_it_works_on_scripts_of_others(slope: Task, tmp_path: Path) -> None:
    book, clever, brief = PlaybookEngineer(), engineer(Brain()), slope.brief
    script = book.write(brief, book.retrieve(brief, 1, 0, 1)[0])
    picked = clever.extract(brief, "Nothing is known.", script, [])
    block = clever.refine(brief, script, picked.block, picked.plan)
    assert replace_once(script, picked.block, block) != script
    assert "Baseline" in clever.ablate(brief, script, [])
    merged = clever.merge(brief, llm_scripts.build(["ridge"]), script)
    assert len(llm_scripts.families(merged)) == 2
    score(slope, merged, tmp_path / "merged")


@given(st.sampled_from(list(FAMILIES)), st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_plans_never_repeat_and_always_change_the_block(family: str, rounds: int) -> None:
    for block in llm_plans.refinable(llm_scripts.build([family])).values():
        plans = list(itertools.islice(llm_plans.proposals(block), rounds + 1))
        told = "\n".join(plans[:rounds])
        plan = llm_plans.next_plan(block, told)
        assert plan not in told
        changed = llm_plans.carry_out(block, plan)
        assert changed != block
        compile(changed, "block", "exec")


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        ("use 0.3 shrinkage", "RIDGE_SHRINKAGE = 0.3"),
        ("Much stronger shrinkage", "RIDGE_SHRINKAGE = 2"),
        ("weaker shrinkage", "RIDGE_SHRINKAGE = 0.5"),
        ("Do something clever", "RIDGE_SHRINKAGE = 2"),
    ],
)
def test_plans_in_other_words_are_carried_out(plan: str, line: str) -> None:
    assert line in llm_plans.carry_out(FAMILIES["ridge"], plan)


def test_blocks_are_never_picked_twice() -> None:
    script, refined = llm_scripts.build(["ridge", "stumps"]), list[str]()
    for _ in range(15):
        block = llm_plans.choose(script, {"features": 3.0, "finish": 9.0}, refined)
        assert script.count(block) == 1
        assert block not in refined
        refined.append(block)
    assert [r.split("\n")[0] for r in refined[:2]] == ["# === finish ===", "# === features ==="]


def test_prompts_are_read_as_they_are_meant(slope: Task) -> None:
    script = 'x = """\n```\n## Block\n```\n"""\n'
    messages = render(
        "refine", slope.brief, 60_000, script=script, block="a = 1\n", plan="# Odd\n\n## Script"
    )
    prompt = Prompt.read(messages[0].text, messages[1].text)
    assert prompt.code("Script") == script
    assert prompt.code("Block") == "a = 1\n"
    assert prompt.text("Plan") == "# Odd\n\n## Script"
    assert (prompt.agent, prompt.kind, prompt.has_words) == ("refine", "value", False)
    assert Prompt.read("", "Say hello.").agent == ""
    for count in (1, 4, 12):
        user = render("retrieve", slope.brief, 60_000, count=count)[1].text
        assert len(json.loads(Brain().answer("", user, schema=True))["cards"]) == count


def test_servers_hand_on_the_prompt_of_the_agent(slope: Task) -> None:
    system, user = render("queries", slope.brief, 60_000, count=2)
    turns = (Turn("user", user.text), Turn("model", "no"), Turn("user", "That was no JSON."))
    asking = GeminiRequest(0, "m", system.text, turns, "", {"type": "object"}, (), 0.0, {})
    said = gemini_brain(Brain())(asking)
    assert isinstance(said, GeminiAnswer)
    assert "queries" in json.loads(said.text)
    found = gemini_brain(Brain())(replace(asking, tools=("googleSearch",)))
    assert isinstance(found, GeminiAnswer)
    assert found.sources == PAGES
    plain = openai_brain(Brain())(OpenAIRequest(0, "m", system.text, turns, "", 0.0, {}))
    assert isinstance(plain, OpenAIAnswer)
    assert "```json" in plain.text
    hello = openai_brain(Brain())(OpenAIRequest(0, "m", "", (Turn("user", "Hi"),), "", 0.0, {}))
    assert isinstance(hello, OpenAIAnswer)
    assert hello.text == "OK"


def _parts(study: str) -> list[str]:
    """Names of the parts that a study varies."""
    line = next(line for line in study.split("\n") if line.startswith("VARIANTS = "))
    return [name.split(" (")[0] for name in eval(line.removeprefix("VARIANTS = "))]
