"""``mcp``: the server that coding assistants talk to."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from mle_star.errors import MissingExtra


def serve_assistant(folder: Path) -> None:
    """Serve the runs of a folder on stdin and stdout.

    Raises:
        MissingExtra: the protocol's package is not installed.
    """
    if importlib.util.find_spec("mcp") is None:
        raise MissingExtra("mcp", "mcp", "mle-star mcp")
    from mle_star.mcp.server import serve

    serve(folder)
