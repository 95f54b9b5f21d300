"""Asking a person on the terminal what a run wants to know."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from mle_star.cli.output import relative
from mle_star.observe.lines import who
from mle_star.report.text import clean
from mle_star.runs.questions import Answer, Question

KEYS = {"y": "yes", "n": "no", "e": "edit", "a": "always", "q": "quit", "s": "show"}


class Terminal:
    """Asks in place. Called with a question it returns the answer, or None: the person quits."""

    def __init__(
        self, console: Console, read: Callable[[str], str] = input, edit: bool = True
    ) -> None:
        """Ask on ``console``.

        Args:
            console: shows the question.
            read: reads a line of the person's.
            edit: whether an editor can be opened.
        """
        self.console = console
        self._read = read
        self._edit = edit
        self._always: set[str] = set()

    def __call__(self, question: Question) -> Answer | None:
        """Show the question and wait for a usable answer."""
        kind = question["kind"]
        if kind in self._always:
            return Answer(answer="yes")
        self.console.print(drawn(question))
        while True:
            word = self._word(question)
            if word == "yes":
                return Answer(answer="yes")
            if word == "always":
                self._always.add(kind)
                return Answer(answer="yes")
            if word == "no":
                return Answer(answer="no", reason=self._line("why (may be left empty): "))
            if word == "edit":
                text = edited(question["text"], ".py" if kind == "script" else ".txt")
                if text != question["text"]:
                    return Answer(answer="edit", text=text)
                self.console.print(Text("Nothing was changed.", style="dim"))
            if word == "show":
                self.console.print(drawn({**question, "diff": ""}))
            if word == "quit":
                return None

    def _word(self, question: Question) -> str:
        parts = ["[y]es", "[n]o"]
        if self._edit and "edit" in question["answers"]:
            parts.append("[e]dit")
        if question.get("diff"):
            parts.append("[s]how all")
        parts += ["[a]lways yes", "[q]uit and go on later"]
        while True:
            said = self._line(", ".join(parts) + "? ", quit_at_end=True).lower()
            for key, word in KEYS.items():
                if said in (key, word) and any(part.startswith(f"[{key}]") for part in parts):
                    return word

    def _line(self, prompt: str, quit_at_end: bool = False) -> str:
        try:
            return self._read(prompt).strip()
        except EOFError:
            self.console.print()  # the cursor stands behind the prompt
            return "q" if quit_at_end else ""
        except KeyboardInterrupt:
            self.console.print()
            raise


def drawn(question: Question) -> RenderableType:
    """The question as a person reads it: what, why, and the script, its changes, or the plan."""
    number = int(question["solution"])
    kind = question["kind"]
    what = {"script": "May this script run?", "plan": "May this plan be carried out?"}
    parts: list[RenderableType] = []
    if problem := question.get("problem"):
        parts.append(Text(clean(problem), style="yellow"))
    parts.append(Text(clean(question["why"]), style="dim"))
    if kind == "script":
        if diff := question.get("diff"):
            parts.append(_code(diff, "diff"))
        else:
            parts.append(_code(question["text"], "python"))
        where = clean(str(relative(Path(question["path"]))))
        parts.append(Text(where, style="dim", overflow="fold"))
    if kind == "plan":
        parts.append(Text(clean(question["text"], 4000), style="bold"))
        if question["text"].startswith("["):
            named = "The names in brackets are what is done; keep or change them when you edit."
            parts.append(Text(named, style="dim"))
        if block := question.get("block"):
            parts.append(Text(""))
            parts.append(_code(block, "python"))
    title = what.get(kind, "May the search go on?")
    label = f" {clean(question['label'], 60)}" if kind == "script" else ""
    asked = Text(f"{who(number)}: {title}{label}")
    return Panel(
        Group(*parts),
        title=asked,
        title_align="left",
        subtitle=asked if kind == "script" else None,  # the top may be out of sight
        subtitle_align="left",
        border_style="magenta",
    )


def _code(text: str, language: str) -> Syntax:
    """Source text in colours; what could steer a terminal is left out."""
    plain = "".join(c for c in text.rstrip("\n") if c.isprintable() or c in "\n\t")
    return Syntax(plain, language, theme="ansi_dark", word_wrap=True, background_color="default")


def edited(text: str, suffix: str) -> str:
    """A text after a person had it in their editor, ``$VISUAL``, ``$EDITOR`` or vi."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="mle-star-") as folder:
        path = Path(folder) / f"edit{suffix}"
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=False)
        except OSError:
            return text
        return path.read_text(encoding="utf-8")


def given_once(answer: str, waiting: set[str]) -> Callable[[Question], Any]:
    """Answers the questions that wait already, and none that come up later."""

    def on_ask(question: Question) -> str | None:
        if question["id"] not in waiting:
            return None
        waiting.discard(question["id"])
        return answer

    return on_ask
