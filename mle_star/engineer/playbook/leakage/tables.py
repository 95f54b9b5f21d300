"""Row and column selection on abstract values, and what happens when learnt values meet rows."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, MutableMapping

from mle_star.engineer.playbook.leakage.values import (
    FIT,
    NONE,
    TEST,
    TRAIN,
    UNKNOWN,
    VALID,
    Column,
    Leak,
    Lines,
    Rows,
    Value,
    elements,
    leaks_of,
    spread,
)
from mle_star.tasks.spec import TaskSpec

Scope = MutableMapping[str, Value]
FOLD_NAME = re.compile(r"(^|_)(k?folds?|fold_?(id|ids|no|idx|of)|cv_?fold|kfold)$", re.IGNORECASE)
_FOLD_VARIABLE = re.compile(r"^(folds|fold_?(ids?|of|s)|parts|k?folds?_array)$", re.IGNORECASE)
_FLAG = re.compile(r"^_*(is|from)?_?(train|test)(ing)?(_?flag)?$", re.IGNORECASE)


def inner(scope: Scope) -> Scope:
    """A new scope inside the given one."""
    maps = scope.maps if isinstance(scope, ChainMap) else [scope]
    return ChainMap({}, *maps)


class Tables:
    """The task, what was found so far, and the rules for tables."""

    def __init__(self, task: TaskSpec, folds: int) -> None:
        self.task = task
        self.ordered = bool(task.time) and folds > 1
        self.found: dict[Leak, None] = {}
        self.lines: Lines = (1, 1)
        self.guarded = 0
        self.given_folds = False
        """Whether the script reads folds.csv, so that splits of its own are inner ones."""
        self.labelled_tests: set[str] = set()
        """Target columns that the script itself puts into a test table."""

    def flow(self, values: Iterable[Value]) -> None:
        """The values reach out-of-fold predictions: what taints them counts."""
        self.report(leaks_of(values))

    def report(self, leaks: Iterable[Leak]) -> None:
        """Keep leaks for the report."""
        for leak in leaks:
            self.found.setdefault(leak)

    def combine(self, *values: Value) -> Value:
        """The result of an operation: rows stay rows, statistics that meet rows may leak."""
        values = tuple(spread(v) for v in values)
        data = [v for v in values if v.rows]
        learnt = [v for v in values if v.learned and not v.rows]
        leaks = set(leaks_of(values))
        if not data:
            masks = [v for v in values if v.mask is not None]
            return Value(
                learned=frozenset().union(*(v.learned for v in learnt)),
                origin=learnt[-1].origin if learnt else (0, 0),
                mild=bool(learnt) and all(v.mild for v in learnt),
                target=any(v.target for v in learnt),
                has=frozenset().union(*(v.has for v in learnt)),
                mask=masks[0].mask if len(values) == len(masks) == 1 else None,
                own=any(v.own for v in masks),
                leaks=frozenset(leaks),
            )
        for value in learnt:
            leak = self.applied(value, data)
            if leak:
                leaks.add(leak)
        return Value(
            rows=frozenset().union(*(v.rows for v in data)),
            target=all(v.target for v in data),
            oof=any(v.oof for v in data),
            has=frozenset().union(*(v.has for v in data)),
            shaped=data[0].shaped,
            folds=data[0].folds,
            leaks=frozenset(leaks),
        )

    def applied(self, learnt: Value, data: list[Value]) -> Leak | None:
        """The leak when a learnt value is applied to rows, if it is one."""
        rows = frozenset().union(*(v.rows for v in data))
        own = all(v.target or v.oof for v in data)
        used = self.lines if self.lines != learnt.origin else None
        if VALID in learnt.learned and rows & TRAIN:
            if learnt.target and not own:
                reason = (
                    "Labels of validation rows go into a feature: it is computed outside the folds."
                )
                return Leak("target", reason, learnt.origin, learnt.mild, used)
            also = " and of test rows" if TEST in learnt.learned else ""
            reason = (
                "Something is learnt from all rows, those of the validation "
                f"folds{also} among them, before the split."
            )
            return Leak("fit", reason, learnt.origin, learnt.mild or own, used)
        if TEST in learnt.learned and rows:
            reason = "Something is learnt from test rows."
            return Leak(
                "test", reason, learnt.origin, learnt.mild or learnt.learned == {TEST}, used
            )
        return None

    def statistic(self, value: Value, *, mild: bool = False) -> Value:
        """What is learnt when a table is boiled down to a number or a small table."""
        value = spread(value)
        if not value.rows or value.oof:
            return value
        bare = value.target and not value.grouped
        return Value(
            learned=value.rows,
            origin=self.lines,
            mild=mild or bare,
            target=value.target,
            has=value.has,
            leaks=value.leaks,
        )

    def at(self, value: Value, selector: Value) -> Value:
        """The selected rows. Selecting the rows of a fold is where a taint starts to matter."""
        mask = selector.mask if selector.mask is not None else NONE
        if mask in ({FIT}, {VALID}):
            if selector.own and self.given_folds:  # a split inside the fitting rows, or of a refit
                return self._taken(value.but(leaks=value.leaks | selector.leaks), selector, mask)
            # What is wrong with the split itself counts only once predictions are made with it.
            self.report(leak for leak in value.leaks | selector.leaks if leak.kind != "order")
            value = value.but(leaks=value.leaks | selector.leaks)
        return self._taken(value, selector, mask)

    def _taken(self, value: Value, selector: Value, mask: Rows) -> Value:
        """The rows of a mask."""
        if value.index:
            return Value(mask=mask, own=selector.own, leaks=selector.leaks)
        if value.folds:
            return value
        if value.mask is not None:
            both = (value.mask & mask) or value.mask
            return value.but(mask=both, rows=both if value.rows else NONE)
        if not value.rows:
            return value if value.learned or value.thing else value.but(mask=mask, rows=mask)
        return value.but(rows=(value.rows & mask) or value.rows)

    def pick(self, value: Value, names: Value) -> Value:
        """The columns of these names: one column, or a table of several."""
        if names.learned and not names.rows and value.rows:
            if names.target or VALID not in names.learned:
                value = self.combine(value, names)
            has = names.has & value.has if names.columns else frozenset()
            return value.but(has=has, shaped=self.lines)
        if names.columns:
            if not names.listed and not value.rows:
                return value
            return value.but(has=value.has & names.has, shaped=self.lines)
        if names.text is None:
            return value.but(has=frozenset(), shaped=self.lines)
        if names.listed:
            has = frozenset(c for c in value.has if c.name in names.text)
            return value.but(has=has, shaped=self.lines)
        return self._column(value, names.text)

    def _column(self, value: Value, names: frozenset[str]) -> Value:
        roles = {c.role for c in value.has if c.name in names}
        one = Value(
            rows=value.rows,
            learned=value.learned,
            origin=value.origin,
            mild=value.mild,
            grouped=value.grouped,
            oof=value.oof,
            leaks=value.leaks,
        )
        if value.mask is not None:
            one = one.but(mask=value.mask)
        if roles == {"target"} and names <= {c.name for c in value.has}:
            return one.but(target=True, leaks=frozenset())
        if "fold" in roles or (value.rows and all(FOLD_NAME.search(n) for n in names)):
            return one.but(folds=True, leaks=frozenset())
        if value.rows == {TEST} and not value.oof and names <= set(self.task.target):
            self._test_labels(names)
        flags = [m for m in map(_FLAG.match, names) if m]
        if flags and value.rows > TRAIN:
            return one.but(flag=flags[0].group(2).lower())
        return one

    def _test_labels(self, names: frozenset[str]) -> None:
        if self.guarded or names & self.labelled_tests:
            return
        reason = "The labels of the test rows are read; scripts must not have them."
        self.report([Leak("label", reason, self.lines)])

    def put(self, table: Value, names: Value, value: Value) -> Value:
        """The table with a column set."""
        values = spread(value)
        if values.learned and not values.rows and table.rows:
            values = self.combine(table.but(leaks=frozenset(), has=frozenset()), values).but(
                target=False
            )
        if names.text is None:
            return table.but(leaks=table.leaks | values.leaks)
        if table.rows == {TEST}:
            self.labelled_tests |= names.text & set(self.task.target)
        role = "target" if values.target and values.rows & TRAIN and not values.oof else ""
        if values.folds or any(FOLD_NAME.search(n) for n in names.text):
            role = "fold"
        has = (
            table.has
            if len(names.text) > 1
            else frozenset(c for c in table.has if c.name not in names.text)
        )
        if role:
            has |= {Column(name, role) for name in names.text}
        shaped = self.lines if role else table.shaped
        return table.but(has=has, shaped=shaped, leaks=table.leaks | values.leaks)

    def without(self, value: Value, names: Value) -> Value:
        """The table (or the names of columns) without some columns."""
        if names.columns:
            return value.but(has=value.has - names.has, shaped=self.lines)
        if names.text is None:
            return value.but(has=frozenset(), shaped=self.lines)
        has = frozenset(c for c in value.has if c.name not in names.text)
        return value.but(has=has, shaped=self.lines)

    def compare(self, left: Value, operator: str, right: Value) -> Value:
        """A comparison: a mask where folds, flags or names of a split are compared."""
        if right.folds and not left.folds:
            left, right = right, left
            operator = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
        if left.folds:
            return self._folds_mask(operator, right)
        if operator in ("==", "!=") and right.text and not right.listed and left.rows > TRAIN:
            word = "".join(right.text).lower()
            rows = TRAIN if "train" in word else frozenset({TEST}) if "test" in word else None
            if rows is not None:
                everything = TRAIN | {TEST}
                return Value(mask=rows if operator == "==" else everything - rows)
        if left.flag and operator in ("==", "!="):
            says = bool(right.const) == (operator == "==")
            return Value(mask=TRAIN if says == (left.flag == "train") else frozenset({TEST}))
        return self.combine(left, right)

    def _folds_mask(self, operator: str, right: Value) -> Value:
        number = right.const if isinstance(right.const, int | float) else None
        never = number is not None and number < 0
        if operator == "==":
            return Value(mask=frozenset({FIT}) if never else frozenset({VALID}))
        if operator == "<":
            return Value(mask=frozenset({FIT}))
        if operator == "!=" and not never:
            return Value(mask=frozenset({FIT}), leaks=self._later_rows())
        if operator == ">" and not never and number is None:
            return Value(mask=frozenset({FIT}), leaks=self._later_rows())
        return Value(mask=TRAIN)

    def _later_rows(self) -> frozenset[Leak]:
        if not self.ordered:
            return frozenset()
        reason = "Rows are ordered in time, but a fold is predicted from later rows as well."
        return frozenset({Leak("order", reason, self.lines)})

    def features(self, table: Value) -> None:
        """A model is fitted on the table: the target and the fold must not be among its columns."""
        if not table.rows & TRAIN:
            return
        for column in sorted(table.has, key=lambda c: (c.role, c.name)):
            what = "holds the labels" if column.role == "target" else "is the fold, not a feature"
            lines = table.shaped if table.shaped != (0, 0) else self.lines
            reason = f"The column {column.name!r} {what}, yet it is among the features."
            self.report([Leak("feature", reason, lines)])


def named_like_folds(name: str) -> bool:
    """Whether a variable's name says that it holds the fold of each row."""
    return bool(_FOLD_VARIABLE.match(name))


def is_known_list(value: Value) -> bool:
    """Whether all parts of a list are known."""
    return elements(value) is not None


__all__ = ["UNKNOWN", "Rows", "Scope", "Tables", "inner", "is_known_list", "named_like_folds"]
