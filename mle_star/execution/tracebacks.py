"""Reading the exception that ended a script out of what it printed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mle_star.execution.base import ScriptError

_HEADER = re.compile(r"^(?:Exception Group )?Traceback \(most recent call last\):$")
_FRAME = re.compile(r'^\s+File "([^"]+)", line (\d+)')
_RAISED = re.compile(r"^([A-Za-z_]\w*(?:\.\w+|\.<locals>)*)(?:: ?(.*))?$")
_MARGIN = re.compile(r"^ +[+|] ")  # Python draws one beside exception groups
_CHAIN = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
# Reported by Python although they do not end the script.
_SIDE_SHOW = ("Exception ignored ", "Exception in thread ", "Error in atexit", "Error in sys.")
_SYNTAX = ("SyntaxError", "IndentationError", "TabError")
_LONGEST = 4000


@dataclass
class _Block:
    frames: list[tuple[str, int]]
    type: str
    message: str
    start: int
    end: int
    side_show: bool


def parse_traceback(text: str, script: str = "script.py") -> ScriptError | None:
    """Find the exception that ended a script.

    Of chained exceptions the last counts, as it is the one that was raised to the top. The line is
    that of the deepest frame inside the script itself; in a chain, the nearest one that has such a
    frame.

    Args:
        text: standard error, whole or its last part.
        script: name of the script's file, as its last path component.
    """
    lines = [_MARGIN.sub("", line) for line in text.splitlines()]
    blocks = [b for b in _blocks(lines) if not b.side_show]
    if not blocks:
        return _syntax_error(lines, script)
    last = blocks[-1]
    first = last
    for block in reversed(blocks[:-1]):
        if not _chained(lines, block.end, first.start):
            break
        first = block
    # A message may quote the traceback of a worker: then the script's own frames are in a block
    # before it.
    while _deepest([b for b in blocks if b.start >= first.start], script) is None:
        if first is blocks[0]:
            break
        first = blocks[blocks.index(first) - 1]
    line = _deepest([b for b in blocks if b.start >= first.start], script)
    if last.type in _SYNTAX:
        line = _syntax_line(lines[last.start : last.end], script) or line
    whole = "\n".join(lines[first.start : last.end]).strip("\n")
    return ScriptError(last.type, last.message[:_LONGEST], line, whole[-2 * _LONGEST :])


def _blocks(lines: list[str]) -> list[_Block]:
    found = []
    for number, line in enumerate(lines):
        if not _HEADER.match(line):
            continue
        block = _read(lines, number)
        if block is not None:
            found.append(block)
    return found


def _read(lines: list[str], start: int) -> _Block | None:
    frames: list[tuple[str, int]] = []
    for number in range(start + 1, len(lines)):
        line = lines[number]
        frame = _FRAME.match(line)
        if frame:
            frames.append((frame.group(1), int(frame.group(2))))
            continue
        if line.startswith((" ", "\t")):
            continue
        raised = _RAISED.match(line)
        if raised is None or not frames:
            return None
        end = _message_end(lines, number)
        message = "\n".join([raised.group(2) or "", *lines[number + 1 : end]]).strip()
        before = lines[start - 1] if start else ""
        name = raised.group(1).rpartition(".")[2]
        return _Block(frames, name, message, start, end, before.startswith(_SIDE_SHOW))
    return None


def _message_end(lines: list[str], number: int) -> int:
    """Where a message, which may have many lines, ends: at the next block or the end."""
    for end in range(number + 1, len(lines)):
        line = lines[end]
        if _HEADER.match(line) or line.startswith(_SIDE_SHOW) or line.strip() in _CHAIN:
            return end
    return len(lines)


def _chained(lines: list[str], end: int, start: int) -> bool:
    return any(line.strip() in _CHAIN for line in lines[end - 1 : start])


def _is_script(path: str, script: str) -> bool:
    return path == script or path.endswith("/" + script)


def _deepest(chain: list[_Block], script: str) -> int | None:
    for block in reversed(chain):
        own = [line for path, line in block.frames if _is_script(path, script)]
        if own:
            return own[-1]
    return None


def _syntax_line(lines: list[str], script: str) -> int | None:
    own = [m for line in lines if (m := _FRAME.match(line)) and _is_script(m.group(1), script)]
    return int(own[-1].group(2)) if own else None


def _syntax_error(lines: list[str], script: str) -> ScriptError | None:
    """An error of the script's own syntax comes without a header: it never began to run."""
    for end in range(len(lines) - 1, -1, -1):
        raised = _RAISED.match(lines[end])
        if raised is None or raised.group(1) not in _SYNTAX:
            continue
        for start in range(end - 1, max(-1, end - 6), -1):
            frame = _FRAME.match(lines[start])
            if frame:
                line = int(frame.group(2)) if _is_script(frame.group(1), script) else None
                text = "\n".join(lines[start : end + 1])
                return ScriptError(raised.group(1), raised.group(2) or "", line, text)
    return None
