"""The data profile of a run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mle_star.report.attempts import finite
from mle_star.report.text import clean, count

_MOST = 300
"""Columns, and classes, that are listed."""


def data_view(profile: Mapping[str, Any]) -> dict[str, Any] | None:
    """Rows, classes and columns of ``profile.json``; None where there is none.

    The file may be of another version: what is missing is left out.
    """
    columns = [c for c in profile.get("columns") or [] if isinstance(c, Mapping)]
    if not columns and not profile.get("rows"):
        return None
    shares = profile.get("class_shares")
    pairs = shares.items() if isinstance(shares, Mapping) else ()
    classes = [(str(name), min(1.0, max(0.0, finite(part) or 0.0))) for name, part in pairs]
    return {
        "said": _said(profile, len(columns)),
        "classes": sorted(classes, key=lambda pair: -pair[1])[:_MOST],
        "columns": [_column(column) for column in columns[:_MOST]],
        "all": len(columns),
    }


def _said(profile: Mapping[str, Any], columns: int) -> str:
    parts = [
        f"{count(int(finite(profile.get('rows')) or 0), 'labelled row')}",
        f"{count(int(finite(profile.get('test_rows')) or 0), 'test row')}",
        f"{count(columns, 'column')} to learn from",
    ]
    for name, text in (("duplicates", "repeated row"), ("target_missing", "row without a label")):
        if number := int(finite(profile.get(name)) or 0):
            parts.append(count(number, text))
    low, high = (finite(profile.get(f"target_{end}")) for end in ("min", "max"))
    if low is not None and high is not None:
        parts.append(f"target from {low:g} to {high:g}")
    if files := profile.get("side_files"):
        parts.append(count(len(files), "side file"))
    return ", ".join(parts).replace("row without a labels", "rows without a label") + "."


def _column(column: Mapping[str, Any]) -> dict[str, str]:
    missing, drift = finite(column.get("missing")), finite(column.get("drift"))
    examples = column.get("examples")
    texts = [clean(one, 40) for one in examples] if isinstance(examples, list) else []
    lacking = "" if column.get("in_test", True) else " (not in test)"
    return {
        "name": str(column.get("name", "")),
        "kind": f"{column.get('kind', '')}{lacking}",
        "missing": f"{100 * missing:.1f} %" if missing else "–",
        "unique": f"{int(finite(column.get('unique')) or 0):,}",
        "drift": "–" if drift is None else f"{drift:.2f}",
        "examples": ", ".join(texts[:4]),
    }
