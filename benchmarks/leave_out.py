"""Whole runs of the playbook with one part of it left out: what each part is worth.

    mle-star bench run TASKS --out OUT --system mle-star
    mle-star bench run TASKS --out OUT --system 'policy=python benchmarks/leave_out.py policy {job}'
    python benchmarks/leave_out.py --table OUT

A run without a part is a system of the bench like any other. The last line reads the bench's
``results.csv`` and prints, for each part, by how much of the loss (what a score lacks of a perfect
one) the hidden scores are worse without it, with the standard error over tasks and seeds.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

Patch = Callable[[Any, str, Any], None]

SETTINGS: dict[str, dict[str, Any]] = {
    "racing": {"racing": False},
    "sharing": {"share_lessons": False},
    "planned-ensembles": {"ensemble_rounds": 0},
    "refinement": {"outer_steps": 0},
    "second-solution": {"num_solutions": 1},
}
"""Parts that a setting leaves out."""


def _policy(patch: Patch) -> None:
    """Promises stay what the profile says, whatever was measured."""
    from mle_star.engineer.policy import Policy

    patch(Policy, "promises", lambda _, priors, kin_of: dict(priors))


def _price(patch: Patch) -> None:
    """Slow plans and slow scripts are worth as much as quick ones."""
    from mle_star.engineer.playbook import planner
    from mle_star.nodes import refine

    patch(planner, "TIME", 0.0)
    patch(refine, "PRICE", 0.0)


def _turning(patch: Patch) -> None:
    """A branch refines its best candidate to the end."""
    from mle_star.nodes import refine

    patch(refine, "_turn", lambda state, _: {"exhausted": not state["block"]})


def _leaving(patch: Patch) -> None:
    """Each block gets all of its inner steps."""
    from mle_star.nodes import refine

    patch(refine, "_weighing", lambda _, step: step)


def _ablation(patch: Patch) -> None:
    """Blocks are chosen without a study."""
    from mle_star.engineer.playbook.playbook import PlaybookEngineer

    patch(PlaybookEngineer, "ablate", _no_answer)


def _blending(patch: Patch) -> None:
    """The best single script is handed in."""
    from mle_star.nodes import ensemble

    patch(ensemble, "_pool", lambda *_: ([], []))
    patch(ensemble, "_planned_members", lambda *_: ([], []))


def _sharpening(patch: Patch) -> None:
    """Averages are handed in as they are."""
    from mle_star.nodes import ensemble

    patch(ensemble, "sharpen", lambda *_: (None, None))


def _soft(patch: Patch) -> None:
    """Labels vote; what they were cut from is not averaged."""
    from mle_star.scoring import predictions

    patch(predictions, "read_soft", lambda *_: (None, ()))


def _growing(patch: Patch) -> None:
    """Trees keep the size that was chosen on a sample."""
    from mle_star.engineer.playbook.blocks import boosting, fitting

    for module in (fitting, boosting):
        patch(module, "growing", lambda *_: [])


def _order(patch: Patch) -> None:
    """Models come in the order of the catalogue, whatever the data are like."""
    from mle_star.engineer.playbook import catalogue

    patch(catalogue, "_best", lambda _, models, hand: models[0] if models else None)


def _without(*sections: str, keys: tuple[str, ...] = ()) -> Callable[[Patch], None]:
    """No strategies for some kinds of block, or not these."""

    def change(patch: Patch) -> None:
        from mle_star.engineer.playbook import strategies

        kept = tuple(
            item
            for item in strategies.all_strategies()
            if item.section not in sections and item.key not in keys
        )
        patch(strategies, "all_strategies", lambda: kept)

    return change


def _no_answer(*_: Any) -> Any:
    from mle_star.errors import NoAnswer

    raise NoAnswer("This part is left out.")


PARTS: dict[str, Callable[[Patch], None]] = {
    "policy": _policy,
    "price": _price,
    "turning": _turning,
    "leaving": _leaving,
    "ablation": _ablation,
    "blending": _blending,
    "sharpening": _sharpening,
    "soft-blends": _soft,
    "growing": _growing,
    "order": _order,
    "features": _without("features"),
    "encodings": _without("encode"),
    "target-scales": _without("target"),
    "model-settings": _without("model"),
    "settings-search": _without(keys=("settings-search",)),
    "combining": _without("combine"),
    "finishing": _without("finish"),
    "repeated-seeds": _without("validate"),
}
"""Parts that the code has to be changed for."""


def leave_out(part: str, patch: Patch = setattr) -> dict[str, Any]:
    """Leave a part out of this process, and return the settings that do the rest.

    Raises:
        SystemExit: there is no such part.
    """
    if part in PARTS:
        PARTS[part](patch)
    elif part not in SETTINGS:
        sys.exit(f"There is no part {part!r}: choose among {', '.join([*PARTS, *SETTINGS])}.")
    return SETTINGS.get(part, {})


def table(out: Path, whole: str = "mle-star") -> list[str]:
    """One row for each part, the most useful first; gains in per cent of the loss."""
    from mle_star.tasks.metrics import loss_of

    scores: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    metrics: dict[str, str] = {}
    with (out / "results.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            metrics[row["task"]] = row["metric"]
            if row["score"]:
                scores[row["system"]][row["task"], row["seed"]] = float(row["score"])
    rows = []
    for part, found in scores.items():
        both = sorted(found.keys() & scores[whole].keys()) if part != whole else []
        losses = [
            (loss_of(metrics[task], found[task, seed]), loss_of(metrics[task], value))
            for task, seed in both
            for value in [scores[whole][task, seed]]
        ]
        gains = [100 * (without / with_it - 1) for without, with_it in losses]
        if gains:
            error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
            wins = sum(gain > 0 for gain in gains)
            text = f"| {part} | {len(gains)} | {statistics.mean(gains):+.2f} ± {error:.2f} | "
            text += f"{statistics.median(gains):+.2f} | {wins} of {len(gains)} |"
            rows.append((statistics.mean(gains), text))
    head = ["| part | runs | worse without it, % of the loss | median | better with it |"]
    return [*head, "|---|---|---|---|---|", *(text for _, text in sorted(rows, reverse=True))]


def main() -> int:
    """Print a table, or solve the job without a part."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if sys.argv[1] == "--table":
        sys.stdout.write("\n".join(table(Path(sys.argv[2]))) + "\n")
        return 0
    settings = leave_out(sys.argv[1])
    path = Path(sys.argv[2])
    job = json.loads(path.read_text(encoding="utf-8"))
    job["options"] = {"engineer": "playbook", "preset": "default", **job["options"], **settings}
    path.write_text(json.dumps(job), encoding="utf-8")
    from mle_star.bench import own

    sys.argv = [sys.argv[0], str(path)]
    return own.main()


if __name__ == "__main__":
    sys.exit(main())
