"""What a run came to, in a few words and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mle_star.report.attempts import Attempt
from mle_star.report.money import money
from mle_star.report.reading import Entry, Report
from mle_star.report.text import clean, count, plus_minus

_SOURCES = {
    "full": "from a run on all data",
    "part": "from a run on a part of the data, as all of it was too much",
    "search": "from the search run, not a run on all data",
    "none": "no script has a valid one",
}


def leading(report: Report) -> Entry | None:
    """What was handed in; until then the best of what may win."""
    if report.handed_in is not None:
        return report.handed_in
    found = [entry for entry in (report.single, report.ensemble) if entry is not None]
    choose = max if report.direction == "maximize" else min
    return choose(found, key=lambda entry: entry.score or 0.0) if found else None


def headline(
    report: Report, record: Mapping[str, Any], attempts: Sequence[Attempt]
) -> dict[str, str]:
    """The facts at the head of a page."""
    best, bill = leading(report), report.bill
    failed = sum(bool(a.outcome) and a.outcome != "behind" and a.score is None for a in attempts)
    behind = sum(a.outcome == "behind" for a in attempts)
    parts = [f"{behind} stopped as behind"] if behind else []
    parts += [f"{failed} without a score"] if failed else []
    started = str(record.get("started", ""))[:16].replace("T", " ")
    there = (report.path / "submission.csv").is_file()
    return {
        "title": "final score" if report.handed_in else "best score so far",
        "score": plus_minus(best.score, best.error) if best else "none",
        "what": clean(best.label, 140) if best else "no script has a score that may win",
        "audit": plus_minus(best.audit, best.audit_error)
        if best and best.audit is not None
        else "",
        "gap": _gap(best),
        "submission": "submission.csv" if there and report.source != "none" else "none",
        "source": _SOURCES.get(report.source, "the run has not ended" if not there else ""),
        "started": f"started {started} UTC" if started else "",
        "cost": money(bill) if bill else "nothing",
        "calls": count(bill.total.calls, "question") + " to models" if bill else "no model asked",
        "scripts": ", ".join(parts),
    }


def gap(entry: Entry | None) -> float | None:
    """Difference of validation and audit score in standard errors of that difference."""
    if entry is None or entry.score is None or entry.audit is None:
        return None
    error = math.hypot(entry.error or 0.0, entry.audit_error or 0.0)
    return abs(entry.score - entry.audit) / error if error else None


def _gap(entry: Entry | None) -> str:
    size = gap(entry)
    return "" if size is None else f"{size:.1f} standard errors from validation"


def audit_said(entry: Entry | None) -> str:
    """Whether the audit score of what leads agrees with its validation score."""
    size = gap(entry)
    if entry is None or size is None:
        return "Audit: the score on labelled rows that no script saw."
    verdict = "agree" if size <= 2 else "differ more than chance explains well"
    return (
        f"What leads scores {plus_minus(entry.score, entry.error)} on validation and "
        f"{plus_minus(entry.audit, entry.audit_error)} on the audit rows, which no script saw: "
        f"{size:.1f} standard errors apart, so the two {verdict}. The audit score is the one to "
        "quote: the search chose the best of many by validation."
    )
