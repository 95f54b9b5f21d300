"""One rule for long values: the longest are cut, until the whole prompt fits its budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mle_star.errors import NoAnswer

BYTES_PER_TOKEN = 3
"""Of UTF-8. Code and tables come to 3 to 4 bytes a token with the tokenizers in use, so that a
prompt that fits by this estimate fits the model."""

FLOOR = 500
"""Bytes that are left of any value: enough for a few lines of either end."""

_NOTE = "# [... {} {} left out ...]"
_NOTE_LINE = re.compile(r"^# \[\.\.\. \d+ (?:lines|characters) left out \.\.\.\]$", re.MULTILINE)


class PromptTooLong(NoAnswer):
    """What can't be cut fills the budget already."""


def tokens(text: str) -> int:
    """Estimated tokens of a text; never an underestimate by much, never 0 for a text."""
    return -(-size(text) // BYTES_PER_TOKEN)


def size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode("utf-8"))


def was_cut(text: str) -> bool:
    """Whether a text has a line that stands for lines left out.

    An answer that repeats such a line is no whole script.
    """
    return _NOTE_LINE.search(text) is not None


def cut(text: str, limit: int) -> str:
    """The text in at most ``limit`` bytes: its first and last lines, and a note between them.

    The note says how many lines are left out. Where whole lines would leave most of the room
    empty, lines are cut between characters. A limit with no room for the note leaves the first
    characters alone.
    """
    if size(text) <= limit:
        return text
    lines = text.split("\n")
    room = limit - len(_NOTE.format(len(lines), "lines")) - 2
    head = _whole_lines(lines, room // 2)
    used = _length(lines[:head])
    tail = _whole_lines(lines[::-1], room - used)
    kept = lines[len(lines) - tail :]
    if used + _length(kept) < room // 2 or room < 0:
        return _cut_characters(text, limit)
    note = _NOTE.format(len(lines) - head - tail, "lines")
    return "\n".join([*lines[:head], note, *kept])


def _whole_lines(lines: list[str], room: int) -> int:
    """How many of the first lines fit, line ends counted."""
    for number, line in enumerate(lines):
        room -= size(line) + 1
        if room < 0:
            return number
    return len(lines)


def _length(lines: list[str]) -> int:
    return sum(size(line) + 1 for line in lines)


def _cut_characters(text: str, limit: int) -> str:
    data = text.encode("utf-8")
    room = limit - len(_NOTE.format(len(text), "characters")) - 2
    if room < 2:
        return data[:limit].decode("utf-8", "ignore")
    # Half a character at a cut is no character: "ignore" drops it.
    head = data[: room // 2].decode("utf-8", "ignore")
    tail = data[len(data) - room // 2 :].decode("utf-8", "ignore")
    left_out = len(text) - len(head) - len(tail)
    return f"{head}\n{_NOTE.format(left_out, 'characters')}\n{tail}"


def fit(
    values: Mapping[str, str], render: Callable[[Mapping[str, str]], str], limit: int, name: str
) -> str:
    """Render values to a text of at most ``limit`` bytes; the longest values are cut to do so.

    Cutting the longest value again and again ends with the longest ones at a common length: that
    length is found at once. A text that fits is not touched.

    Args:
        values: what may be cut, by name.
        render: the whole text from these values; no value may appear twice in it.
        limit: bytes of the whole text.
        name: what is rendered, for the message.

    Raises:
        PromptTooLong: it does not fit with every value cut to :data:`FLOOR` bytes.
    """
    kept = dict(values)
    text = render(kept)
    while (excess := size(text) - limit) > 0:
        sizes = {key: size(value) for key, value in kept.items()}
        target = sum(sizes.values()) - excess
        if sum(min(length, FLOOR) for length in sizes.values()) > target:
            return _shortest(values, render, limit, name)
        level = common_length(list(sizes.values()), target)
        kept = {key: cut(values[key], min(level, sizes[key])) for key in values}
        text = render(kept)
    return text


def _shortest(
    values: Mapping[str, str], render: Callable[[Mapping[str, str]], str], limit: int, name: str
) -> str:
    """Everything cut as far as it may be: what surrounds a value can shrink with it."""
    text = render({key: cut(value, FLOOR) for key, value in values.items()})
    if size(text) > limit:
        lacking = -((limit - size(text)) // BYTES_PER_TOKEN)
        raise PromptTooLong(
            f"{name} needs about {lacking} tokens more than it may have: "
            "raise the setting 'prompt_tokens'."
        )
    return text


def common_length(sizes: list[int], target: int) -> int:
    """The largest length such that the sizes, none longer than it, add up to at most ``target``.

    ``target`` is less than the sum of the sizes.
    """
    left = target
    ordered = sorted(sizes)
    for place, length in enumerate(ordered):
        share = left // (len(ordered) - place)
        if length > share:
            return share
        left -= length
    return ordered[-1] if ordered else 0
