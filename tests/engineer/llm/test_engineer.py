"""Every agent: what is asked, what is made of the answer, and what is asked again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mle_star.engineer import Engineer, MemberView, ModelCard, Tried
from mle_star.engineer.llm import LLMEngineer
from mle_star.engineer.llm.engineer import SUMMARY_CHARACTERS
from mle_star.errors import NoAnswer
from tests.engineer.llm.scripted import ScriptedClient, engineer, python
from tests.engineer.playbook.small import brief

BRIEF = brief()
SCRIPT = """import numpy as np

# === features ===
def features(table):
    return table * 2

# === model: ridge ===
ALPHA = 1.0
FILES = ["input/train.csv", "final/oof.csv", "final/submission.csv"]
print("Final Validation Performance: 0.5")
"""
BLOCK = "def features(table):\n    return table * 2\n"
MEMBERS = [MemberView(n, f"m{n}", 0.5, SCRIPT, (1.0, 0.9)) for n in range(2)]
CARD = ModelCard("Ridge", "linear", "Ridge()")

Ask = Callable[..., Any]
SCRIPTS: dict[str, Ask] = {
    "write": lambda e, b=BRIEF: e.write(b, CARD),
    "merge": lambda e, b=BRIEF: e.merge(b, SCRIPT, SCRIPT),
    "ablate": lambda e, b=BRIEF: e.ablate(b, SCRIPT, ["before"]),
    "ensemble": lambda e, b=BRIEF: e.ensemble(b, "average", MEMBERS),
    "debug": lambda e, b=BRIEF: e.debug(b, SCRIPT, "NameError: x"),
}
BLOCKS: dict[str, Ask] = {
    "refine": lambda e, b=BRIEF: e.refine(b, SCRIPT, BLOCK, "triple it"),
    "fix_leakage": lambda e, b=BRIEF: e.fix_leakage(b, SCRIPT, BLOCK, "sees the test rows"),
}
OTHERS: dict[str, Ask] = {
    "check_usage": lambda e, b=BRIEF: e.check_usage(b, SCRIPT),
    "summarise": lambda e, b=BRIEF: e.summarise(b, SCRIPT, "Baseline: 0.5"),
    "extract": lambda e, b=BRIEF: e.extract(b, "features matter", SCRIPT, []),
    "plan": lambda e, b=BRIEF: e.plan(b, SCRIPT, BLOCK, [Tried("double it", 0.5)]),
    "plan_ensemble": lambda e, b=BRIEF: e.plan_ensemble(b, MEMBERS, []),
    "check_leakage": lambda e, b=BRIEF: e.check_leakage(b, SCRIPT, ""),
}
ALL = {**SCRIPTS, **BLOCKS, **OTHERS}


def test_every_agent_of_the_protocol_is_there() -> None:
    methods = {name for name in vars(Engineer) if not name.startswith("_")}
    assert methods == {*ALL, "retrieve"}
    for name in methods:
        wanted = list(inspect.signature(getattr(Engineer, name)).parameters)
        assert list(inspect.signature(getattr(LLMEngineer, name)).parameters) == wanted


@pytest.mark.parametrize("agent", ALL)
def test_each_agent_asks_in_its_own_role_for_its_own_branch(agent: str) -> None:
    client = ScriptedClient("")
    told = replace(BRIEF, solution=1, phase="refine")
    with pytest.raises(NoAnswer):
        ALL[agent](engineer(client), told)
    request = client.requests[0]
    assert (request.role, request.solution, request.phase) == (agent, 1, "refine")
    assert client.prompt(0).startswith(f"You are now the agent `{agent}`.")


@pytest.mark.parametrize("agent", ALL)
def test_an_agent_without_a_usable_answer_is_asked_as_often_as_allowed(agent: str) -> None:
    answers = ["I'd rather not.", "Let me think about `it`.", "Still thinking, sorry."]
    if agent in ("plan", "plan_ensemble", "summarise"):
        answers = ["", "", ""]  # prose is an answer there
    client = ScriptedClient(*answers)
    with pytest.raises(NoAnswer, match=f"'{agent}'"):
        ALL[agent](engineer(client, tries=3))
    assert 2 <= len(client.requests) <= 3


@pytest.mark.parametrize("agent", SCRIPTS)
def test_a_script_is_the_one_python_block(agent: str) -> None:
    client = ScriptedClient(python(SCRIPT))
    assert SCRIPTS[agent](engineer(client)) == SCRIPT
    assert len(client.requests) == 1


@pytest.mark.parametrize("agent", SCRIPTS)
def test_a_script_with_a_syntax_error_is_asked_for_again_with_the_reason(agent: str) -> None:
    client = ScriptedClient(python("x = (1\ny = 2\n"), python(SCRIPT))
    assert SCRIPTS[agent](engineer(client)) == SCRIPT
    turns = client.requests[1].messages
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert "line 1" in turns[-1].text


@pytest.mark.parametrize("agent", BLOCKS)
def test_a_block_is_code_that_fits_in_its_place(agent: str) -> None:
    new = "def features(table):\n    return table * 3\n"
    assert BLOCKS[agent](engineer(ScriptedClient(python(new)))) == new
    whole = "for row in table:\nreturn (\n"
    client = ScriptedClient(python(whole), python(new))
    assert BLOCKS[agent](engineer(client)) == new
    assert len(client.requests) == 2


def test_refine_and_fix_see_the_whole_script() -> None:
    client = ScriptedClient(python(BLOCK.replace("2", "3")))
    BLOCKS["refine"](engineer(client))
    assert "ALPHA = 1.0" in client.prompt()
    assert "triple it" in client.prompt()


def test_unused_data_come_with_a_rewrite_or_without() -> None:
    clean = engineer(ScriptedClient('{"unused": [], "note": "all used"}'))
    report = clean.check_usage(BRIEF, SCRIPT)
    assert (report.unused, report.script, report.note) == ((), None, "all used")
    answer = '```json\n{"unused": ["city"], "note": "added"}\n```\n' + python(SCRIPT)
    report = engineer(ScriptedClient(answer)).check_usage(BRIEF, SCRIPT)
    assert (report.unused, report.script) == (("city",), SCRIPT)
    report = engineer(ScriptedClient('{"unused": ["city"], "note": "useless"}')).check_usage(
        BRIEF, SCRIPT
    )
    assert (report.unused, report.script) == (("city",), None)


def test_a_summary_is_plain_text_of_bounded_length() -> None:
    assert OTHERS["summarise"](engineer(ScriptedClient("  features: +0.2\n"))) == "features: +0.2"
    long = OTHERS["summarise"](engineer(ScriptedClient("word " * 10_000)))
    assert len(long) == SUMMARY_CHARACTERS


def picked(block: str, plan: str = "use ratios") -> str:
    import json

    return json.dumps({"block": block, "plan": plan})


def test_a_block_is_found_in_the_script_also_where_it_was_copied_badly() -> None:
    for copied in (BLOCK, BLOCK.replace("    ", "\t"), BLOCK.replace("\n", " \r\n")):
        found = engineer(ScriptedClient(picked(copied))).extract(BRIEF, "", SCRIPT, [])
        assert found.block.strip() == BLOCK.strip()
        assert SCRIPT.count(found.block) == 1
        assert found.plan == "use ratios"


def test_a_block_that_is_not_there_or_was_refined_before_is_asked_for_again() -> None:
    other = "ALPHA = 1.0\n"
    client = ScriptedClient(picked("while True:\n    launch_rocket()\n"), picked(other))
    assert engineer(client).extract(BRIEF, "", SCRIPT, []).block.strip() == other.strip()
    client = ScriptedClient(picked(BLOCK), picked(other))
    assert engineer(client).extract(BRIEF, "", SCRIPT, [BLOCK]).block.strip() == other.strip()
    assert "refined before" in client.requests[1].messages[-1].text


def test_a_plan_must_be_new() -> None:
    client = ScriptedClient('{"plan": "Double  IT"}', '{"plan": "halve it"}')
    assert OTHERS["plan"](engineer(client)) == "halve it"
    assert "tried before" in client.requests[1].messages[-1].text
    assert "double it" in client.prompt(0)


def test_a_leak_names_lines_of_the_script() -> None:
    clean = engineer(ScriptedClient('{"leaking": false, "block": "", "reason": "fits per fold"}'))
    report = clean.check_leakage(BRIEF, SCRIPT)
    assert (report.leaking, report.block) == (False, "")
    answer = '{"leaking": true, "block": "    return table * 2", "reason": "sees all rows"}'
    report = engineer(ScriptedClient(answer)).check_leakage(BRIEF, SCRIPT, "much too good")
    assert report.leaking
    assert SCRIPT.count(report.block) == 1
    vague = '{"leaking": true, "block": "", "reason": "somewhere"}'
    client = ScriptedClient(vague, answer)
    assert engineer(client).check_leakage(BRIEF, SCRIPT).leaking
    assert len(client.requests) == 2


def test_models_that_can_be_held_to_a_form_are_told_which() -> None:
    held = {"extract": "Picked", "plan": "Plan", "plan_ensemble": "Plan", "check_leakage": "Leak"}
    for agent, ask in ALL.items():
        client = ScriptedClient("")
        with pytest.raises(NoAnswer):
            ask(engineer(client))
        schema = client.requests[0].schema
        assert (schema.__name__ if schema else None) == held.get(agent)


def test_what_the_client_raises_passes_through() -> None:
    from mle_star.errors import RunStopped
    from mle_star.models.base import ModelRefused, ModelUnavailable, WalletEmpty

    for error in (ModelRefused("key"), ModelUnavailable("down"), WalletEmpty("0"), RunStopped("x")):
        with pytest.raises(type(error)):
            SCRIPTS["write"](engineer(ScriptedClient(error)))


def test_prompts_stay_within_the_budget() -> None:
    from mle_star.engineer.llm.trimming import tokens

    client = ScriptedClient(python(SCRIPT))
    small = LLMEngineer(client, engineer(client).search, prompt_tokens=6_000)
    small.debug(BRIEF, SCRIPT + "x = 1\n" * 20_000, "Error: " + "long log\n" * 20_000)
    assert sum(tokens(message.text) for message in client.requests[0].messages) <= 6_000


def test_a_script_with_the_hole_of_a_shortened_prompt_is_asked_for_again() -> None:
    from mle_star.engineer.llm.trimming import cut

    holed = cut(SCRIPT + "x = 1\n" * 5_000, 2_000)
    client = ScriptedClient(python(holed), python(SCRIPT))
    assert SCRIPTS["debug"](engineer(client)) == SCRIPT
    assert "whole script" in client.requests[1].messages[-1].text


@pytest.mark.parametrize("agent", SCRIPTS)
def test_the_repaired_part_alone_is_no_script(agent: str) -> None:
    client = ScriptedClient(python(BLOCK), python(SCRIPT))
    assert SCRIPTS[agent](engineer(client)) == SCRIPT
    assert "whole script" in client.requests[1].messages[-1].text


def test_a_repaired_study_writes_no_files() -> None:
    study = 'print(open("input/train.csv").read())\n'
    told = replace(BRIEF, phase="ablate")
    assert SCRIPTS["debug"](engineer(ScriptedClient(python(study))), told) == study
    client = ScriptedClient(python(study), python(SCRIPT))
    assert SCRIPTS["debug"](engineer(client)) == SCRIPT


@pytest.mark.parametrize("copied", ["# === features ===", "features ===", BLOCK.split("\n")[0]])
def test_a_heading_is_no_block(copied: str) -> None:
    client = ScriptedClient(picked(copied), picked(BLOCK))
    assert engineer(client).extract(BRIEF, "", SCRIPT, []).block == BLOCK
    assert "heading" in client.requests[1].messages[-1].text


def test_a_block_that_was_not_changed_is_asked_for_again() -> None:
    new = BLOCK.replace("2", "3")
    client = ScriptedClient(python(BLOCK), python(new))
    assert BLOCKS["refine"](engineer(client)) == new
