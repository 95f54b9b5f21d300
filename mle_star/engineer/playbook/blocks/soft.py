"""What lies behind handed-in labels: the probabilities or numbers that ensembles average.

The form of the two files is that of :mod:`mle_star.scoring.soft`.
"""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.data import zero_one
from mle_star.engineer.playbook.blocks.facts import Facts


def writes_soft(facts: Facts) -> bool:
    """Whether labels are cut from something softer, and files can hold it."""
    if not facts.labels or not (facts.learning != "regression" or facts.ordinal):
        return False
    task = facts.brief.task
    return task.id is None or task.id not in {str(label) for label in task.classes}


def kept(facts: Facts) -> list[str]:
    """Lines that keep what the models gave, before it is cut into labels."""
    if not writes_soft(facts):
        return []
    return [
        "# Ensembles average what the models gave, not the labels that are cut from it.",
        "soft, soft_prediction = oof.copy(), prediction",
        "",
    ]


def written(facts: Facts) -> list[str]:
    """Lines that write it, with the rows and ids of the two files of labels."""
    if not writes_soft(facts):
        return []
    task, values, columns = facts.brief.task, "values", "CLASSES"
    if facts.several:
        columns = "TARGETS" if task.prediction_columns == task.target else "PREDICTED"
    elif facts.learning == "regression":
        columns = "[TARGET]" if task.prediction_columns == task.target else "PREDICTED"
    elif facts.learning == "binary":
        values = "np.column_stack([1 - values, values])"
        columns = "[0, 1]" if zero_one(facts) else "CLASSES"
    keyed = task.id in task.submission_columns
    parts = [
        f'("oof", {"train[scored], " if keyed else ""}soft[scored])',
        f'("submission", {"test, " if keyed else ""}soft_prediction)',
    ]
    return [
        f"for name, {'rows, ' if keyed else ''}values in [{', '.join(parts)}]:",
        f"    table = pd.DataFrame({values}, columns={columns})",
        *(["    table.insert(0, ID, rows[ID].to_numpy())"] if keyed else []),
        '    table.to_csv(f"final/{name}_soft.csv", index=False, float_format="%.6g")',
    ]
