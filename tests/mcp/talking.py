"""Talking to a server in this process by the official client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.types import CallToolResult, TextContent

from mle_star.mcp.server import make_server


def call(folder: Path, tool: str, /, **arguments: Any) -> CallToolResult:
    """Call one tool of a server for the runs in ``folder``."""

    async def talk() -> CallToolResult:
        async with Client(make_server(folder)) as client:
            return await client.call_tool(tool, arguments)

    return anyio.run(talk)


def text_of(result: CallToolResult) -> str:
    """The text that an assistant reads."""
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


def answer(result: CallToolResult) -> dict[str, Any]:
    """The fields of an answer that is no error."""
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


def refusal(folder: Path, tool: str, /, **arguments: Any) -> str:
    """What a tool says that can't do what it is asked."""
    result = call(folder, tool, **arguments)
    assert result.is_error
    assert "\n" not in text_of(result)
    return text_of(result)
