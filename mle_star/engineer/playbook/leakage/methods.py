"""What calls of methods do to rows."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.playbook.leakage.fitting import (
    FITS,
    MILD_STATISTICS,
    PREDICTS,
    STATISTICS,
    Arguments,
)
from mle_star.engineer.playbook.leakage.functions import Functions
from mle_star.engineer.playbook.leakage.tables import FOLD_NAME, Scope
from mle_star.engineer.playbook.leakage.values import (
    FIT,
    TEST,
    TRAIN,
    UNKNOWN,
    VALID,
    Value,
    any_element,
    join_all,
    leaks_of,
    sequence,
    words,
)

_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_RESHAPES = words("drop pop rename assign select_dtypes filter insert drop_duplicates")
_MAPS = words("map apply transform pipe applymap")
_AXIS_FIRST = words("mean median std sum min max var")
_CONTAINERS = ("list", "dict", "set")


class Methods(Functions):
    """Evaluates calls of methods."""

    def method(
        self, receiver: Value, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """A call of ``receiver.name(...)``."""
        found = self.attribute(receiver, name)
        if found.calls:
            return self.enter(found, arguments)
        if receiver.thing and receiver.thing.name in _CONTAINERS and not receiver.rows:
            return self._container(receiver, name, arguments)
        if name in FITS:
            return self._fit(receiver, name, arguments)
        if name == "transform" and not receiver.grouped:
            return self._transformed(receiver, arguments.get(0, "X"))
        if name in PREDICTS:
            return self._predicted(receiver, arguments.get(0, "X", "data"))
        is_splitter = receiver.thing or not receiver.rows
        if name == "split" and is_splitter and receiver.text is None:
            return self._splits(receiver, arguments)
        return self._of_data(receiver, name, arguments, node, scope)

    def _of_data(
        self, receiver: Value, name: str, arguments: Arguments, node: ast.Call, scope: Scope
    ) -> Value:
        """A method of something that is no model."""
        if name in _COMPARISONS:
            return self.compare(receiver, _COMPARISONS[name], arguments.get(0))
        if receiver.grouped:
            return self._grouped(receiver, name, arguments)
        if receiver.columns:
            return self._names(receiver, name, arguments)
        if receiver.text is not None and not receiver.listed and not receiver.rows:
            return Value(text=receiver.text) if name in ("lower", "strip", "upper") else UNKNOWN
        if receiver.rows and name in STATISTICS | MILD_STATISTICS:
            before = receiver if name in _AXIS_FIRST else UNKNOWN
            given = Arguments([before, *arguments.positional], arguments.named)
            return self._summary(name, receiver, given)
        if name in _RESHAPES:
            return self._reshaped(receiver, name, arguments, node, scope)
        return self._of_table(receiver, name, arguments)

    def _of_table(self, receiver: Value, name: str, arguments: Arguments) -> Value:
        """A method of a table, a column or an array."""
        first = arguments.get(0, "func")
        if name in _MAPS and first.calls:
            made = self.enter(first, Arguments([receiver, UNKNOWN], {}))
            return self.combine(receiver, made) if made is not UNKNOWN else receiver
        known = {
            "isin": self._isin,
            "query": self._query,
            "groupby": self._groups,
            "to_csv": self._written,
            "to_parquet": self._written,
            "factorize": self._codes,
            **dict.fromkeys(("isna", "isnull"), self._without_label),
            **dict.fromkeys(("notna", "notnull"), self._with_label),
        }.get(name)
        return known(receiver, arguments) if known else self._plain(receiver, arguments)

    def _plain(self, receiver: Value, arguments: Arguments) -> Value:
        """A method nothing special is known about: rows stay rows."""
        self.run_closures(arguments)
        others = [v for v in arguments.all if not v.calls]
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

    def _isin(self, receiver: Value, arguments: Arguments) -> Value:
        selected = arguments.get(0).mask
        if selected is not None and not receiver.folds:
            return Value(mask=selected)
        return receiver.but(has=frozenset())

    def _groups(self, receiver: Value, arguments: Arguments) -> Value:
        return receiver.but(grouped=True, leaks=receiver.leaks | leaks_of(arguments.all))

    def _codes(self, receiver: Value, arguments: Arguments) -> Value:
        return sequence([self.taken_levels(receiver), UNKNOWN])

    def _without_label(self, receiver: Value, arguments: Arguments) -> Value:
        if receiver.target and receiver.rows > TRAIN:
            return Value(mask=frozenset({TEST}))
        return receiver

    def _with_label(self, receiver: Value, arguments: Arguments) -> Value:
        return Value(mask=TRAIN) if receiver.target and receiver.rows > TRAIN else receiver

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

    def _written(self, receiver: Value, arguments: Arguments) -> Value:
        path = "".join(arguments.get(0, "path_or_buf", "path").text or ()).lower()
        if "oof" in path:
            self.flow([receiver])
        elif "submission" in path:
            self.report(leak for leak in receiver.leaks if leak.kind == "test")
        return UNKNOWN

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
