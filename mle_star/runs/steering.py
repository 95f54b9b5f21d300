"""What people tell a run while it goes: a hint, a model to try, the block to refine.

Each is one line of ``told.jsonl`` in the run folder, whoever writes it: this process, another one,
or nobody's run that is stopped. The nodes read the file at their boundaries and keep in the state
what they took (:mod:`mle_star.nodes.heeding`).
"""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mle_star.errors import RunError, UserError
from mle_star.runs.events import append_line
from mle_star.runs.folder import read_record

TOLD = "told.jsonl"
"""File of the run folder that holds what was told, one JSON object per line."""
LONGEST_HINT = 2_000
"""Most characters of a hint: it stands in every question to the planner and the coder."""
LONGEST = 20_000
"""Most characters of a card's description, of its example, and of a block."""
_CARD = ("name", "reason", "example")
_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


def tell(
    run: Path,
    *,
    hint: str = "",
    card: Mapping[str, str] | None = None,
    block: str = "",
    solution: int | None = None,
) -> dict[str, Any]:
    """Tell a run something; it may be going on in any process, or be stopped.

    Args:
        run: the run folder.
        hint: what planner and coder should know, in plain words.
        card: a model to try: ``name``, and optionally ``reason`` (what it is and how to use it) and
            ``example`` (short example code).
        block: what to refine next: text that occurs once in the best script, the name of a function
            or section of it, or a range of its lines such as ``10-25``.
        solution: index of the solution it is meant for, from 0; None: every solution.

    Returns:
        The record as it was written: ``id`` (1 for the first), ``time``, ``hint``, ``card``,
        ``block``, ``solution``.

    Raises:
        RunError: there is no such run, or it is finished.
        UserError: nothing was told, or what was told is too long or names no such solution.
        OSError: the run folder can't be written.
    """
    record = read_record(run)
    if record.get("status") == "finished":
        raise RunError(f"{run.name} is finished: nothing that it is told now can change it.")
    told = {
        "hint": _text("hint", hint, LONGEST_HINT),
        "card": _card(card),
        "block": _text("block", block, LONGEST, strip=False),
        "solution": _solution(solution, record),
    }
    if not (told["hint"] or told["card"] or told["block"]):
        raise UserError("Nothing was told: give a hint, a model card or a block.")
    path = run / TOLD
    with path.open("a") as stream:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX)  # until the file is closed
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        # Not their number: a fork leaves out what was told later, by a clock that may have jumped.
        number = max((record["id"] for record in read_told(run)), default=0) + 1
        written = {"id": number, "time": now, **told}
        append_line(path, json.dumps(written, ensure_ascii=False) + "\n")
    return written


def read_told(run: Path) -> list[dict[str, Any]]:
    """Everything a run was told so far, oldest first."""
    try:
        lines = (run / TOLD).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the half line of a killed process
        if isinstance(value, dict) and isinstance(value.get("id"), int):
            found.append(value)
    return found


def card_from(text: str, name: str) -> dict[str, str]:
    """A model card from a page: its first fenced block of code is the example, the rest the reason.

    Raises:
        UserError: it has no name, and no heading that could be one.
    """
    fence = _FENCE.search(text)
    prose = (text[: fence.start()] + text[fence.end() :] if fence else text).strip()
    prose = re.sub(r"\n{3,}", "\n\n", prose)
    heading, _, rest = prose.partition("\n")
    if not name and heading.startswith("#"):
        name, prose = heading.lstrip("# ").strip(), rest.strip()
    if not name:
        raise UserError("The model card has no name: give one, or begin it with '# Name'.")
    return {"name": name, "reason": prose, "example": fence.group(1) if fence else ""}


def _card(card: Mapping[str, str] | None) -> dict[str, str] | None:
    if card is None:
        return None
    if unknown := [name for name in card if name not in _CARD]:
        raise UserError(f"A model card has {', '.join(_CARD)}, not {unknown[0]!r}.")
    if not str(card.get("name", "")).strip():
        raise UserError("The model card has no name: say what the model is called.")
    name = _text("card's name", card["name"], 100)
    if "\n" in name:
        raise UserError("The name of a model card is one line.")
    reason = _text("card", card.get("reason", ""), LONGEST)
    return {"name": name, "reason": reason, "example": _text("example", card.get("example", ""))}


def _text(what: str, text: str, longest: int = LONGEST, *, strip: bool = True) -> str:
    if not isinstance(text, str):
        raise UserError(f"The {what} is not text.")
    text = "".join(c for c in text if c.isprintable() or c in "\n\t")
    if len(text) > longest:
        raise UserError(f"The {what} has {len(text):,} characters; {longest:,} can be told.")
    return text.strip() if strip else text if text.strip() else ""


def _solution(solution: int | None, record: Mapping[str, Any]) -> int | None:
    if solution is None:
        return None
    count = int((record.get("settings") or {}).get("num_solutions", 1))
    if not 0 <= solution < count:
        names = "1 alone" if count == 1 else f"1 to {count}"
        raise UserError(f"There is no solution {solution + 1}: this run has {names}.")
    return solution
