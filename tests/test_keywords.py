"""The settings as keywords: the generated file says what Context says."""

from __future__ import annotations

import os
import textwrap
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from mle_star import keywords
from mle_star.context import Context

ROOT = Path(__file__).parents[1]
HEAD = '''"""The settings of a run as keywords, so that an editor completes them.

Written from :class:`mle_star.context.Context` by ``UPDATE_GOLDEN=1 pytest tests/test_keywords.py``;
change it there.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class SettingsKeywords(TypedDict, total=False):
    """Fields of :class:`mle_star.context.Context`; what is left out is decided as there."""

'''


def written(kind: Any) -> str:
    """A type as one writes it."""
    if kind is type(None):
        return "None"
    if get_origin(kind) is Literal:
        return "Literal[" + ", ".join(f'"{value}"' for value in get_args(kind)) + "]"
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(map(written, get_args(kind)))
    if get_origin(kind):
        return f"{get_origin(kind).__name__}[{', '.join(map(written, get_args(kind)))}]"
    return str(kind.__name__)


def module() -> str:
    """The text of mle_star/keywords.py."""
    parts = [HEAD]
    for name, info in Context.model_fields.items():
        text = str(info.description).rstrip(".") + "."
        doc = textwrap.fill(
            f'"""{text[0].upper()}{text[1:]}"""',
            100,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        parts.append(f"    {name}: {written(info.annotation)}\n{doc}\n")
    return "".join(parts)


def test_the_file_says_what_the_context_says() -> None:
    path = ROOT / "mle_star" / "keywords.py"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(module(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == module(), "UPDATE_GOLDEN=1 writes it again"


def test_every_setting_is_a_keyword_of_its_type() -> None:
    hints = typing.get_type_hints(keywords.SettingsKeywords)
    assert list(hints) == list(Context.model_fields)
    for name, info in Context.model_fields.items():
        assert written(hints[name]) == written(info.annotation), name
