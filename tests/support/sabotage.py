"""The playbook with a slip of the pen in every first script, to see its debugger at work."""

from __future__ import annotations

from dataclasses import replace

from mle_star.engineer import Brief, ModelCard
from mle_star.engineer.playbook import PlaybookEngineer


class Sabotaged(PlaybookEngineer):
    """Forgets an import in what it writes."""

    def write(self, brief: Brief, card: ModelCard) -> str:
        return super().write(brief, card).replace("import pandas as pd\n", "", 1)

    def merge(self, brief: Brief, base: str, reference: str) -> str:
        # Merges although the average is known not to help, so that the run has every phase.
        return super().merge(replace(brief, average_score=None), base, reference)


def factory() -> Sabotaged:
    """What ``--engineer tests.support.sabotage:factory`` names."""
    return Sabotaged()
