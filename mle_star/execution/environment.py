"""What a script finds in its environment: an allow-list, never a copy of ours."""

from __future__ import annotations

import os
from pathlib import Path

MARK = "MLE_STAR_PROCESS"
"""Variable whose random value marks every process of a script, so that strays are found."""

_THREADS = (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "PYTHON_CPU_COUNT",
)
# Where libraries of the system or an accelerator are: paths and numbers, no secrets.
_PASSED_ON = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


def script_environment(
    folder: Path, python: str, *, seed: int, threads: int, kept: int, mark: str
) -> dict[str, str]:
    """Build the whole environment of a script.

    Args:
        folder: the job's folder; home and temporary files lie in it.
        python: the interpreter; its folder comes first in PATH.
        seed: fixes the hashing of strings, and with it the order of sets.
        threads: cores the script has at its start.
        kept: cores among them that stay its own when others begin.
        mark: random value of :data:`MARK`.
    """
    temporary = str(folder / "tmp")
    values = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    values |= dict.fromkeys(_THREADS, str(threads))
    return values | {
        # Threads of numpy's matrix products wait for each other busily: where one loses its core
        # to another script, small products take several times as long (docs/measured.md).
        "OPENBLAS_NUM_THREADS": str(min(threads, kept)),
        "PATH": os.pathsep.join([str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(folder / "home"),
        "USER": "script",
        "LOGNAME": "script",
        "TMPDIR": temporary,
        "JOBLIB_TEMP_FOLDER": temporary,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        # A waiting thread sleeps instead of spinning: without this, two scripts on two cores can
        # take 20 times as long.
        "GOMP_SPINCOUNT": "1000",
        "KMP_BLOCKTIME": "0",
        "PYTHONHASHSEED": str(seed % 2**32),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        # With -s and a clean environment this is all that -I would give; -I itself would ignore
        # the hash seed.
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        MARK: mark,
    }
