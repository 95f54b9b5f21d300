"""What members' predictions are, as numbers: it decides how they can be combined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mle_star.engineer.base import MemberView
from mle_star.errors import NoAnswer
from mle_star.scoring.soft import soft_form
from mle_star.tasks.spec import TaskSpec

Form = Literal["values", "grades", "shares", "classes", "votes", "codes", "soft", "places"]
"""
values   numbers, one column per target
grades   ordinal labels that are numbers: combined as numbers, handed in as the nearest class
shares   a probability per target, each for itself
classes  a probability per class of one target
votes    labels of one target: every member gives its class one vote
codes    labels of several targets: only majority votes
soft     a probability per class of one target, whose label is cut from their combination
places   what ordinal labels of one target are cut from: places among the classes, with a fraction
"""


def form_of(task: TaskSpec, members: Sequence[MemberView]) -> Form:
    """How the predictions of these members are combined.

    Labels are combined by what they were cut from where all members wrote it.

    Raises:
        NoAnswer: the predictions are not numbers or labels of known classes.
    """
    if not task.prediction_columns:
        raise NoAnswer("There is no prediction column to combine.")
    if task.per_class:
        return "classes"
    if task.prediction == "probability":
        return "shares"
    if task.prediction == "value" or task.kind == "regression":
        return "values"
    if not task.classes:
        raise NoAnswer("The labels of this task are not known, so votes can't be counted.")
    if len(task.prediction_columns) == 1 and all(member.soft for member in members):
        return "places" if soft_form(task) == "grades" else "soft"
    numbers = all(isinstance(c, int | float) and not isinstance(c, bool) for c in task.classes)
    if task.kind == "ordinal" and numbers:
        return "grades"
    return "votes" if len(task.prediction_columns) == 1 else "codes"
