"""What fitting, transforming, predicting, splitting and summarising do to rows."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass

from mle_star.engineer.playbook.leakage.comprehensions import Comprehensions
from mle_star.engineer.playbook.leakage.values import (
    FIT,
    NONE,
    TEST,
    UNKNOWN,
    VALID,
    Leak,
    Thing,
    Value,
    elements,
    sequence,
    spread,
    words,
)

STATISTICS = words(
    "mean median std var quantile percentile mode sum count agg aggregate "
    "describe corr cov skew kurt "
    "mad sem value_counts nanmean nanmedian nanstd nanvar nanpercentile "
    "nanquantile average corrwith "
    "pivot_table crosstab mutual_info_classif mutual_info_regression f_classif f_regression chi2 "
    "zscore corrcoef"
)
MILD_STATISTICS = words(
    "min max nunique unique idxmax idxmin amin amax nanmin nanmax first last any "
    "all bincount argmax "
    "argmin ptp"
)
FITS = words("fit partial_fit fit_transform fit_predict fit_resample fit_sample")
PREDICTS = words("predict predict_proba decision_function predict_log_proba staged_predict")
_GROUP_FREE = words(
    "shift diff cumcount cumsum cummax cummin rank ngroup head tail ffill bfill pct_change"
)
_WINDOWS = words("rolling expanding ewm")
_SPLITTERS = re.compile(r"(KFold|ShuffleSplit|PredefinedSplit|LeaveOneOut|train_test_split)$")
_CALIBRATORS = words(
    "IsotonicRegression LogisticRegression LinearRegression Ridge CalibratedClassifierCV"
)
_STATELESS = words("FunctionTransformer HashingVectorizer Normalizer FeatureHasher constant")


@dataclass(frozen=True)
class Arguments:
    """Evaluated arguments of a call."""

    positional: list[Value]
    named: dict[str, Value]

    @property
    def all(self) -> list[Value]:
        """Every argument."""
        return [*self.positional, *self.named.values()]

    def get(self, position: int, *names: str) -> Value:
        """An argument by position or by one of its names."""
        for name in names:
            if name in self.named:
                return self.named[name]
        return self.positional[position] if position < len(self.positional) else UNKNOWN


class Fitting(Comprehensions):
    """Rules for what learns and for what applies what was learnt."""

    def _fit(self, receiver: Value, name: str, arguments: Arguments) -> Value:
        table = spread(arguments.get(0, "X", "raw_documents", "x", "data"))
        labels = spread(arguments.get(1, "y", "labels"))
        if not table.rows and not arguments.positional:
            table = receiver
        if labels.rows or labels.target:
            self.features(table)
        thing = receiver.thing or Thing()
        if thing.name in _STATELESS:
            return receiver if name in ("fit", "partial_fit") else table.but(has=frozenset())
        learned = table.rows | (labels.rows if table.rows else NONE)
        thing.learned = learned | (thing.learned if name == "partial_fit" else NONE)
        thing.on_target = table.target
        thing.target = bool(labels.target) or table.target
        thing.on_oof = table.oof
        thing.origin = self.lines
        thing.leaks = table.leaks | labels.leaks
        fitted = receiver.but(thing=thing)
        if name in ("fit", "partial_fit"):
            return fitted
        if name in ("fit_resample", "fit_sample"):
            return sequence([self._transformed(fitted, table), self._transformed(fitted, labels)])
        return self._transformed(fitted, table)

    def _transformed(self, receiver: Value, table: Value) -> Value:
        thing = receiver.thing or Thing()
        table = spread(table)
        learnt = Value(
            learned=thing.learned, origin=thing.origin, target=thing.target and not thing.on_target
        )
        if thing.on_target:
            learnt = learnt.but(mild=True)
        result = self.combine(table, learnt)
        return result.but(has=frozenset(), leaks=result.leaks | thing.leaks)

    def _predicted(self, receiver: Value, table: Value) -> Value:
        thing = receiver.thing or Thing()
        table = spread(table)
        leaks = table.leaks | thing.leaks
        if VALID in thing.learned and VALID in table.rows:
            mild = thing.on_oof and thing.name in _CALIBRATORS
            reason = (
                "A model predicts rows it was fitted on, and the predictions count as out-of-fold."
            )
            used = self.lines if self.lines != thing.origin else None
            leaks |= {Leak("in-sample", reason, thing.origin, mild, used)}
        elif TEST in thing.learned and table.rows:
            leaks |= {Leak("test", "A model is fitted on test rows.", thing.origin, True)}
        return Value(rows=table.rows, oof=True, leaks=leaks)

    def _splits(self, receiver: Value, arguments: Arguments) -> Value:
        table = arguments.get(0, "X")
        leaks = self.split_leaks(receiver, table, "")
        pair = sequence(
            Value(mask=frozenset({rows}), own=True, leaks=leaks) for rows in (FIT, VALID)
        )
        return Value(thing=Thing("list", item=pair))

    def split_leaks(self, splitter: Value, table: Value, name: str) -> frozenset[Leak]:
        """Random splits of rows that are ordered in time or that come in groups."""
        name = splitter.thing.name if splitter.thing else name
        ordered = self.ordered or bool(self.task.time)
        if (table.rows or self.given_folds) and VALID not in table.rows:
            return frozenset()
        if not _SPLITTERS.search(name) or not (ordered or self.task.group):
            return frozenset()
        if self.task.group and not ordered and ("Group" in name or "Predefined" in name):
            return frozenset()
        what = "ordered in time" if ordered else f"grouped by {self.task.group!r}"
        reason = f"Rows are {what}, but the split ignores that; input/folds.csv respects it."
        return frozenset({Leak("order", reason, self.lines)})

    def _grouped(self, receiver: Value, name: str, arguments: Arguments) -> Value:
        plain = receiver.but(grouped=False)
        if name in ("transform", "apply", "pipe"):
            how = arguments.get(0, "func")
            if how.calls or (how.text and how.text & _GROUP_FREE):
                return plain if not how.calls else self.combine(plain, self.statistic(receiver))
            return self.combine(plain.but(target=False), self.statistic(receiver))
        if name in _GROUP_FREE or name in _WINDOWS:
            return receiver if name in _WINDOWS else plain
        if name in ("groups", "get_group"):
            return plain
        mild = name in MILD_STATISTICS and not receiver.target
        return self.statistic(receiver, mild=mild)

    def _summary(self, name: str, value: Value, arguments: Arguments) -> Value:
        axis = arguments.get(1, "axis").const
        listed = value.thing is not None and (
            elements(value) is not None or value.thing.item is not None
        )
        if axis in (1, -1, "columns", "index_of_columns") or listed:
            return self.combine(*arguments.all)
        mild = name in MILD_STATISTICS or (name in ("sum", "count") and not value.grouped)
        return self.statistic(value if value.rows else self.combine(*arguments.all), mild=mild)

    def taken_levels(self, table: Value) -> Value:
        """The table, with a mild leak where category levels of validation rows are seen."""
        if not table.rows & {VALID}:
            return table
        reason = (
            "Category levels are taken from all rows, those of the validation folds among them."
        )
        return table.but(leaks=table.leaks | {Leak("fit", reason, self.lines, mild=True)})

    @abstractmethod
    def enter(self, function: Value, arguments: Arguments) -> Value:
        """Run a function of the script; the statements implement it."""

    @abstractmethod
    def instance(self, made: Value, arguments: Arguments) -> Value:
        """An object of a class of the script; the statements implement it."""
