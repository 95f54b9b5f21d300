"""How a run takes in what people tell it (see :mod:`mle_star.runs.steering`).

Every node of a solution, and of the run as a whole, looks at the file as it begins and keeps what
is new in the state it returns. So a node that is finished is never affected, a resumed run goes by
what its state holds, and each record is taken once by each solution it is meant for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.nodes.workbench import Workbench
from mle_star.runs.steering import read_told

HINTS = 8
"""Hints that planner and coder are told at once, the newest."""


@dataclass(frozen=True)
class Heard:
    """What a node has found in the file."""

    update: dict[str, Any] = field(default_factory=dict)
    """Keys of the state that changed."""
    told: list[dict[str, Any]] = field(default_factory=list)
    """Records that no node of the run had seen before."""
    hints: list[dict[str, Any]] = field(default_factory=list)
    """Records whose hint counts from now on."""
    late: list[dict[str, Any]] = field(default_factory=list)
    """Records with a card or a block that no solution can heed any more."""


def hear(bench: Workbench, values: Mapping[str, Any], solution: int) -> Heard:
    """What was told since the branch looked last.

    Args:
        bench: of the run.
        values: state of the branch.
        solution: its index; -1 for the run as a whole, which heeds hints to every solution.
    """
    seen = int(values.get("told") or 0)
    new = [record for record in read_told(bench.folder.path) if record["id"] > seen]
    if not new:
        return Heard()
    with bench.lock:
        unseen = [record for record in new if record["id"] not in bench.told]
        bench.told.update(record["id"] for record in unseen)
        heeded = set(bench.heeded)
    mine = [record for record in new if record["solution"] in (None, solution)]
    hints = [record for record in mine if record["hint"]]
    update: dict[str, Any] = {"told": max(record["id"] for record in new)}
    if hints:
        known = [*(values.get("hints") or ()), *(record["hint"] for record in hints)]
        update["hints"] = known[-HINTS:]
    if solution < 0:
        acts = [record for record in new if record["card"] or record["block"]]
        late = [record for record in acts if record["id"] not in heeded]
        return Heard(update, unseen, hints, late)
    cards = [{"id": record["id"], **record["card"]} for record in mine if record["card"]]
    if cards:
        update["told_cards"] = [*(values.get("told_cards") or ()), *cards]
    for record in mine:
        if record["block"]:  # the newest counts
            update["told_block"] = {"id": record["id"], "block": record["block"]}
    return Heard(update, unseen, hints)
