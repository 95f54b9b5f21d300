"""Taking markup apart in one pass: what is shown, and which of it is code.

Written for pages of strangers: every step looks no further than the next ``<``, or to the end of
the text once, so that the time is linear in its length whatever it holds.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Literal

Kind = Literal["plain", "pre", "fence"]
"""Running text; code within HTML's ``pre``; a fenced block of markdown, its fences included."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# An element whose content is not text for a reader, up to its end tag or the end of the page.
_RAW = _names("script style noscript iframe textarea title xmp noembed noframes")
_DROPPED = _names("template svg object select canvas audio video datalist")
_VOID = _names("area base br col embed frame hr img input link meta param source track wbr")
_BLOCK = _names(
    "address article aside blockquote body br caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre "
    "section summary table tbody tfoot thead tr ul"
)
_INLINE = _names(
    "a abbr acronym b bdi bdo big button cite code colgroup data del dfn em font frameset head i "
    "ins kbd label map mark math meter nobr optgroup option output picture progress q rp rt ruby s "
    "samp slot small span strike strong sub sup td th time tt u var"
)
_KNOWN = _RAW | _DROPPED | _VOID | _BLOCK | _INLINE

_TOKEN = re.compile(
    r"<!--|<[!?]|</?[a-zA-Z]|^ {0,3}(?:(?P<ticks>`{3,8})[^`\n]*|(?P<tildes>~{3,8})[^~\n]*)$",
    re.MULTILINE,
)
# Quoted values may hold ">"; they end at the next "<" at the latest, see above.
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*+)(?=[\s/>])"
    r"(?P<attributes>(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+)>"
)
_SLOPPY_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*+)(?=[\s/>])(?P<attributes>[^<>]*+)>"
)
_DECLARATION = re.compile(r"<[!?][a-zA-Z\[/-][^<>]*+>")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])[^<>]*+>?", re.IGNORECASE) for name in _RAW}
_FENCE_END = {
    mark * size: re.compile(rf"^ {{0,3}}{mark}{{{size},}}+[ \t]*+$", re.MULTILINE)
    for mark in "`~"
    for size in range(3, 9)
}

# html.unescape itself raises on numbers of thousands of digits; what is longer than this is no
# character anyway.
_ENTITY = re.compile(r"&(?:#\d{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)")
_QUOTED = re.compile(r"\"[^\"]*+\"|'[^']*+'")
_HIDDEN = re.compile(r"(?<![\w=-])hidden(?![\w-])")
_UNSEEN = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0+)?(?![.\d])"
    r"|font-size:0(?:\.0+)?(?![.\d])|(?:left|top|text-indent):-\d{3}|aria-hidden=[\"']?true"
)


def decoded(text: str) -> str:
    """Text with HTML's entities replaced by the characters they stand for."""
    return _ENTITY.sub(lambda found: html.unescape(found.group()), text)


def pieces(text: str) -> Iterator[tuple[Kind, str]]:
    """What a page shows, in order: runs of one kind, without tags; entities are left as they are.

    Names in angle brackets that HTML does not know (``vector<float>``) are text. An element or a
    comment that is never closed hides the rest of the page, as it does in a browser.
    """
    reader = _Reader(text)
    while reader.step():
        if reader.done:
            yield from reader.done
            reader.done.clear()
    yield from reader.done


class _Reader:
    """Where the pass is, what it is within, and what it has collected."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.done: list[tuple[Kind, str]] = []
        self._run: list[str] = []
        self._pre = 0
        self._dropping = ""
        self._depth = 0
        self._unclosed: set[str] = set()

    def step(self) -> bool:
        """Read up to and over the next token; False at the end."""
        found = _TOKEN.search(self.text, self.place)
        if found is None:
            self._show(self.text[self.place :])
            self._finish()
            return False
        self._show(self.text[self.place : found.start()])
        self.place = found.start()
        token = found.group()
        if token == "<!--":
            end = self.text.find("-->", self.place + 2)
            self.place = end + 3 if end >= 0 else len(self.text)
        elif token in ("<!", "<?"):
            self._skip(_DECLARATION.match(self.text, self.place), token)
        elif token[0] == "<":
            self._tag(token)
        else:
            self._fence(token, found["ticks"] or found["tildes"])
        return True

    def _show(self, shown: str) -> None:
        if shown and not self._dropping:
            self._run.append(shown)

    def _finish(self) -> None:
        """End a run, because the kind changes."""
        if self._run:
            self.done.append(("pre" if self._pre else "plain", "".join(self._run)))
            self._run = []

    def _skip(self, found: re.Match[str] | None, token: str) -> None:
        """Go on after a match; without one the token is text."""
        if found is None:
            self._show(token)
            self.place += len(token)
        else:
            self.place = found.end()

    def _fence(self, opening: str, marks: str) -> None:
        end = None
        if not (self._dropping or self._pre or marks in self._unclosed):
            end = _FENCE_END[marks].search(self.text, self.place + len(opening))
            if end is None:
                self._unclosed.add(marks)  # so that the rest is searched only once
        if end is None:
            self._show(opening)
            self.place += len(opening)
            return
        self._finish()
        self.done.append(("fence", self.text[self.place : end.end()]))
        self.place = end.end()

    def _tag(self, token: str) -> None:
        found = _TAG.match(self.text, self.place) or _SLOPPY_TAG.match(self.text, self.place)
        if found is None or not _is_markup(found):
            self._skip(None, token)
            return
        self.place = found.end()
        name, closing = found["name"].lower(), bool(found["end"])
        if self._dropping:
            if name == self._dropping and not found["attributes"].endswith("/"):
                self._depth += -1 if closing else 1
                self._dropping = name if self._depth else ""
            elif name in _RAW and not closing:
                self._over(name)
        elif name in _RAW:
            if not closing:
                self._over(name)
        elif not closing and (name in _DROPPED or _hidden(found["attributes"])):
            if name not in _VOID and not found["attributes"].endswith("/"):
                self._dropping, self._depth = name, 1
        else:
            self._layout(name, closing)

    def _over(self, name: str) -> None:
        """Skip an element whose content is not markup."""
        end = _RAW_END[name].search(self.text, self.place)
        self.place = end.end() if end else len(self.text)

    def _layout(self, name: str, closing: bool) -> None:
        if name == "pre":
            self._finish()
            self._pre = max(self._pre + (-1 if closing else 1), 0)
        elif name in _BLOCK:
            self._run.append("\n- " if name == "li" and not closing else "\n")
        elif name in ("td", "th"):
            self._run.append(" ")


def _is_markup(tag: re.Match[str]) -> bool:
    """Whether something in angle brackets is a tag; ``<your-key>`` is not."""
    name = tag["name"].lower()
    custom = "-" in name and bool(tag["end"] or "=" in tag["attributes"])
    return name in _KNOWN or custom


def _hidden(attributes: str) -> bool:
    """Whether an element with these attributes is never seen."""
    if not attributes:
        return False
    attributes = decoded(attributes).lower()
    if _HIDDEN.search(_QUOTED.sub("", attributes)):
        return True
    return bool(_UNSEEN.search("".join(attributes.replace("/**/", "").split())))
