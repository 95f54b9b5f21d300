"""The resources: files of a run that a client can attach to a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mle_star.errors import MleStarError
from mle_star.mcp.looking import script_in
from mle_star.mcp.places import Runs
from mle_star.report.writing import PAGE
from mle_star.runs import RunFolder

LARGEST = 20_000_000
"""Bytes of a file that is sent."""


def add_resources(server: MCPServer[Any], runs: Runs) -> None:
    """Give a server the resources of the runs."""

    @server.resource("run://{name}/report", name="report", mime_type="text/html")
    def report(name: str) -> str:
        """The run's page: everything tried, plots, bill, settings. One file, no network."""
        return _read(_find(runs, name) / PAGE)

    @server.resource("run://{name}/events", name="events", mime_type="application/x-ndjson")
    def events(name: str) -> str:
        """The journal: one JSON object per line, oldest first."""
        return _read(_find(runs, name) / "events.jsonl")

    @server.resource("run://{name}/submission", name="submission", mime_type="text/csv")
    def submission(name: str) -> str:
        """The submission."""
        return _read(RunFolder(_find(runs, name)).submission)

    @server.resource("run://{name}/script", name="script", mime_type="text/x-python")
    def script(name: str) -> str:
        """The best script."""
        try:
            return script_in(_find(runs, name), "best").text
        except MleStarError as error:
            raise ResourceNotFoundError(str(error)) from None


def _find(runs: Runs, name: str) -> Path:
    try:
        return runs.find(name)
    except MleStarError as error:
        raise ResourceNotFoundError(str(error)) from None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ResourceError(f"{path} is too large to be sent: read the file itself.")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise ResourceNotFoundError(
            f"There is no {path.name} in {path.parent.name} yet: it comes when the run has ended."
        ) from None
