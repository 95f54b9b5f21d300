"""Who thinks: the protocol, and the engineers that keep it."""

from __future__ import annotations

from mle_star.engineer.base import (
    Brief,
    Engineer,
    Extraction,
    LeakageReport,
    MemberView,
    ModelCard,
    Tried,
    UsageReport,
)
from mle_star.engineer.team import Choice, Team, choose, make_team

__all__ = [
    "Brief",
    "Choice",
    "Engineer",
    "Extraction",
    "LeakageReport",
    "MemberView",
    "ModelCard",
    "Team",
    "Tried",
    "UsageReport",
    "choose",
    "make_team",
]
