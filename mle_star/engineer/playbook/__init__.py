"""The playbook engineer: writes and refines scripts from a library of models and strategies."""

from __future__ import annotations

from mle_star.engineer.playbook.playbook import PlaybookEngineer

__all__ = ["PlaybookEngineer"]
