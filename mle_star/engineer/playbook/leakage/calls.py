"""What calls do to rows: fitting, transforming, predicting, splitting, summarising, reading and writing."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from mle_star.engineer.playbook.leakage.expressions import Expressions
from mle_star.engineer.playbook.leakage.tables import FOLD_NAME, Scope
from mle_star.engineer.playbook.leakage.values import (
    FIT,
    NONE,
    TEST,
    TRAIN,
    UNKNOWN,
    VALID,
    Column,
    Leak,
    Thing,
    Value,
    any_element,
    elements,
    join,
    join_all,
    leaks_of,
    sequence,
    spread,
)

STATISTICS = set(
    "mean median std var quantile percentile mode sum count agg aggregate describe corr cov skew kurt mad sem "
    "value_counts nanmean nanmedian nanstd nanvar nanpercentile nanquantile average corrwith pivot_table crosstab "
    "mutual_info_classif mutual_info_regression f_classif f_regression chi2 zscore corrcoef".split()
)
MILD_STATISTICS = set(
    "min max nunique unique idxmax idxmin amin amax nanmin nanmax first last any all bincount argmax argmin ptp".split()
)
_GROUP_FREE = set(
    "shift diff cumcount cumsum cummax cummin rank ngroup head tail ffill bfill pct_change".split()
)
_FITS = {"fit", "partial_fit", "fit_transform", "fit_predict", "fit_resample", "fit_sample"}
_PREDICTS = {"predict", "predict_proba", "decision_function", "predict_log_proba", "staged_predict"}
_STACKS = set(
    "concat vstack hstack column_stack stack concatenate array asarray c_ r_ DataFrame Series dstack append".split()
)
_CHECKED = {"cross_val_predict", "cross_validate", "cross_val_score"}
_LIKE = {"zeros_like", "ones_like", "empty_like", "full_like"}
_SPLITTERS = re.compile(r"(KFold|ShuffleSplit|PredefinedSplit|LeaveOneOut|train_test_split)$")
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_SIZES = {
    "len",
    "range",
    "isinstance",
    "type",
    "id",
    "hash",
    "hasattr",
    "callable",
    "zeros",
    "ones",
    "full",
    "empty",
    "arange",
}
_CALIBRATORS = {
    "IsotonicRegression",
    "LogisticRegression",
    "LinearRegression",
    "Ridge",
    "CalibratedClassifierCV",
}
_STATELESS = {"FunctionTransformer", "HashingVectorizer", "Normalizer", "FeatureHasher", "constant"}
_DATASETS = {"Dataset", "DMatrix", "QuantileDMatrix", "Pool"}


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


class Calls(Expressions):
    """Evaluates calls."""

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        arguments = self._arguments(node, scope)
        function = node.func
        if isinstance(function, ast.Attribute) and not self._is_module(function.value, scope):
            receiver = self.value(function.value, scope)
            return self.method(receiver, function.attr, arguments, node, scope)
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        known = self.value(function, scope) if not isinstance(function, ast.Attribute) else UNKNOWN
        if known.calls:
            return self.enter(known, arguments)
        if known.thing and known.thing.name == "class":
            return self.instance(known, arguments)
        if known.method and known.receiver:
            return self.method(known.receiver, known.method, arguments, node, scope)
        return self.function(name, arguments, node, scope)

    def _arguments(self, node: ast.Call, scope: Scope) -> Arguments:
        positional: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                value = self.value(argument.value, scope)
                known = elements(value)
                positional += known if known is not None else [any_element(value)]
            else:
                positional.append(self.value(argument, scope))
        named = {k.arg: self.value(k.value, scope) for k in node.keywords if k.arg}
        for keyword in node.keywords:
            if keyword.arg is None:
                thing = self.value(keyword.value, scope).thing
                named.update((thing.keys or {}) if thing else {})
        return Arguments(positional, named)

    def _is_module(self, node: ast.expr, scope: Scope) -> bool:
        """Whether it is a name that no statement of the script bound, such as ``np`` or ``np.random``."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id not in scope

    # --- functions -----------------------------------------------------------------------------

    def function(self, name: str, arguments: Arguments, node: ast.Call, scope: Scope) -> Value:
        """A call of a library function or a built-in."""
        first = arguments.get(0)
        if name.startswith("read_") or name in ("loadtxt", "genfromtxt", "scan_csv"):
            return self._table(arguments)
        if name in _SIZES:
            return UNKNOWN
        if name in _LIKE:
            return Value(rows=spread(first).rows)
        if name == "print":
            self._printed(arguments)
            return UNKNOWN
        if name in _CHECKED:
            return self._cross_validated(name, arguments)
        if name == "train_test_split":
            return self._one_split(arguments)
        if name in ("where", "nonzero") and len(arguments.positional) == 1:
            return sequence([first])
        if name in ("flatnonzero", "argwhere", "clone", "deepcopy", "copy", "iter"):
            return first.but(thing=Thing(**vars(first.thing))) if first.thing else first
        if name in (
            "enumerate",
            "zip",
            "reversed",
            "sorted",
            "list",
            "tuple",
            "set",
            "map",
            "next",
            "tqdm",
        ):
            return self._iterator(name, arguments)
        if name in ("train", "cv") and any(v.rows for v in arguments.all):
            return self._trained(arguments)
        if name in STATISTICS | MILD_STATISTICS:
            return self._summary(name, first, arguments)
        if name in ("get_dummies", "factorize", "qcut"):
            result = self._levels(self.combine(*arguments.all))
            return sequence([result, UNKNOWN]) if name == "factorize" else result
        if name in _DATASETS and (len(arguments.positional) > 1 or "label" in arguments.named):
            self.features(first)
        for value in arguments.all:
            if value.calls:
                self.enter(value, Arguments([UNKNOWN] * 3, {}))
        return self._unknown(name, arguments)

    def _unknown(self, name: str, arguments: Arguments) -> Value:
        if name in _STACKS:
            return self.combine(*arguments.all)
        result = self.combine(*arguments.all)
        texts = [v for v in arguments.all if v.text is not None]
        if not result.rows and len(texts) == len(arguments.all) == 1 and name[:1].islower():
            return texts[0]
        if not result.rows and name in ("Path", "join", "str"):
            pieces = ["".join(sorted(v.text)) if v.text else "*" for v in arguments.positional]
            return Value(text=frozenset({"/".join(pieces)}))
        if not result.rows and not result.learned and result.mask is None:
            inner = [v.thing for v in arguments.all if v.thing and v.thing.learned]
            fitted = inner[0] if inner else Thing()
            constant = (
                name == "SimpleImputer"
                and arguments.named.get("strategy", UNKNOWN).const == "constant"
            )
            name = "constant" if constant else name
            thing = Thing(
                name, fitted.learned, fitted.target, origin=fitted.origin, leaks=result.leaks
            )
            return result.but(thing=thing)
        if result.rows and name[:1].isupper():
            return result.but(thing=Thing(name))
        return result

    def _table(self, arguments: Arguments) -> Value:
        path = "".join(sorted(arguments.get(0, "filepath_or_buffer", "path").text or ())).lower()
        name = path.rsplit("/", 1)[-1]
        if "sample" in name:
            return UNKNOWN
        if "fold" in name:
            return Value(rows=TRAIN, has=frozenset({Column("fold", "fold")}))
        if "oof" in name:
            return Value(rows=TRAIN, oof=True)
        if "train" in name:
            has = frozenset(Column(target, "target") for target in self.task.target)
            used = arguments.get(9, "usecols")
            table = Value(rows=TRAIN, has=has, shaped=self.lines)
            return self.pick(table, used) if used.text is not None else table
        if "submission" in name:
            return Value(rows=frozenset({TEST}), oof=True)
        if "test" in name:
            return Value(rows=frozenset({TEST}))
        return UNKNOWN

    def _printed(self, arguments: Arguments) -> None:
        texts = [text for value in arguments.all for text in value.text or ()]
        if any("validation performance" in text.lower() for text in texts):
            self.flow(arguments.all)

    def _cross_validated(self, name: str, arguments: Arguments) -> Value:
        table, labels = arguments.get(1, "X"), arguments.get(2, "y")
        self.features(table)
        self.flow([table, labels])
        self._check_split(arguments.named.get("cv", UNKNOWN), table, "KFold")
        return Value(rows=table.rows, oof=True) if name == "cross_val_predict" else UNKNOWN

    def _one_split(self, arguments: Arguments) -> Value:
        self.flow(arguments.positional)
        kept = arguments.named.get("shuffle", UNKNOWN).const is False
        if arguments.positional and not kept:
            self._check_split(UNKNOWN, arguments.positional[0], "train_test_split")
        parts: list[Value] = []
        for value in arguments.positional:
            for rows in (frozenset({FIT}), frozenset({VALID})):
                parts.append(self.at(value.but(index=False), Value(mask=rows)))
        return sequence(parts)

    def _check_split(self, splitter: Value, table: Value, name: str) -> None:
        """Random splits of rows that are ordered in time or that come in groups."""
        name = splitter.thing.name if splitter.thing else name
        ordered = self.ordered or bool(self.task.time)
        if table.rows and not table.rows & {VALID}:
            return
        if not _SPLITTERS.search(name) or not (ordered or self.task.group):
            return
        if self.task.group and not ordered and ("Group" in name or "Predefined" in name):
            return
        what = "ordered in time" if ordered else f"grouped by {self.task.group!r}"
        reason = f"Rows are {what}, but the split ignores that; input/folds.csv respects it."
        self.report([Leak("order", reason, self.lines)])

    def _iterator(self, name: str, arguments: Arguments) -> Value:
        first = arguments.get(0)
        if name == "enumerate":
            known = elements(first)
            if known is not None:
                return sequence(sequence([Value(const=i), part]) for i, part in enumerate(known))
            return Value(thing=Thing("list", item=sequence([UNKNOWN, any_element(first)])))
        if name == "zip":
            lists = [elements(v) for v in arguments.positional]
            if all(part is not None for part in lists):
                return sequence(
                    sequence(row) for row in zip(*(p or [] for p in lists), strict=False)
                )
            return Value(thing=Thing("list", item=sequence(map(any_element, arguments.positional))))
        if name == "map" and first.calls:
            over = [any_element(v) for v in arguments.positional[1:]]
            return Value(thing=Thing("list", item=self.enter(first, Arguments(over, {}))))
        if name == "map":
            return arguments.get(1)
        if name == "next":
            known = elements(first)
            return known[0] if known else any_element(first)
        if name in ("list", "set", "tuple", "sorted", "reversed") and first.rows and first.has:
            return Value(columns=True, listed=True, has=first.has)
        if not arguments.positional:
            return sequence([])
        return first

    def _trained(self, arguments: Arguments) -> Value:
        """``lgb.train(params, data)`` and ``xgb.train``."""
        data = next((v for v in arguments.all if v.rows), UNKNOWN)
        data = arguments.named.get("dtrain", arguments.named.get("train_set", data))
        thing = Thing(
            "booster", data.rows, True, on_oof=data.oof, origin=self.lines, leaks=data.leaks
        )
        return Value(thing=thing)

    def _summary(self, name: str, value: Value, arguments: Arguments) -> Value:
        axis = arguments.get(1, "axis").const
        listed = value.thing is not None and (
            elements(value) is not None or value.thing.item is not None
        )
        if axis in (1, -1, "columns", "index_of_columns") or listed:
            return self.combine(*arguments.all)
        mild = name in MILD_STATISTICS or (name in ("sum", "count") and not value.grouped)
        return self.statistic(value if value.rows else self.combine(*arguments.all), mild=mild)

    def _levels(self, table: Value) -> Value:
        if not table.rows & {VALID}:
            return table
        reason = (
            "Category levels are taken from all rows, those of the validation folds among them."
        )
        return table.but(leaks=table.leaks | {Leak("fit", reason, self.lines, mild=True)})

    # --- methods -------------------------------------------------------------------------------

    def method(
        self, receiver: Value, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """A call of ``receiver.name(...)``."""
        found = self.attribute(receiver, name)
        if found.calls:
            return self.enter(found, arguments)
        if receiver.thing and receiver.thing.name in ("list", "dict", "set") and not receiver.rows:
            return self._container(receiver, name, arguments)
        if name in _FITS:
            return self._fit(receiver, name, arguments)
        if name == "transform" and not receiver.grouped:
            return self._transformed(receiver, arguments.get(0, "X"))
        if name in _PREDICTS:
            return self._predicted(receiver, arguments.get(0, "X", "data"))
        if name == "split" and (receiver.thing or not receiver.rows) and receiver.text is None:
            return self._splits(receiver, arguments)
        if name in _COMPARISONS:
            return self.compare(receiver, _COMPARISONS[name], arguments.get(0))
        if receiver.grouped:
            return self._grouped(receiver, name, arguments)
        if receiver.columns:
            return self._names(receiver, name, arguments)
        if receiver.text is not None and not receiver.listed and not receiver.rows:
            return Value(text=receiver.text) if name in ("lower", "strip", "upper") else UNKNOWN
        return self._table_method(receiver, name, arguments, node, scope)

    def _table_method(
        self, receiver: Value, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        if receiver.rows and name in STATISTICS | MILD_STATISTICS:
            return self._summary(name, receiver, Arguments([UNKNOWN, *arguments.positional], arguments.named)
                                 if name not in ("mean", "median", "std", "sum", "min", "max", "var")
                                 else Arguments([receiver, *arguments.positional], arguments.named))  # fmt: skip
        if (
            name in ("isna", "isnull", "notna", "notnull")
            and receiver.target
            and receiver.rows > TRAIN
        ):
            return Value(mask=frozenset({TEST}) if "is" in name else TRAIN)
        if name == "isin":
            selected = arguments.get(0).mask
            return (
                Value(mask=selected)
                if selected is not None and not receiver.folds
                else receiver.but(has=frozenset())
            )
        if name == "query":
            return self._query(receiver, arguments)
        if name in (
            "drop",
            "pop",
            "rename",
            "assign",
            "select_dtypes",
            "filter",
            "insert",
            "drop_duplicates",
        ):
            return self._reshaped(receiver, name, arguments, node, scope)
        if name == "groupby":
            return receiver.but(grouped=True, leaks=receiver.leaks | leaks_of(arguments.all))
        if name in ("to_csv", "to_parquet", "savetxt"):
            self._written(receiver, arguments)
            return UNKNOWN
        if (
            name in ("map", "apply", "transform", "pipe", "applymap")
            and arguments.get(0, "func").calls
        ):
            made = self.enter(arguments.get(0, "func"), Arguments([receiver, UNKNOWN], {}))
            return self.combine(receiver, made) if made is not UNKNOWN else receiver
        if name == "factorize":
            return sequence([self._levels(receiver), UNKNOWN])
        others = [v for v in arguments.all if not v.calls]
        for value in arguments.all:
            if value.calls:
                self.enter(value, Arguments([UNKNOWN] * 3, {}))
        if receiver.mask is not None and not others:
            return receiver
        result = self.combine(receiver, *others)
        if receiver.folds:
            return result.but(folds=True)
        if receiver.text is not None and receiver.listed:
            return receiver
        if receiver.thing and not result.rows and not result.learned:
            return result.but(thing=receiver.thing)
        return result

    def _names(self, names: Value, name: str, arguments: Arguments) -> Value:
        if name in ("drop", "difference"):
            return self.without(names, arguments.get(0, "labels"))
        if name == "intersection":
            return names.but(has=names.has & arguments.get(0).has)
        return names

    def _query(self, receiver: Value, arguments: Arguments) -> Value:
        text = "".join(arguments.get(0).text or ())
        found = re.search(r"(\w+)\s*(==|!=|<=?|>=?)", text)
        if found and FOLD_NAME.search(found.group(1)):
            return self.at(receiver, self.compare(Value(folds=True), found.group(2), UNKNOWN))
        return receiver

    def _reshaped(
        self, receiver: Value, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if name == "insert":
            changed = self.put(receiver, arguments.get(1, "column"), arguments.get(2, "value"))
            return self._kept(owner, changed, UNKNOWN, scope)
        if name == "pop":
            changed = self.without(receiver, arguments.get(0))
            return self._kept(owner, changed, self.pick(receiver, arguments.get(0)), scope)
        if name == "assign":
            for column, value in arguments.named.items():
                made = self.enter(value, Arguments([receiver], {})) if value.calls else value
                receiver = self.put(receiver, Value(text=frozenset({column})), made)
            return receiver
        if name == "select_dtypes":
            return self._by_dtype(receiver, node)
        if name != "drop":
            return receiver
        rows = arguments.get(0, "index", "labels")
        by_row = "columns" not in arguments.named and arguments.named.get(
            "axis", UNKNOWN
        ).const not in (1, "columns")
        by_row = by_row and arguments.get(1).const not in (1, "columns")
        if by_row:
            rest = {frozenset({FIT}): frozenset({VALID}), frozenset({VALID}): frozenset({FIT})}
            return self.at(receiver, Value(mask=rest[rows.mask])) if rows.mask in rest else receiver
        changed = self.without(receiver, arguments.get(0, "columns", "labels"))
        if arguments.named.get("inplace", UNKNOWN).const is True:
            return self._kept(owner, changed, UNKNOWN, scope)
        return changed

    def _kept(self, owner: ast.expr | None, changed: Value, result: Value, scope: Scope) -> Value:
        """The result of a method that changed its receiver in place."""
        if owner is not None:
            self.bind(owner, changed, scope)
        return result

    def _by_dtype(self, receiver: Value, node: ast.Call) -> Value:
        words = ast.dump(node).lower()
        numbers = ("exclude" in words) == ("object" in words or "category" in words)
        numeric = not self.task.classes or all(
            isinstance(c, int | float) for c in self.task.classes
        )
        kept = frozenset(c for c in receiver.has if c.role == "fold" or numeric)
        return receiver.but(has=kept if numbers else frozenset(), shaped=self.lines)

    def _written(self, receiver: Value, arguments: Arguments) -> None:
        path = "".join(arguments.get(0, "path_or_buf", "path").text or ()).lower()
        if "oof" in path:
            self.flow([receiver])
        elif "submission" in path:
            self.report(leak for leak in receiver.leaks if leak.kind == "test")

    def _container(self, receiver: Value, name: str, arguments: Arguments) -> Value:
        thing = receiver.thing
        assert thing is not None
        if name in ("append", "extend", "add", "insert", "update", "appendleft"):
            added = arguments.positional[-1] if arguments.positional else UNKNOWN
            added = any_element(added) if name in ("extend", "update") else added
            thing.item = join_all(
                [*(thing.parts or []), *([thing.item] if thing.item else []), added]
            )
            thing.parts = None
            return UNKNOWN
        if name == "items":
            keys = {**(thing.keys or {})}
            pairs = [sequence([Value(text=frozenset({k}), const=k), v]) for k, v in keys.items()]
            if thing.item is not None:
                pairs.append(sequence([UNKNOWN, thing.item]))
            return sequence(pairs)
        if name == "values":
            return sequence([*(thing.keys or {}).values(), *([thing.item] if thing.item else [])])
        if name == "keys":
            return sequence(Value(text=frozenset({k}), const=k) for k in thing.keys or {})
        if name in ("get", "pop", "setdefault"):
            return self._element(receiver, arguments.get(0))
        return receiver if name == "copy" else UNKNOWN

    # --- fitting -------------------------------------------------------------------------------

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
        self._check_split(receiver, table, "")
        pair = sequence([Value(mask=frozenset({FIT})), Value(mask=frozenset({VALID}))])
        return Value(thing=Thing("list", item=pair))

    def _grouped(self, receiver: Value, name: str, arguments: Arguments) -> Value:
        plain = receiver.but(grouped=False)
        if name in ("transform", "apply", "pipe"):
            how = arguments.get(0, "func")
            if how.calls or (how.text and how.text & _GROUP_FREE):
                return plain if not how.calls else self.combine(plain, self.statistic(receiver))
            return self.combine(plain.but(target=False), self.statistic(receiver))
        if name in _GROUP_FREE or name in ("rolling", "expanding", "ewm"):
            return receiver if name in ("rolling", "expanding", "ewm") else plain
        if name in ("groups", "get_group"):
            return plain
        mild = name in MILD_STATISTICS and not receiver.target
        return self.statistic(receiver, mild=mild)

    def enter(self, function: Value, arguments: Arguments) -> Value:
        """Run a function of the script; the statements implement it."""
        raise NotImplementedError

    def instance(self, made: Value, arguments: Arguments) -> Value:
        """An object of a class of the script; the statements implement it."""
        raise NotImplementedError


__all__ = ["Arguments", "Calls", "join"]
