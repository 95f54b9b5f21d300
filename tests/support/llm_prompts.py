"""Reading the prompts of the language-model engineer, as far as the scripted engineer must."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

SECTIONS = (
    "Script",
    "Base script",
    "Reference script",
    "Block",
    "Plan",
    "Error",
    "Study",
    "Output",
    "Summaries",
    "Summary",
    "Model",
    "Members",
    "Tried",
    "Evidence",
    "Reason",
    "Search results",
    "Known models",
    "Refined blocks",
    "Your answer",
)

_AGENT = re.compile(r"^You are now the agent `(\w+)`\.", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,})[^`]*$")


@dataclass(frozen=True)
class Prompt:
    """A prompt taken apart."""

    system: str
    agent: str
    """'' where the text is no agent's prompt."""
    sections: dict[str, str]
    """Name -> everything below its heading; '' is what stands above the first."""

    @classmethod
    def read(cls, system: str, user: str) -> Prompt:
        """Take a prompt apart; headings within fences are part of a value."""
        found = _AGENT.search(user)
        sections: dict[str, list[str]] = {"": []}
        name, fence = "", ""
        for line in user.split("\n"):
            opened = _FENCE.match(line)
            heading = re.match(r"## (.+?)\s*$", line)
            if fence:
                fence = "" if line.strip() == fence else fence
            elif opened:
                fence = opened[1]
            elif heading and heading[1] in SECTIONS:
                name = heading[1]
                sections[name] = []
                continue
            sections.setdefault(name, []).append(line)
        joined = {key: "\n".join(lines) for key, lines in sections.items()}
        return cls(system, found[1] if found else "", joined)

    def raw(self, name: str) -> str:
        """Everything in a section."""
        return self.sections.get(name, "")

    def codes(self, name: str) -> list[str]:
        """Every fenced value of a section."""
        codes: list[str] = []
        lines: list[str] = []
        fence = ""
        for line in self.raw(name).split("\n"):
            opened = _FENCE.match(line)
            if fence and line.strip() == fence:
                codes.append("\n".join(lines))
                fence = ""
            elif fence:
                lines.append(line)
            elif opened:
                fence, lines = opened[1], []
        return codes

    def code(self, name: str) -> str:
        """The fenced value of a section, with the line end that every script has."""
        codes = self.codes(name)
        return codes[0].rstrip("\n") + "\n" if codes else self.text(name)

    def text(self, name: str) -> str:
        """The value of a section without fences around it."""
        codes = self.codes(name)
        return (codes[0] if codes else self.raw(name)).strip()

    def count(self, default: int) -> int:
        """How many answers are wanted: the first number of the instruction."""
        found = re.search(r"\b([1-9]\d?)\b", self.sections[""])
        return int(found[1]) if found else default

    def members(self) -> int:
        """How many members there are; at least one."""
        numbers = re.findall(r"(?m)^Member (\d+):", self.raw("Members"))
        return max((int(number) + 1 for number in numbers), default=1)

    @property
    def kind(self) -> str:
        """What a submission holds: ``label``, ``probability`` or ``value``; '' if it isn't said."""
        found = re.search(r"A submission holds: (.{0,60})", self.system)
        said = found[1] if found else ""
        words = {"label": "label", "probabilit": "probability", "number": "value"}
        return next((kind for word, kind in words.items() if word in said), "")

    @property
    def positive(self) -> str:
        """The class whose probability is asked for; '' where it isn't said."""
        found = re.search(r"between 0 and 1 of the class (.+?) \(the other", self.system)
        return str(json.loads(found[1])) if found else ""

    @property
    def has_words(self) -> bool:
        """Whether the table of columns names one that isn't a number."""
        return re.search(r'(?m)^"[^\n]*": (categorical|text|boolean) \(', self.system) is not None
