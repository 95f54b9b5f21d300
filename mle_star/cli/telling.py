"""``tell``: what a person tells a run, and when it is heeded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from mle_star.cli.output import console, relative
from mle_star.observe.lines import who
from mle_star.report.text import clean
from mle_star.runs.lock import is_driven
from mle_star.runs.steering import card_from, tell

WHEN = {
    "hint": "planner and coder know it from their next question on",
    "card": "{name} is tried at the next outer step, and merged where it does not lead",
    "block": "it is refined after the next ablation study",
}


def tell_run(
    run: Path, hint: str, card: str | None, name: str, block: str, solution: int | None
) -> None:
    """Write down what was told, and print what will happen and when.

    Args:
        run: the run folder.
        hint: plain words.
        card: file or text of a model card; None: only its name, if one is given.
        name: of the model.
        block: to refine next.
        solution: as people count, from 1; None: all.

    Raises:
        UserError: it can't be used.
    """
    page = None
    if card is not None or name:
        page = card_from(_text_of(card or ""), name)
    chosen = None if solution is None else solution - 1
    record = tell(run, hint=hint, card=page, block=block, solution=chosen)
    screen = console()
    whom = "every solution" if chosen is None else who(chosen)
    screen.print(Text(f"Told {clean(run.name)}, {whom}:"), soft_wrap=True)
    for act, line in WHEN.items():
        if record[act]:
            screen.print(Text(f"  {act}: {line.format(name=_name(record))}"), soft_wrap=True)
    if not is_driven(run):
        text = f"The run does not go on now; it heeds this after: mle-star resume {relative(run)}"
        screen.print(Text(text, style="yellow"), soft_wrap=True)


def _name(record: dict[str, Any]) -> str:
    return clean((record["card"] or {}).get("name", ""))


def _text_of(card: str) -> str:
    """The text of a card: a file's, where there is such a file."""
    try:
        path = Path(card)
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else card
    except (OSError, ValueError):
        return card
