"""Drawing Vega-Lite specifications to SVG, by vl-convert.

Colours are the page's own (CSS variables), so that one drawing serves light and dark. Texts are
data of a specification, never a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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

Spec = dict[str, Any]


def draw(spec: Spec, name: str) -> Markup:
    """A specification as SVG. Screen readers pass it by: the page says the same in words.

    Args:
        spec: what to draw.
        name: the drawing's own among those of a page.
    """
    import vl_convert

    text = vl_convert.vegalite_to_svg({**spec, "background": None, "config": _config()})
    # Links lead to the page itself; a keyboard finds the same list below the plot.
    text = _LINK.sub(r'<a tabindex="-1" href="#\1"', text)
    text = _CLIP.sub(rf"\1{name}-clip", text)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


def both(spec: Spec | None, name: str) -> tuple[Markup, Markup] | None:
    """A specification drawn for a wide and for a narrow screen; None where there is none."""
    if spec is None:
        return None
    return draw({**spec, "width": WIDE}, f"{name}-w"), draw({**spec, "width": NARROW}, f"{name}-n")


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
