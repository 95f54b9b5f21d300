"""Markdown of ours with words of others in it: model card and notebook.

What scripts, models and data say is shown, not obeyed: it makes no heading, link, picture, table
column or formula, and no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from mle_star.report.money import tokens
from mle_star.report.text import clean, duration, number, plus_minus

_SPECIAL = re.compile(
    r"[\\`*|~$]|(?<!\w)_|_(?!\w)|(?<=\])[(\[:]|^[#>+=-]|^(?=\d+[.)](?:\s|$))|://|@"
)


def md(value: object, width: int | None = None) -> Markup:
    """One line of text, such that Markdown shows it as it is."""
    text = clean(value, width).replace("&", "&amp;").replace("<", "&lt;")
    text = _SPECIAL.sub(lambda found: _escaped(found.group()), text)
    return Markup(text)


def _escaped(special: str) -> str:
    """A special sign as text; numbers at the start of a line, and addresses, are no links."""
    if special == "://":
        return "&#58;//"
    if special == "@":
        return "&#64;"
    return f"\\{special}" if special else "&#8203;"


def code(value: object, width: int | None = None) -> Markup:
    """A name in the look of code."""
    text = clean(value, width).replace("`", "'").replace("|", "\u00a6")
    return Markup(f"`{text or ' '}`")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """A table; cells are escaped."""
    lines = [heads, [Markup("---")] * len(heads), *rows]
    return Markup("\n".join(f"| {' | '.join(map(_shown, line))} |" for line in lines))


def fill_markdown(template: str, **values: Any) -> str:
    """A template of ``mle_star/report/templates`` with values filled in, each one escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mle_star.report"),
        autoescape=False,  # that of HTML; ours is _shown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        number=number, plus_minus=plus_minus, duration=duration, tokens=tokens, code=code, short=md
    )
    text = environment.get_template(template).render(table=table, **values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _shown(value: Any) -> str:
    return value if isinstance(value, Markup) else md(value)
