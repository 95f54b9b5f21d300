"""``solution/README.md``: what the folder is, how it is used, and what is where."""

from __future__ import annotations

import sys

from mle_star.state import Score, Trial
from mle_star.tasks import TaskSpec

_FEWER = (
    "There was no time for a run on all data, or it failed, so the submission that was handed over "
    "comes from a run on fewer training rows. run.py trains on all rows and so differs from it."
)


def readme(spec: TaskSpec, winner: Trial, members: list[Trial], source: str) -> str:
    """The text, in Markdown.

    Args:
        spec: the task.
        winner: the script, or the ensemble, whose submission was handed in.
        members: trials of its members, in order.
        source: ``full``, ``part`` or ``search``: the view the submission came from.
    """
    scripts = [f"- `scripts/member_{n}.py`: {member['label']}" for n, member in enumerate(members)]
    scripts.append(f"- `scripts/{'ensemble' if members else 'model'}.py`: {winner['label']}")
    parts = [
        f"# Solution for {spec.name}",
        f"{winner['label']}. Judged by {spec.metric} ({spec.direction}).",
        "\n".join(_scores(winner["score"])),
        _FEWER if source in ("part", "search") else "",
        "## Use it",
        _use(spec),
        "## What is where",
        "\n".join([*_files(spec), *scripts]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _use(spec: TaskSpec) -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    lines = [
        f"Nothing of mle-star is needed. With Python {python} (the run's version):",
        "",
        "    pip install -r requirements.txt",
        "    python run.py PATH_OF_THE_TASK_FOLDER",
    ]
    if spec.evaluation != "printed":
        lines.append("    python predict.py NEW_ROWS.csv --output PREDICTIONS.csv")
    lines += ["", "`run.py` fits the scripts on all labelled rows and writes submission.csv."]
    if spec.evaluation != "printed":
        lines.append(
            "`predict.py` does the same with your rows in place of the test rows. It reads the "
            "training table, so it needs the task folder: where the run found it, or "
            "`--data FOLDER`. Your file has the columns of the test table; the labels are not "
            "needed. With `--save-model` it leaves what it fitted in `model/` for later calls "
            "(scripts of the playbook's form; needs cloudpickle). These files run code when they "
            "are read: use none of a stranger's."
        )
    return "\n".join(lines)


def _files(spec: TaskSpec) -> list[str]:
    predicts = (
        ["- `predict.py`, `keeper.py`: predict new rows, keep fitted models"]
        if spec.evaluation != "printed"
        else []
    )
    return [
        "- `run.py`: from the task folder to submission.csv",
        *predicts,
        "- `notebook.ipynb`: the story of the solution, and the same as run.py step by step",
        "- `MODEL_CARD.md`: data, validation, the honest score, limits",
        "- `requirements.txt`: packages with the versions that were used",
        "- `build_input.py`, `folds.csv`, `solution.json`: how the data are prepared, the folds, "
        "what depends on what",
    ]


def _scores(score: Score | None) -> list[str]:
    if score is None:
        return []
    lines = [
        f"- validation: {score['value']:.6g} +- {score['error']:.2g} (out-of-fold, standard error)"
    ]
    if score["audit"] is not None:
        error = f" +- {score['audit_error']:.2g}" if score["audit_error"] is not None else ""
        lines.append(
            f"- audit: {score['audit']:.6g}{error} (labelled rows no script ever saw the labels of)"
        )
    if score["alarm"]:
        lines.append(f"- **leakage alarm**: {score['alarm']}")
    return lines
