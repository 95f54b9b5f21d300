"""Drawing Vega-Lite specifications to SVG, by vl-convert.

Colours are the page's own (CSS variables), so that one drawing serves light and dark. Texts are
data of a specification, never a part of it.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

WIDE, NARROW = 840, 280
"""Widths of a plot's inside in pixels: for a desk and for a phone."""
COLOURS = 8
"""How many colours the pages have; after them they come again."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
SOFT, RULE, INK = "var(--soft)", "var(--rule)", "var(--ink)"
_LINK = re.compile(r'<a xlink:href="[^"#]*#([a-z0-9-]+)"')
_CLIP = re.compile(r'(\bid="|\burl\(#)clip')

_DRAWER = """
import json, sys, vl_convert
json.dump([vl_convert.vegalite_to_svg(spec) for spec in json.load(sys.stdin)], sys.stdout)
"""
_SECONDS = 60.0
"""Longest that drawing may take."""

Spec = dict[str, Any]
Drawing = tuple[Markup, Markup]
"""A plot for a wide and for a narrow screen."""

logger = logging.getLogger(__name__)


def drawn(specs: Mapping[str, Spec | None]) -> dict[str, Drawing | None]:
    """Specifications as SVG, each for a wide and for a narrow screen.

    Screen readers pass them by: the page says the same in words.

    Args:
        specs: name of its own among the drawings of a page -> specification, or None.

    Returns:
        Name -> drawings; None where there is no specification, or where drawing failed.
    """
    wanted = {name: spec for name, spec in specs.items() if spec is not None}
    texts = svgs(
        [
            {**spec, "width": width, "background": None, "config": _config()}
            for spec in wanted.values()
            for width in (WIDE, NARROW)
        ]
    )
    found: dict[str, Drawing | None] = dict.fromkeys(specs)
    for number, name in enumerate(wanted if texts else ()):
        wide, narrow = texts[2 * number : 2 * number + 2]
        found[name] = _fitted(wide, f"{name}-w"), _fitted(narrow, f"{name}-n")
    return found


def svgs(specs: Sequence[Spec]) -> list[str]:
    """Specifications as SVG; empty where drawing fails, which the log then tells.

    The library brings a JavaScript engine, which ends its whole process where memory is limited
    (``ulimit -v``). So it gets a process of its own, and Ctrl-C at the terminal does not reach it.
    """
    if not specs:
        return []
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _DRAWER],
            input=json.dumps(specs), capture_output=True, text=True, encoding="utf-8",
            timeout=_SECONDS, check=True, start_new_session=True,
        )  # fmt: skip
        texts = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        told = [line for line in error.stderr.splitlines() if "Error" in line]
        reason = told[-1] if told else f"their process ended with {error.returncode}"
        logger.warning("The plots of the page were not drawn (%s).", reason[:300])
        return []
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        logger.warning("The plots of the page were not drawn (%s).", error)
        return []
    return [str(text) for text in texts]


def _fitted(text: str, name: str) -> Markup:
    """A drawing as a part of the page: links lead into it, names are its own."""
    # A keyboard finds what the links lead to in the list below the plot.
    text = _LINK.sub(r'<a tabindex="-1" href="#\1"', text)
    text = _CLIP.sub(rf"\1{name}-clip", text)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


def _config() -> Spec:
    words = {"labelColor": SOFT, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {**words, "titleFontWeight": "normal", "gridColor": RULE, "domainColor": SOFT,
                 "tickColor": SOFT, "labelOverlap": True},
        # The title of the upright axis lies flat above it: fonts differ, and it needs no room.
        "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end",
                  "titleBaseline": "bottom", "titleX": -36, "titleY": -8},
        "legend": {**words, "layout": {"bottom": {"direction": "vertical", "margin": 4}},
                   "labelColor": INK, "orient": "bottom", "direction": "horizontal",
                   "columns": 3, "title": None, "columnPadding": 16, "labelLimit": 240,
                   "symbolFillColor": SOFT, "symbolStrokeColor": SOFT},
    }  # fmt: skip


def clock(end: float) -> Spec:
    """A time axis in seconds, minutes or hours."""
    unit, size = next(
        (pair for pair in (("hours", 3600), ("minutes", 60)) if end >= 3 * pair[1]), ("seconds", 1)
    )
    return {"title": unit, "grid": False, "tickCount": 6,
            "labelExpr": f"format(datum.value / {size}, '~r')"}  # fmt: skip


def coloured(field: str, names: Sequence[str]) -> Spec:
    """A colour for each name, in their order."""
    colours = [f"var(--s{n % COLOURS})" for n in range(len(names))]
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": list(names), "range": colours},
        "legend": {"symbolFillColor": {"expr": "scale('color', datum.value)"},
                   "symbolStrokeColor": {"expr": "scale('color', datum.value)"},
                   "symbolType": "circle"},
    }  # fmt: skip
