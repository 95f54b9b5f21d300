"""LangSmith traces every LangGraph run where ``LANGSMITH_TRACING`` is set; here they get a name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mle_star.context import Settings
from mle_star.runs import RunFolder

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

PATIENCE = 5.0
"""Seconds to wait at the end of a sitting for traces that were not sent yet."""

logger = logging.getLogger(__name__)


def named(folder: RunFolder, settings: Settings) -> RunnableConfig:
    """How the trace of a run is called and found again; empty where nothing is traced."""
    if not _is_on():
        return {}
    task = Path(str(folder.record().get("task", ""))).name
    return {
        "run_name": f"mle-star {task}",
        "tags": ["mle-star", settings.preset],
        "metadata": {
            "run": str(folder.path),
            "task": task,
            "preset": settings.preset,
            "model": settings.model or settings.engineer,
        },
    }


def send() -> None:
    """Wait until the traces are sent, no longer than :data:`PATIENCE`."""
    if not _is_on():
        return
    from langchain_core.tracers.langchain import get_client

    try:
        get_client().flush(timeout=PATIENCE)
    except Exception as error:  # noqa: BLE001 - a trace is never worth a run
        logger.warning("The traces were not all sent to LangSmith: %s", error)


def _is_on() -> bool:
    from langsmith.utils import tracing_is_enabled

    return bool(tracing_is_enabled())
