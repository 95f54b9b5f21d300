"""Combining scored scripts: which way to try next, and the script that does it."""

from __future__ import annotations

from mle_star.engineer.playbook.ensembles.plans import plan_ensemble
from mle_star.engineer.playbook.ensembles.writer import ensemble

__all__ = ["ensemble", "plan_ensemble"]
