"""What a model's answer is made of before it is read: thoughts, fenced blocks, refusals."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 1_000_000
"""Longest answer that is read, in characters."""

_THOUGHT = re.compile(r"^[ \t]*<(think|thinking|thought|reasoning)>", re.MULTILINE | re.IGNORECASE)
_THOUGHT_END = re.compile(r"^[ \t]*</think(?:ing)?>|</think(?:ing)?>[ \t]*$", re.MULTILINE)
_LANGUAGE = re.compile(r"\{?\.?([\w+#-]*)")
_DECLINES = re.compile(
    r"(i['’]?m|i am)( really| very| so)? (sorry|afraid|unable|not able)\b|sorry\b|i apologi[sz]e\b"
    r"|as an? (ai|(large )?language model)\b|unfortunately,? i\b"
    r"|(could|can|would) you( please)? (share|provide|paste|clarify|send)\b"
    r"|please (share|provide|paste|clarify|send)\b"
    r"|i (can(no|['’]?)t|can not|won['’]?t|will not|must decline|decline)( to)? "
    r"(help|assist|comply|provide|fulfil|do|answer|write|generate|continue|create|give|support"
    r"|propose|suggest|see|access|run|determine|read)\b",
    re.IGNORECASE,
)


class Unusable(ValueError):
    """An answer can't be used; the text tells the model why, and in which form to answer."""

    def __init__(self, reason: str, form: str = "") -> None:
        """``reason`` says what is wrong, ``form`` what is wanted; together one sentence."""
        super().__init__(f"{reason}; {form}" if form else reason)
        self.reason = reason


@dataclass(frozen=True)
class Fence:
    """A fenced block of an answer."""

    language: str
    """Its label in lower case; empty where it has none."""
    code: str
    """The lines between the fences, without the fences' own indentation."""
    closed: bool
    """False where the answer ends before the block does."""


def plain_lines(text: str) -> str:
    """The text with Unix line ends, and without what no text holds (NUL, byte order mark)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\x00", "").removeprefix("\ufeff")


def without_thoughts(text: str) -> str:
    """The answer without what a model thought aloud between tags such as ``<think>``."""
    kept: list[str] = []
    at = 0
    for opening in _THOUGHT.finditer(text):
        if opening.start() < at:
            continue
        closing = text.find(f"</{opening[1]}>", opening.end())
        kept.append(text[at : opening.start()])
        at = len(text) if closing < 0 else closing + len(opening[1]) + 3
    rest = "".join(kept) + text[at:]
    # Some servers send the opening tag as part of the prompt: only the closing one is left.
    ends = [match.end() for match in _THOUGHT_END.finditer(rest)]
    return rest[ends[-1] :] if ends else rest


def declines(text: str) -> bool:
    """Whether the answer opens with a refusal to answer."""
    return _DECLINES.match(text.lstrip(" \t\n\"'*#>")) is not None


def cut_out(text: str) -> tuple[str, list[Fence]]:
    """Separate an answer into its prose and its fenced blocks, in order."""
    prose: list[str] = []
    found: list[Fence] = []
    mark, language, indent = "", "", 0
    inside: list[str] = []
    for line in text.split("\n"):
        if mark:
            if _closes(line, mark):
                found.append(Fence(language, "\n".join(inside), closed=True))
                mark, inside = "", []
            else:
                inside.append(_unindented(line, indent))
        elif (opening := _opening(line)) is not None:
            before, mark, language, code = opening
            indent = len(line) - len(line.lstrip(" "))
            prose.append(before)
            if code is not None:  # the whole block on one line
                found.append(Fence(language, code, closed=True))
                mark = ""
        else:
            prose.append(line)
    if mark:
        found.append(_unclosed(language, inside, mark))
    return "\n".join(prose), found


def fences(text: str) -> list[Fence]:
    """The fenced blocks of an answer, in order."""
    return cut_out(text)[1]


def _closes(line: str, mark: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(mark) and not bare.strip(mark[0])


def _unindented(line: str, indent: int) -> str:
    own = len(line) - len(line.lstrip(" "))
    return line[min(indent, own) :]


def _opening(line: str) -> tuple[str, str, str, str | None] | None:
    """Prose before the fence, its mark, its label, and its code where it ends on this line."""
    start = line.find("```")
    if start < 0:
        start = line.find("~~~")
        if start < 0 or line[:start].strip():
            return None
    sign = line[start]
    rest = line[start:].lstrip(sign)
    mark = sign * (len(line) - start - len(rest))
    if sign in rest:
        code, _, after = rest.partition(mark)
        if after.strip() or line[:start].strip() or not code.strip():
            return None  # code within a sentence
        label, _, tail = code.strip().partition(" ")
        if label.lower() in ("python", "py", "json"):
            return line[:start], mark, label.lower(), tail.strip()
        return line[:start], mark, "", code.strip()
    words = rest.split()
    if len(words) > 3 or (line[:start].strip() and len(words) > 1):
        return None
    return line[:start], mark, _label(words), None


def _label(words: list[str]) -> str:
    """The language that the words after a fence name; a file's name says it by its ending."""
    found = _LANGUAGE.match(words[0]) if words else None
    if not found:
        return ""
    return "python" if words[0].endswith(".py") else found[1].lower()


def _unclosed(language: str, lines: list[str], mark: str) -> Fence:
    code = "\n".join(lines).rstrip()
    if code.endswith(mark):  # the closing fence stands at the end of the last line of code
        return Fence(language, code.removesuffix(mark), closed=True)
    return Fence(language, code, closed=False)
