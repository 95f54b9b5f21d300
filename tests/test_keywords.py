"""The settings as keywords: the generated file says what Context says, and editors see it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest

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


SAMPLE = """
import mle_star
from mle_star.events import ScriptFinished

result = mle_star.solve("task", preset="quick", time_budget=60, models={"code": "openai:gpt-4.1"})
reveal_type(result)
reveal_type(result.score)
reveal_type(result.trials_frame)
reveal_type(result.predict("new.csv"))
reveal_type(mle_star.load("run").events)
for item in mle_star.stream("task", num_solutions=2):
    reveal_type(item)
    if isinstance(item, ScriptFinished):
        reveal_type(item.score)


async def main() -> None:
    reveal_type(await mle_star.asolve("task", seed=1))
    async for item in mle_star.astream("task"):
        reveal_type(item)


mle_star.resume("run", time_budget=3600)
mle_star.solve("task", preset="slow")
mle_star.solve("task", time_budged=60)
"""
REVEALED = (
    "mle_star.graph.result.Result",
    "mle_star.graph.result.FinalScore | None",
    "pandas.DataFrame",
    "pandas.DataFrame",
    "list[mle_star.events.Event]",
    "mle_star.events.Event | mle_star.graph.result.Result",
    "float | None",
    "mle_star.graph.result.Result",
    "mle_star.events.Event | mle_star.graph.result.Result",
)


@pytest.mark.slow
def test_a_type_checker_knows_everything(tmp_path: Path) -> None:
    """What mypy reveals is what an editor completes from."""
    import re

    sample = tmp_path / "sample.py"
    sample.write_text(SAMPLE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--follow-imports=silent", "--no-color-output", sample],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    revealed = [
        text.replace("pandas.core.frame.", "pandas.").replace("builtins.", "")
        for text in re.findall(r'Revealed type is "(.+)"', done.stdout)
    ]
    assert revealed == list(REVEALED), done.stdout + done.stderr
    errors = re.findall(r"error: (.+)", done.stdout)
    assert len(errors) == 2, done.stdout
    assert 'Literal["quick"' in errors[0] or "Literal['quick'" in errors[0]
    assert "time_budged" in errors[1]
