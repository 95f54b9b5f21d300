"""Who thinks: the protocol, and the engineers that keep it."""

from __future__ import annotations

from mle_star.engineer.base import (
    Brief,
    Engineer,
    Extraction,
    LeakageReport,
    Lesson,
    MemberView,
    ModelCard,
    Study,
    Tried,
    UsageReport,
)
from mle_star.engineer.policy import Policy, read_lessons
from mle_star.engineer.team import Choice, Team, choose, make_team

__all__ = [
    "Brief",
    "Choice",
    "Engineer",
    "Extraction",
    "LeakageReport",
    "Lesson",
    "MemberView",
    "ModelCard",
    "Policy",
    "Study",
    "Team",
    "Tried",
    "UsageReport",
    "choose",
    "make_team",
    "read_lessons",
]
