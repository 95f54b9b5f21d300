"""``repair``: mend a run folder that a crash, a full disk or a bad copy has damaged."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mle_star.cli.output import console, relative, write_json
from mle_star.report.text import clean
from mle_star.runs import find_run
from mle_star.runs.repair import repair_run


def mend(run: str | None, runs_dir: Path, *, dry_run: bool, as_json: bool) -> int:
    """Mend a run and say what was found and done; returns 1 where something can't be mended.

    Args:
        run: name or path; None: the newest.
        runs_dir: where runs lie.
        dry_run: look, change nothing.
        as_json: one JSON list instead of text.
    """
    path = _find(run, runs_dir)
    findings = repair_run(path.absolute(), dry_run=dry_run)
    if as_json:
        write_json([asdict(finding) for finding in findings])
        return int(not all(finding.mended for finding in findings))
    screen = console()
    name = clean(str(relative(path)))
    for finding in findings:
        done = f"would be {finding.done}" if dry_run and finding.mended else finding.done
        screen.print(
            f"{clean(finding.file)}: {clean(finding.found)}; {clean(done)}.", soft_wrap=True
        )
    if not findings:
        screen.print(f"{name} is sound: nothing to mend.", soft_wrap=True)
    elif not all(finding.mended for finding in findings):
        screen.print(f"{name} can't be mended as a whole.", soft_wrap=True)
        return 1
    else:
        after = "repair without --dry-run, then" if dry_run else "go on with:"
        screen.print(f"{after} mle-star resume {name}", soft_wrap=True)
    return 0


def _find(run: str | None, runs_dir: Path) -> Path:
    """Also a folder whose run.json is gone, when it is named."""
    for path in (Path(run), runs_dir / run) if run else ():
        if (path / "events.jsonl").is_file() or (path / "task.json").is_file():
            return path
    return find_run(run, runs_dir)
