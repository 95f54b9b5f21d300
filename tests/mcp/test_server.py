"""The server as a client sees it: tools, resources, instructions; and the page about it."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
import typer.main
from mcp import Client, MCPError
from mcp.types import TextResourceContents

from mle_star.cli.app import app
from mle_star.context import Context
from mle_star.mcp.limits import OPEN
from mle_star.mcp.server import make_server
from tests.cli.journal import finished_run, write_run

PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")


def tools_of(folder: Path) -> list[Any]:
    async def ask() -> list[Any]:
        async with Client(make_server(folder)) as client:
            return list((await client.list_tools()).tools)

    return anyio.run(ask)


def read(folder: Path, uri: str) -> TextResourceContents | str:
    """The resource, or why there is none."""

    async def ask() -> TextResourceContents | str:
        async with Client(make_server(folder)) as client:
            try:
                [found] = (await client.read_resource(uri)).contents
            except MCPError as error:
                return str(error)
            assert isinstance(found, TextResourceContents)
            return found

    return anyio.run(ask)


def test_every_tool_says_what_it_takes_and_answers(tmp_path: Path) -> None:
    for tool in tools_of(tmp_path):
        assert len(tool.description) > 20
        assert tool.output_schema["properties"]
        assert tool.annotations.destructive_hint is not True
        for name, field in tool.input_schema["properties"].items():
            assert "description" in field, f"{tool.name}.{name}"


def test_the_table_of_the_page_is_the_list_of_tools(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", PAGE, flags=re.MULTILINE)
    said = {name: (re.findall(r"`(\w+)`", arguments), text) for name, arguments, text in rows}
    there = {
        tool.name: (list(tool.input_schema["properties"]), first_line(tool.description))
        for tool in tools_of(tmp_path)
    }
    assert said == there


def first_line(text: str) -> str:
    return inspect.cleandoc(text).partition("\n")[0]


def test_the_configurations_of_the_page_start_this_command() -> None:
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in map(json.loads, blocks):
        [servers] = block.values()
        words = servers["mle-star"]["args"]
        assert servers["mle-star"]["command"] == "mle-star"
        command = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
        command.make_context(words[0], words[1:])  # parses, and runs nothing
        settings = servers["mle-star"].get("env", {})
        assert {name.removeprefix("MLE_STAR_").lower() for name in settings} <= OPEN


def test_tools_take_settings_and_none_that_reaches_beyond_the_run() -> None:
    assert set(Context.model_fields) > OPEN
    guarded = {"sandbox", "python", "container_image", "base_url", "search_url", "prices"}
    assert not OPEN & (guarded | {"replay", "memory", "mlflow", "runs_dir"})


def test_a_client_is_taught_how_to_use_it(tmp_path: Path) -> None:
    async def ask() -> tuple[str, str]:
        async with Client(make_server(tmp_path)) as client:
            info = client.server_info
            return client.instructions or "", info.name if info else ""

    instructions, name = anyio.run(ask)
    assert name == "mle-star"
    named = set(
        re.findall(r"\b(\w+_(?:run|task|runs|script|scripts|report|status))\b", instructions)
    )
    assert named <= {tool.name for tool in tools_of(tmp_path)}
    assert {"inspect_task", "start_run", "wait_for_run", "tell_run", "read_run"} <= named


def test_files_of_a_run_are_resources(tmp_path: Path) -> None:
    run = write_run(tmp_path / "houses", finished_run())
    submission, events = (
        read(tmp_path, f"run://houses/{name}") for name in ("submission", "events")
    )
    assert not isinstance(submission, str)
    assert not isinstance(events, str)
    assert (submission.mime_type, submission.text) == ("text/csv", "id,price\n")
    assert events.mime_type == "application/x-ndjson"
    assert events.text == (run / "events.jsonl").read_text(encoding="utf-8")
    named = set(re.findall(r"run://NAME/(\w+)", PAGE))
    assert named == {"report", "events", "submission", "script"}


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("run://houses/report", "There is no report.html in houses yet"),
        ("run://houses/script", "is not in the run folder any more"),
        ("run://nobody/events", "There is no run 'nobody'"),
        ("run://../events", "events"),
        ("run://houses%2F..%2Fhouses/events", "There is no run 'houses/../houses'"),
    ],
)
def test_a_resource_that_is_not_there_is_refused(tmp_path: Path, uri: str, said: str) -> None:
    write_run(tmp_path / "houses", finished_run())
    refused = read(tmp_path, uri)
    assert isinstance(refused, str)
    assert said in refused
