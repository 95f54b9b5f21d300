"""The language-model engineer: one prompt per agent, answers turned into types."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from mle_star.context import Settings
from mle_star.engineer.llm.engineer import LLMEngineer

if TYPE_CHECKING:
    from mle_star.models.client import Client

__all__ = ["LLMEngineer", "make_llm_engineer"]


def make_llm_engineer(
    settings: Settings, folder: Path | None, stopping: threading.Event
) -> tuple[LLMEngineer, Client]:
    """Build the engineer and its line to the models.

    Args:
        settings: models, search, caps.
        folder: the run folder, for answers and the bill; None keeps them in memory.
        stopping: set when the run is asked to stop.

    Raises:
        SettingsError: settings that don't fit together.
        MissingExtra: a model's package is not installed.
    """
    from mle_star.models.client import Client
    from mle_star.search import make_search

    client = Client(settings, folder=folder, stopping=stopping)
    search = make_search(settings, client=client, stopping=stopping, folder=folder)
    engineer = LLMEngineer(
        client,
        search,
        tries=settings.answer_tries,
        prompt_tokens=settings.prompt_tokens,
        exclude=settings.search_exclude,
    )
    return engineer, client
