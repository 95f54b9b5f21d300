"""Running scripts that nobody trusts: see :mod:`mle_star.execution.base` for the protocol."""

from mle_star.execution.base import (
    Artefact,
    Capture,
    Execution,
    Executor,
    Isolation,
    Job,
    Limits,
    ScriptError,
)
from mle_star.execution.cache import CachedExecutor
from mle_star.execution.cages import LEVELS, Level, choose_level
from mle_star.execution.key import job_key
from mle_star.execution.packages import installed_packages
from mle_star.execution.process import LocalExecutor
from mle_star.execution.race import FoldLine, Race, paired_spread, race_against
from mle_star.execution.registry import reap_stale
from mle_star.execution.scoreline import ScoreLine, parse_score_line

__all__ = [
    "LEVELS",
    "Artefact",
    "CachedExecutor",
    "Capture",
    "Execution",
    "Executor",
    "FoldLine",
    "Isolation",
    "Job",
    "Level",
    "Limits",
    "LocalExecutor",
    "Race",
    "ScoreLine",
    "ScriptError",
    "choose_level",
    "installed_packages",
    "job_key",
    "paired_spread",
    "parse_score_line",
    "race_against",
    "reap_stale",
]
