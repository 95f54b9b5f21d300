"""Predicting new rows with the solution of a run."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mle_star.errors import ArgumentError, RunError
from mle_star.execution.environment import script_environment

if TYPE_CHECKING:
    import pandas as pd

PREDICT = "predict.py"
"""Script in the solution folder: ``predict.py NEW.csv --output OUT.csv``."""


def predict(
    solution: Path | None,
    new_data: pd.DataFrame | str | Path,
    *,
    python: str,
    timeout: float | None = None,
) -> pd.DataFrame:
    """Predict new rows by the solution's ``predict.py``, in a process of its own.

    Args:
        solution: the solution folder; None where the run has none.
        new_data: a table with the columns of the task's test table, or the path of its CSV file.
        python: interpreter that ran the scripts.
        timeout: seconds it may take; None: as long as it needs.

    Returns:
        A table in the form of the submission, one row per row of ``new_data``.

    Raises:
        ArgumentError: ``new_data`` is neither a table nor a file.
        RunError: there is no solution that predicts, or it failed; the message ends with its last
            line.
    """
    import pandas as pd

    if solution is None:
        raise RunError("The run has no solution to predict with: no script ran to a score.")
    script = solution / PREDICT
    if not script.is_file():
        raise RunError(
            f"{solution} has no {PREDICT}: the run is from before there was one, so run it again."
        )
    with tempfile.TemporaryDirectory(prefix="mle-star-predict-") as place:
        folder = Path(place)
        table, output = _table(new_data, folder), folder / "predictions.csv"
        command = [python, str(script.absolute()), str(table), "--output", str(output)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=_environment(folder, python),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise RunError(
                f"{PREDICT} was not done in {timeout:g} s: give it a larger timeout."
            ) from None
        except OSError as error:
            raise RunError(f"{python} can't run {script} ({error.strerror}).") from None
        if done.returncode or not output.is_file():
            lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
            said = (last or (lines[-1] if lines else "it said nothing")).strip()
            raise RunError(f"{script} could not predict the new rows: {said}")
        return pd.read_csv(output)


def _environment(folder: Path, python: str) -> dict[str, str]:
    """What scripts get in a run, so no keys; predict.py may import what lies beside it."""
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    cores = os.cpu_count() or 1
    values = script_environment(folder, python, seed=0, threads=cores, kept=cores, mark=folder.name)
    del values["PYTHONSAFEPATH"]
    return values


def _table(new_data: pd.DataFrame | str | Path, folder: Path) -> Path:
    """The file with the new rows."""
    import pandas as pd

    if isinstance(new_data, pd.DataFrame):
        path = folder / "new.csv"
        new_data.to_csv(path, index=False)
        return path
    if not isinstance(new_data, str | Path):
        raise ArgumentError(
            f"predict() takes as 'new_data' a DataFrame or the path of a CSV file, not "
            f"{type(new_data).__name__}: pass the columns of the test table."
        )
    path = Path(new_data).expanduser().absolute()
    if not path.is_file():
        raise ArgumentError(
            f"predict() found no file at 'new_data' ({path}): pass a DataFrame or the path of a "
            "CSV file."
        )
    return path
