"""Run folders for the page's tests, and the page as a reader sees it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cli.journal import LEADER, PRO, SETTINGS, Journal, write_run

BASE = "import pandas\n\nMODEL = 'trees'\nDEPTH = 3\nprint('done')\n"
CHANGED = BASE.replace("DEPTH = 3", "DEPTH = 8")


def rich_run(folder: Path, **texts: str) -> Path:
    """A finished run that has everything a page can show.

    Args:
        folder: the run folder to make.
        texts: words in place of the usual ones (``plan``, ``label``, ``problem``, ``column``...),
            for what is hostile.
    """
    said = {
        "label": "LightGBM", "plan": "[deeper] Grow deeper trees.", "problem": "ValueError: no",
        "reason": "it fits the scaler on all rows", "alarm": "better than audit by 9 errors",
        "summary": "features matter most", "note": "Audit: 240 rows are held back.",
        "column": "rooms", "example": "3", "output": STUDY, "script": CHANGED, "class": "yes",
        "setting": "landlock", "hint": "no kNN", **texts,
    }  # fmt: skip
    settings = {**SETTINGS, "engineer": "auto", "model": PRO, "seed": 7}
    run = write_run(
        folder, _events(said, settings), settings=settings, engineer=LEADER,
        versions={"python": "3.11.7", "pandas": said["setting"]},
        isolation={"level": "landlock", "gaps": [said["setting"]]},
    )  # fmt: skip
    _scripts(run, said)
    column = {
        "name": said["column"], "kind": "numeric", "dtype": "int64", "missing": 0.25, "unique": 9,
        "skew": None, "examples": [said["example"]], "in_test": False, "drift": 0.5,
    }  # fmt: skip
    profile = {
        "rows": 2400, "test_rows": 600, "columns": [column], "duplicates": 3, "target_missing": 1,
        "class_shares": {said["class"]: 0.75, "no": 0.25}, "side_files": ["a.png"],
    }  # fmt: skip
    (run / "profile.json").write_text(json.dumps(profile), encoding="utf-8")
    return run


STUDY = "Baseline: 100.0\nFold 1 rmse: 90.0\nAblation features [ratios]: 110.0\n"


def _events(said: Mapping[str, str], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    j = Journal()
    label, plan = said["label"], said["plan"]
    j.add(
        "run_started", "prepare", task="/somewhere/houses", metric="rmse", direction="minimize",
        rows=2400, settings=settings, engineer=LEADER,
    )  # fmt: skip
    j.add("note", "prepare", text=said["note"])
    j.add("note", "plan", 0, text="plan: Another part promises more by now.", passing=True)
    j.add("retrieved", "retrieve", 0, cards=[{"name": label, "reason": said["reason"]}])
    j.call("write", "write", usd=0.25)
    j.add("leakage_checked", "check_leakage", 0, leaking=True, reason=said["reason"], label=label)
    j.script(0, "write", label, None, problem=said["problem"], trial="t0")
    j.add("debugged", "debug", 0, label=label, error="x")
    j.script(0, "write", label, 100.0, 2.0, audit=101.0, audit_error=3.0, trial="t0")
    j.script(0, "write", "kNN", None, problem=said["problem"], outcome="timeout", trial="t9")
    j.best("rank", 0, label, 100.0)
    j.step("rank", 0)
    j.add("ablation_written", "ablate", 0, written=True)
    j.script(0, "ablate", "ablation study 1", None, trial="study0")
    j.add("ablated", "summarise", 0, summary=said["summary"])
    j.add("extracted", "extract", 0, plan=plan, block="DEPTH = 3")
    for text, score, more in (
        (plan, 95.0, {"audit": 96.0, "audit_error": 3.0, "trial": "t1"}),
        ("peeks", 3.0, {"alarm": said["alarm"], "trial": "t2", "audit": 90.0}),
        ("slow", None, {"outcome": "behind", "problem": said["problem"], "trial": "t3"}),
    ):
        j.add("refined", "refine", 0, plan=text, written=True)
        j.script(0, "refine", text, score, 2.0, **more)
        j.step("learn", 0)
    j.add("refined", "refine", 0, plan="no code came", written=False)
    j.step("learn", 0)
    j.best("accept", 0, plan, 95.0)
    j.add("accepted", "accept", 0, label=plan, gain=5.0)
    j.step("accept", 0)
    _people(j, said["hint"])
    blend = "blend (mean) of 2 scripts"
    j.add("blended", "blend", mode="mean", members=[plan, label], weights=[0.75, 0.25])
    j.script(-1, "blend", blend, 94.0, 2.0, audit=97.0, audit_error=3.0, trial="b0")
    j.best("judge_ensemble", -1, blend, 94.0)
    j.add("run_finished", "submit", source="full", label=blend, trial="b0", seconds=118.0)
    return j.events


def _people(j: Journal, words: str) -> None:
    """A hint that counts, a block that is not there, questions with and without an answer."""
    j.add("told", "refine", 0, id=1, hint=words, card=None, block="", meant_for=None)
    j.add("told", "refine", 0, id=2, hint="", card=None, block=words, meant_for=0)
    for solution in (0, 1):
        j.add("heeded", "refine", solution, id=1, act="hint", text="It is known.", done=True)
    j.add("heeded", "extract", 0, id=2, act="block", text=f"{words} is not there.", done=False)
    for answer in ("yes", "no", "edit", ""):
        asked = {"about": "plan", "label": f"{words} {answer}"}
        j.add("asked", "ask_plan", 0, **asked)
        if answer:
            j.add("answered", "ask_plan", 0, **asked, answer=answer, reason=words)


def _scripts(run: Path, said: Mapping[str, str]) -> None:
    for key, text in {"t0": BASE, "t1": said["script"], "t2": BASE, "b0": "# blend\n"}.items():
        (run / "trials" / key).mkdir(parents=True)
        (run / "trials" / key / "script.py").write_text(text, encoding="utf-8")
    (run / "studies" / "study0").mkdir(parents=True)
    (run / "studies" / "study0" / "stdout.log").write_text(said["output"], encoding="utf-8")
    (run / "solution" / "scripts").mkdir()
    (run / "solution" / "run.py").write_text("", encoding="utf-8")
    (run / "solution" / "scripts" / "member_0.py").write_text(said["script"], encoding="utf-8")


def section(page: str, key: str) -> str:
    """The words of one section of a page, without its markup."""
    [inside] = re.findall(rf'<section id="{key}">(.*?)</section>', page, flags=re.DOTALL)
    return words(inside)


def head(page: str) -> str:
    """The words above the sections."""
    return words(page.partition("<header>")[2].partition("</header>")[0])


def words(markup: str) -> str:
    """Text without tags, blanks in a row as one."""
    markup = re.sub(r"<svg.*?</svg>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())
