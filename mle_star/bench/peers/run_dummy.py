"""The constant that every system should beat: mean or median, commonest class, class shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_job, peer_metrics, peer_tables
else:
    import peer_job
    import peer_metrics
    import peer_tables


def main() -> None:
    """Hand in a constant."""
    data = peer_tables.load(peer_job.read_job())
    job, problems = data.job, data.problems
    peer_job.write_report(job, "constant")
    rows = len(problems[0].y)
    if any(len(problem.y) != rows for problem in problems):
        return
    truth = np.hstack([problem.true(problem.y) for problem in problems])
    constant = np.hstack([problem.constant(rows) for problem in problems])
    validation = peer_metrics.score(job.task, truth, constant, job.public)
    peer_job.write_report(job, "constant", validation)


if __name__ == "__main__":
    main()
