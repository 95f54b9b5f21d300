"""``studio``: the local server that LangGraph Studio talks to."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path

from mle_star.cli.output import console
from mle_star.errors import MissingExtra, UserError

ENVIRONMENT = {
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
}
"""Nothing leaves the machine unless the caller's environment says otherwise."""

RUNS_AT_ONCE = 4
"""Threads whose runs go on side by side; further ones wait."""

CONFIG = {"dependencies": ["."], "graphs": {"mle-star": "mle_star.graph:graph"}}


def start_server(host: str, port: int) -> None:
    """Replace this process by ``langgraph dev``.

    Raises:
        MissingExtra: the server's packages are not installed.
        UserError: the port is not a port.
    """
    for package in ("langgraph_cli", "langgraph_api"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, "studio", "mle-star studio")
    if not 1 <= port <= 65535:
        raise UserError(f"Port {port} is not one: use a number from 1 to 65535.")
    base = f"http://{host}:{port}"
    screen = console(stderr=True)
    screen.print(f"Studio: https://smith.langchain.com/studio/?baseUrl={base}", soft_wrap=True)
    screen.print(f"API:    {base}/docs (stop the server with Ctrl-C)", soft_wrap=True)
    command = [
        sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload",
        "--n-jobs-per-worker", str(RUNS_AT_ONCE),
        "--host", host, "--port", str(port), "--config", str(configuration()),
    ]  # fmt: skip
    os.execve(sys.executable, command, {**ENVIRONMENT, **os.environ})


def configuration() -> Path:
    """``langgraph.json`` of the working directory if it is about our graph, else one that is."""
    own = Path("langgraph.json")
    if own.is_file() and "mle_star.graph" in own.read_text(encoding="utf-8"):
        return own
    folder = Path(tempfile.mkdtemp(prefix="mle-star-studio-"))
    written = folder / "langgraph.json"
    written.write_text(json.dumps(CONFIG), encoding="utf-8")
    return written
