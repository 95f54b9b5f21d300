"""``solution/MODEL_CARD.md``: data, validation, honest score, limits, leaks, on a page or two.

The headings follow Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv 1810.03993), as
far as a run can know about them.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from mle_star.report.headline import audit_said
from mle_star.report.markdown import fill_markdown
from mle_star.report.money import money
from mle_star.report.page import leakage_said
from mle_star.report.story import Story, chosen_among, who
from mle_star.report.text import better_is, clean, count, duration, number, plus_minus

_DRIFT = 0.1
"""From this difference between training and test rows on, a column is named among the limits."""
_FEW = 1000
"""Below so many labelled rows a score says little."""


def model_card(story: Story) -> str:
    """The card, in Markdown."""
    run, report, spec = story.run, story.run.report, story.spec
    versions = run.record.get("versions")
    named = ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else ""
    isolation = run.record.get("isolation")
    prediction = str(spec.get("prediction", ""))
    targets = ", ".join(map(str, spec.get("target") or ["the target"]))
    return fill_markdown(
        "model_card.md",
        task=report.task,
        what=what_it_is(story),
        predicts=f"the {prediction} of {targets}".replace("the value of ", ""),
        train=spec.get("train", "the training table"),
        spec={"kind": "", "exclude": [], **spec},
        words=_first_words(str(spec.get("description", ""))),
        story=story,
        plan={"seed": "unknown", **story.plan},
        report=report,
        better=better_is(report.direction),
        kinds=[(kind, len(names), _some(names)) for kind, names in story.columns.items()],
        protocol=list(_protocol(story)),
        best=story.best,
        who=who(story),
        scores=list(scores(story)),
        folds=", ".join(number(one) for one in story.folds) if len(story.folds) > 1 else "",
        chosen=chosen_among(story),
        audit_said=audit_said(story.best),
        limits=list(_limits(story)),
        leakage=leakage_said(run.tried),
        leaks=[(a.label, text) for a in run.tried.attempts for text in a.leaks][:20],
        made=made(story),
        cost=money(report.bill) if report.bill else "nothing, none was asked",
        sandbox=isolation.get("level", "") if isinstance(isolation, dict) else "",
        versions=named or "versions unknown",
        version=importlib.metadata.version("mle-star"),
    )


def what_it_is(story: Story) -> str:
    """The solution in a sentence."""
    members = len(story.parts) - 1
    kind = f"An ensemble of {count(members, 'script')}" if members > 0 else "A single script"
    return f"{kind} for {clean(story.run.report.task)}, found by a search over programs."


def _first_words(description: str) -> str:
    """The first paragraph of a description that is no heading."""
    paragraphs = (part.strip() for part in description.split("\n\n"))
    return next((part for part in paragraphs if part and not part.startswith(("#", "```"))), "")


def _some(names: list[str], most: int = 8) -> str:
    shown = ", ".join(clean(name, 40) for name in names[:most])
    return f"{shown}, and {len(names) - most} more" if len(names) > most else shown


def _protocol(story: Story) -> Iterable[str]:
    """How the score was measured, a sentence each."""
    spec = story.spec
    if spec.get("evaluation") == "printed":
        yield "The score is what the script itself printed: nobody has checked it."
        return
    view = story.views.get("search") or {}
    folds, rows = int(view.get("folds") or 0), int(view.get("rows") or 0)
    if spec.get("time"):
        how = "in the order of time, each predicted from the rows before it"
    elif spec.get("group"):
        how = f"that keep the rows of one {clean(spec['group'], 40)} together"
    else:
        how = "with a like share of every label"
    parts = "One part held out" if folds == 1 else f"{folds or 'Several'} folds"
    of = f" of {count(rows, 'row')}" if rows else ""
    yield f"{parts}{of}, {how}. Every prediction is by a model that did not see its row."
    yield "The harness computed the score from the predictions; no script scored itself."
    whole = int((story.views.get("full") or {}).get("rows") or 0)
    if story.held_back:
        yield (
            f"{count(story.held_back, 'audit row')} were held back from every script and scored "
            "apart: no choice was made by them."
        )
    else:
        yield "No rows were held back: the scripts learnt from all that the search saw."
    if rows and whole > rows + story.held_back:
        final = "; the final fit saw all" if story.run.report.source == "full" else ""
        yield f"The search saw {rows:,} of {whole:,} labelled rows{final}."


def scores(story: Story) -> Iterable[tuple[str, str, str]]:
    """Rows of the table of scores: which one, its value, on what."""
    best = story.best
    if best is None:
        return
    yield "validation", plus_minus(best.score, best.error), "out-of-fold predictions"
    if best.audit is not None:
        yield "audit", plus_minus(best.audit, best.audit_error), "rows that no script saw"


def _limits(story: Story) -> Iterable[str]:
    """What the card's reader must not expect, a sentence each."""
    best, report = story.best, story.run.report
    if best is not None and best.alarm:
        yield f"The leakage alarm rang for this solution: {clean(best.alarm)}"
    if report.source in ("part", "search"):
        yield (
            "The submission comes from a run on fewer rows, as one on all rows failed or found no "
            "time; run.py uses all rows."
        )
    rows = int(story.profile.get("rows") or 0)
    if 0 < rows < _FEW:
        yield f"With {count(rows, 'labelled row')} the scores are uncertain; see their errors."
    drifting = [
        clean(column.get("name", ""), 40)
        for column in story.profile.get("columns") or []
        if isinstance(column.get("drift"), int | float) and column["drift"] >= _DRIFT
    ]
    if drifting:
        yield (
            f"Training and test rows differ in {_some(drifting)}: what holds for the one need not "
            "hold for the other."
        )
    yield (
        "The score holds for rows like those of the training table. Other times, places or ways "
        "of measuring were not tried, nor was it examined how groups of people fare."
    )
    yield (
        "Standard errors are of chance in the rows and folds alone. predict.py needs the training "
        "table and the packages of requirements.txt."
    )


def made(story: Story) -> str:
    """How many scripts were run, and how long that took."""
    report = story.run.report
    behind = sum(entry.outcome == "behind" for entry in report.scripts)
    failed = sum(entry.score is None for entry in report.scripts) - behind
    said = f"{count(len(report.scripts), 'script')} run in {duration(report.seconds)}"
    said += f", {behind} stopped as behind" if behind else ""
    return said + (f", {failed} without a score." if failed else ".")
