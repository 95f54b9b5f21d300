"""What the blocks need to know about a task, read off the brief once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from mle_star.engineer.base import Brief
from mle_star.errors import NoAnswer
from mle_star.tasks.profile import ColumnProfile
from mle_star.tasks.spec import Label

Learning = Literal["regression", "binary", "multiclass"]
"""What a single model learns: ordinal targets as numbers, several labels one by one."""

_ABSOLUTE = {"mae", "median_ae", "mape", "smape"}
_LOGARITHMIC = {"rmsle", "mean_columnwise_rmsle"}


@dataclass(frozen=True)
class Facts:
    """A task as the script's blocks see it. Every list of columns is in table order."""

    brief: Brief

    @property
    def rows(self) -> int:
        """Training rows of the search view."""
        return self.brief.rows

    @property
    def fit_rows(self) -> int:
        """Rows one fold's model is fitted on, about."""
        return max(1, int(self.brief.rows * (1 - 1 / max(self.brief.folds + self.ordered, 2))))

    @property
    def targets(self) -> list[str]:
        """Label columns."""
        return self.brief.task.target

    @property
    def several(self) -> bool:
        """Whether there is more than one target."""
        return len(self.targets) > 1

    @property
    def classes(self) -> list[Label]:
        """Labels in sorted order."""
        return self.brief.task.classes

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.brief.task.metric

    @property
    def ordered(self) -> bool:
        """Whether fold k is predicted from earlier rows only."""
        return bool(self.brief.task.time)

    @property
    def labels(self) -> bool:
        """Whether the submission holds labels."""
        return self.brief.task.prediction == "label"

    @cached_property
    def learning(self) -> Learning:
        """The learning problem of one model.

        Raises:
            NoAnswer: the playbook has no script for this kind of task.
        """
        task = self.brief.task
        if not task.target:
            raise NoAnswer("The playbook writes scripts for tables with a target column only.")
        if len(task.prediction_columns) != (
            len(task.classes) if task.per_class else len(task.target)
        ):
            raise NoAnswer(
                "The playbook writes one column per target, or one per class, and the submission "
                "has others."
            )
        if task.kind == "regression" or (
            task.kind == "ordinal" and task.prediction != "probability"
        ):
            return "regression"
        if task.kind in ("binary", "multilabel") and len(task.classes) == 2:
            return "binary"
        if task.kind in ("multiclass", "ordinal") and not self.several:
            return "multiclass"
        if task.kind == "other" and self.brief.profile.target_min is not None:
            return "regression"
        raise NoAnswer(
            f"The playbook has no script for a task of kind {task.kind!r} like this one."
        )

    @property
    def ordinal(self) -> bool:
        """Whether numbers are learnt and grades handed in."""
        return self.learning == "regression" and bool(self.classes) and self.labels

    @property
    def grades(self) -> bool:
        """Whether the classes are consecutive whole numbers, so that rounding gives one."""
        return _consecutive(self.classes)

    @property
    def quantile(self) -> float | None:
        """Quantile that a pinball loss asks for; 0.5 for the metrics that the median minimises."""
        if self.metric in _ABSOLUTE:
            return 0.5
        match = re.fullmatch(r"pinball(?:[:_](0?\.\d+))?", self.metric)
        return float(match[1] or 0.5) if match else None

    @property
    def loss(self) -> Literal["squared", "absolute", "quantile"]:
        """The regression loss that the metric asks for."""
        if self.quantile is None:
            return "squared"
        return "absolute" if self.quantile == 0.5 else "quantile"

    @property
    def logarithmic(self) -> bool:
        """Whether the metric compares logarithms, so that models should learn log(1 + y)."""
        return self.metric in _LOGARITHMIC

    @cached_property
    def _used(self) -> list[ColumnProfile]:
        skipped = {*self.targets, self.brief.task.id, self.brief.task.group}
        alone = self.brief.task.test is None
        columns = [c for c in self.brief.profile.columns if c.in_test or alone]
        return [c for c in columns if c.name not in skipped]

    def _named(self, *roles: str) -> list[str]:
        return [c.name for c in self._used if _role(c) in roles]

    @cached_property
    def numeric(self) -> list[str]:
        """Columns used as numbers, true/false columns included."""
        return self._named("numeric", "dirty", "boolean")

    @cached_property
    def dirty(self) -> list[str]:
        """Numeric columns that pandas reads as text."""
        return self._named("dirty")

    @cached_property
    def infinite(self) -> list[str]:
        """Numeric columns with infinite values, or numbers too large for 32 bits."""
        return [c.name for c in self._used if c.name in self.numeric and _has_infinite(c)]

    @cached_property
    def hollow(self) -> list[str]:
        """Numeric columns with so few values that the fitting rows of a fold may have none."""
        used = [c for c in self._used if c.name in self.numeric]
        return [c.name for c in used if (1 - c.missing) * self.brief.profile.rows < 20]

    @cached_property
    def lone(self) -> bool:
        """Whether the fitting rows of a fold may all be of one class."""
        least = self.least_class
        split = self.ordered or self.brief.task.group is not None
        return least is not None and (least < 2 or (split and least < 50))

    @property
    def least_class(self) -> int | None:
        """Rows of the rarest class; None where there are no classes."""
        shares = self.brief.profile.class_shares
        if self.learning == "regression" or not shares:
            return None
        return int(min(shares.values()) * self.brief.profile.rows + 0.5)

    @cached_property
    def boolean(self) -> list[str]:
        """True/false columns."""
        return self._named("boolean")

    @cached_property
    def categorical(self) -> list[str]:
        """Columns of categories, strings or codes."""
        return self._named("categorical")

    @cached_property
    def text(self) -> list[str]:
        """Columns of free text."""
        return self._named("text")

    @cached_property
    def datetime(self) -> list[str]:
        """Columns to be parsed as points in time."""
        return self._named("datetime")

    @cached_property
    def markers(self) -> dict[str, list[str]]:
        """Strings that stand for a missing value, by categorical, text or datetime column."""
        skipped = {"numeric", "dirty", "boolean", "unused"}
        return {c.name: c.markers for c in self._used if c.markers and _role(c) not in skipped}

    @cached_property
    def numeral(self) -> bool:
        """Whether some categories look like numbers, which pandas could take them for."""
        columns = [c for c in self._used if c.name in self.categorical]
        return any(re.fullmatch(r"[-+]?\d+(\.\d*)?", e) for c in columns for e in c.examples)

    @cached_property
    def gaps(self) -> bool:
        """Whether any numeric table column can hold missing values."""
        return bool(self.dirty or self.datetime or self.infinite or self.pictures) or any(
            c.missing > 0 for c in self._used if c.name in self.numeric
        )

    @cached_property
    def odd_names(self) -> bool:
        """Whether column names hold characters that LightGBM or XGBoost refuse."""
        names = [*self.numeric, *self.categorical, *self.datetime, *self.text]
        return any(re.search(r"[^\w .()/%+\-]", name) for name in names)

    @property
    def pictures(self) -> str | None:
        """Column that names an image file for each row, where there are images and a reader."""
        return self.brief.profile.picture_column if "PIL" in self.brief.installed else None

    @property
    def dense(self) -> bool:
        """Whether ``make_features`` yields columns other than raw text."""
        return bool(self.numeric or self.categorical or self.datetime or self.pictures)

    @property
    def drop_text(self) -> bool:
        """Whether a model on numbers has raw text columns to leave aside."""
        return bool(self.text)

    def column(self, name: str) -> ColumnProfile:
        """Profile of a feature column."""
        return self.brief.profile.column(name)


def _role(column: ColumnProfile) -> str:
    """How a script uses a column: a column kind, or dirty, or unused."""
    number = column.dtype.startswith(("int", "uint", "float"))
    if column.dirty or (column.kind == "numeric" and not number):
        return "dirty"
    if column.kind in ("boolean", "numeric", "datetime") and number:
        # Drift is measured between numbers, so that its lack says that the test table holds text.
        return "dirty" if column.in_test and column.drift is None else "numeric"
    if column.kind == "boolean":
        return "boolean" if _says_true_or_false(column) else "categorical"
    return column.kind if column.kind in ("categorical", "text", "datetime") else "unused"


def _has_infinite(column: ColumnProfile) -> bool:
    return any("inf" in marker.lower() for marker in column.markers)


def _says_true_or_false(column: ColumnProfile) -> bool:
    """Whether pandas reads the column as bool (or as bools with gaps)."""
    values = {example.strip() for example in column.examples}
    return column.dtype == "bool" or (column.dtype == "object" and values <= {"True", "False"})


def _consecutive(classes: list[Label]) -> bool:
    """Whether the classes are whole numbers without a gap."""
    numbers = [c for c in classes if isinstance(c, int | float) and not isinstance(c, bool)]
    if len(numbers) < len(classes) or not numbers:
        return False
    return (
        numbers == [numbers[0] + i for i in range(len(numbers))] and float(numbers[0]).is_integer()
    )


def literal(value: object) -> str:
    """A Python literal with double quotes where that is possible, as formatters write it."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        plain = value.isprintable() and text == f'"{value}"'
        return text if plain else repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return repr(value)


def assignment(name: str, values: list[str] | list[Label] | dict[str, list[str]]) -> str:
    """``name = [...]``, wrapped to lines of at most 100 characters where that is possible."""
    line = f"{name} = {literal(values)}"
    if len(line) <= 100:
        return line
    if isinstance(values, dict):
        items = [f"{literal(key)}: {literal(value)}," for key, value in values.items()]
    else:
        items = [f"{literal(value)}," for value in values]
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) + 5 > 100:
            lines.append("")
        lines[-1] = f"{lines[-1]} {item}".strip()
    opening, closing = ("{", "}") if isinstance(values, dict) else ("[", "]")
    return "\n".join([f"{name} = {opening}", *(f"    {text}" for text in lines), closing])
