"""The run folder: what a run leaves on disk, and how it is read back."""

from mle_star.runs.events import EventLog, Tail, read_events
from mle_star.runs.folder import RunFolder, write_json
from mle_star.runs.listing import RunSummary, find_run, list_runs

__all__ = [
    "EventLog",
    "RunFolder",
    "RunSummary",
    "Tail",
    "find_run",
    "list_runs",
    "read_events",
    "write_json",
]
