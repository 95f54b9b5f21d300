"""What racing would have saved in runs that were made without it, and whom it would have wronged.

    mle-star bench run TASKS --system 'whole=mle-star racing=false' --out OUT
    python benchmarks/racing.py OUT

Every refined script of those runs is raced after the fact, fold by fold, against the best script
its branch had then. Saved is the share of its seconds that the folds after the stop took; wronged
is a script that would have been stopped and scored better than the one it raced against.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.execution import FoldLine, paired_spread, race_against
from mle_star.execution.record import recorded_folds
from mle_star.runs import read_events
from mle_star.runs.folder import read_record
from mle_star.tasks import get_metric


@dataclass
class Tally:
    """What racing does to the refined scripts of some runs."""

    scripts: int = 0
    raced: int = 0
    stopped: int = 0
    wronged: int = 0
    seconds: float = 0.0
    saved: float = 0.0
    won: int = 0
    """Scripts that scored better than the one they raced against."""


def stop_of(race: Any, lines: list[FoldLine]) -> int:
    """Folds after which a script is stopped; 0 where it runs to its end."""
    return next((k for k in range(1, len(lines)) if race.lost(lines[:k])), 0)


def replay(run: Path, tally: Tally) -> None:
    """Race the refined scripts of one run."""
    direction = read_record(run)["spec"]["direction"]
    sign = 1.0 if direction == "maximize" else -1.0
    before: dict[int, list[dict[str, Any]]] = {}
    for event in read_events(run):
        if event["kind"] != "script_finished" or event.get("score") is None or event.get("alarm"):
            continue
        if event["phase"] not in ("write", "merge", "check_usage", "refine"):
            continue
        known = before.setdefault(event["solution"], [])
        if event["phase"] == "refine" and known:
            _race(run, event, sorted(known, key=lambda e: -sign * e["score"]), sign, tally)
        known.append(event)


def _race(
    run: Path, event: dict[str, Any], known: list[dict[str, Any]], sign: float, tally: Tally
) -> None:
    lines = list(recorded_folds(run / "trials" / event["trial"]))
    best, *others = (recorded_folds(run / "trials" / e["trial"]) for e in known)
    tally.scripts += 1
    tally.seconds += event["seconds"]
    wins = sign * event["score"] > sign * known[0]["score"]
    tally.won += wins
    if not best or not lines:
        return
    spreads = [spread for other in others if (spread := paired_spread(best, other)) is not None]
    maximize = get_metric(best[0].name).direction == "maximize"
    race = race_against(best, spreads, maximize=maximize)
    if race is None:
        return
    tally.raced += 1
    stop = stop_of(race, lines)
    if stop:
        tally.stopped += 1
        tally.wronged += wins
        tally.saved += event["seconds"] * (len(lines) - stop) / len(lines)


def runs_in(folder: Path) -> Iterator[Path]:
    """The run folders below a folder."""
    for path in sorted(folder.rglob("run.json")):
        if "status" in json.loads(path.read_text()):
            yield path.parent


def main() -> None:
    """Replay and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    whole = Tally()
    say = f"{'':<24}{'refined':>8}{'raced':>7}{'better':>7}{'stopped':>8}{'wronged':>8}{'saved':>7}"
    sys.stdout.write(say + "\n")
    for folder in parser.parse_args().folders:
        for run in runs_in(folder):
            tally = Tally()
            replay(run, tally)
            _print(read_record(run)["spec"]["name"], tally)
            for name in vars(whole):
                setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    _print("all", whole)


def _print(name: str, tally: Tally) -> None:
    share = tally.saved / tally.seconds if tally.seconds else 0.0
    sys.stdout.write(
        f"{name[:23]:<24}{tally.scripts:>8}{tally.raced:>7}{tally.won:>7}{tally.stopped:>8}"
        f"{tally.wronged:>8}{share:>7.0%}\n"
    )


if __name__ == "__main__":
    main()
