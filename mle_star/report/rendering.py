"""From template to page: escaping, the page's own style and script, numbers as people read them.

What scripts, models, the web and the data say is hostile. Every text is escaped; control and
direction characters are shown, not obeyed; the page allows no request and no script but its own.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from mle_star.report.money import dollars, tokens
from mle_star.report.text import clean, duration, number, plus_minus, visible


@dataclass(frozen=True)
class Inline:
    """Style or script of the page itself, with the digest that the page's policy allows."""

    text: Markup
    digest: str

    @classmethod
    def of(cls, text: str) -> Inline:
        """Take a text of ours."""
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        return cls(Markup(text), f"sha256-{digest}")


def fill(template: str, **values: Any) -> str:
    """A template of ``mle_star/report/templates`` with values filled in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mle_star.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        number=number, plus_minus=plus_minus, duration=duration, tokens=tokens, short=clean,
        value=value, change_text=change_text,
        usd=lambda usd: "unknown" if usd is None else dollars(usd),
    )  # fmt: skip
    assert environment.loader is not None
    style, script = (
        Inline.of(environment.loader.get_source(environment, name)[0])
        for name in ("page.css", "page.js")
    )
    version = importlib.metadata.version("mle-star")
    return environment.get_template(template).render(
        style=style, script=script, version=version, **values
    )


def _shown(given: Any) -> Any:
    return visible(given) if isinstance(given, str) and not isinstance(given, Markup) else given


def value(given: Any) -> str:
    """A setting as people read it: words as they are, nothing as a dash."""
    if given is None or given == "" or given == [] or given == {}:
        return "–"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return f"{given:g}"
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)


def change_text(change: float) -> str:
    """A relative change in words: ``better by 3.31 %``."""
    if abs(change) < 5e-5:
        return "no change"
    return f"{'better' if change > 0 else 'worse'} by {100 * abs(change):.2f} %"
