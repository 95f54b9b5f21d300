"""Tasks: what a folder asks for, what its data look like, and what scripts may see of them."""

from __future__ import annotations

from mle_star.tasks.building import build_part, build_views
from mle_star.tasks.loading import load_task
from mle_star.tasks.metrics import METRICS, Metric, get_metric, loss_of
from mle_star.tasks.profile import ColumnKind, ColumnProfile, DataProfile
from mle_star.tasks.profiling import profile_task
from mle_star.tasks.recipe import full_view_recipe
from mle_star.tasks.spec import Kind, Label, Prediction, TaskSpec
from mle_star.tasks.table import forget_tables, keep_tables, read_table
from mle_star.tasks.views import AuditRows, View, Views, load_views

__all__ = [
    "METRICS",
    "AuditRows",
    "ColumnKind",
    "ColumnProfile",
    "DataProfile",
    "Kind",
    "Label",
    "Metric",
    "Prediction",
    "TaskSpec",
    "View",
    "Views",
    "build_part",
    "build_views",
    "forget_tables",
    "full_view_recipe",
    "get_metric",
    "keep_tables",
    "load_task",
    "load_views",
    "loss_of",
    "profile_task",
    "read_table",
]
