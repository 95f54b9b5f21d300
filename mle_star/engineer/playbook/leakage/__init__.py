"""Are validation or test rows used to fit anything? A static check, and rewrites of common cases.

The script is run on abstract values (:mod:`.values`) that know which rows they hold and which they
have learnt from, so the check does not depend on how a script is laid out or what its variables are
called. What it can't follow it takes for clean.
"""

from __future__ import annotations

from mle_star.engineer.base import Brief, LeakageReport
from mle_star.engineer.playbook.leakage.fixes import fix_leakage
from mle_star.engineer.playbook.leakage.report import block_of, find_leaks, worst

__all__ = ["check_leakage", "fix_leakage"]


def check_leakage(brief: Brief, script: str, evidence: str = "") -> LeakageReport:
    """The worst leak of a script.

    Args:
        brief: the task.
        script: any Python source; one that can't be parsed is reported clean, running it will tell.
        evidence: what the harness measured; with it, mild leaks count as well.
    """
    leak = worst(find_leaks(brief, script), strict=bool(evidence))
    if leak is None:
        return LeakageReport(leaking=False)
    return LeakageReport(leaking=True, block=block_of(script, leak), reason=leak.reason)
