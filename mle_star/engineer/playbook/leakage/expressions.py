"""Expressions of a script, evaluated to abstract values."""

from __future__ import annotations

import ast
import builtins
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from mle_star.engineer.playbook.leakage.tables import Scope, Tables
from mle_star.engineer.playbook.leakage.values import (
    FIT,
    TEST,
    TRAIN,
    UNKNOWN,
    VALID,
    Closure,
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

_COMPARE = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_SAME = {"values", "T", "loc", "iloc", "at", "iat", "array", "dt", "str", "cat", "sparse"}
_PLAIN = {"shape", "size", "dtype", "dtypes", "ndim", "empty", "name"}
_HARMLESS = {"classes_", "n_features_in_", "feature_names_in_", "n_classes_", "categories_"}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


class Expressions(Tables, ABC):
    """Evaluates expressions; calls are left to the subclass."""

    steps = 0

    def value(self, node: ast.expr | None, scope: Scope) -> Value:
        """The abstract value of an expression."""
        self.steps += 1
        if node is None or self.steps > 150_000:
            return UNKNOWN
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        result = method(node, scope) if method else self.combine(*self._children(node, scope))
        assert isinstance(result, Value)
        return result

    def _children(self, node: ast.AST, scope: Scope) -> list[Value]:
        return [self.value(n, scope) for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]

    def _constant(self, node: ast.Constant, scope: Scope) -> Value:
        if isinstance(node.value, str):
            return Value(text=frozenset({node.value}), const=node.value)
        return Value(const=node.value)

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        return scope.get(node.id, UNKNOWN)

    def _joinedstr(self, node: ast.JoinedStr, scope: Scope) -> Value:
        text, leaks = "", []
        for part in node.values:
            value = self.value(part.value if isinstance(part, ast.FormattedValue) else part, scope)
            leaks.append(value)
            one = value.text if value.text and len(value.text) == 1 and not value.listed else {"*"}
            text += next(iter(one))
        return Value(text=frozenset({text}), leaks=leaks_of(leaks))

    def _tuple(self, node: ast.Tuple | ast.List | ast.Set, scope: Scope) -> Value:
        parts: list[Value] = []
        for item in node.elts:
            if not isinstance(item, ast.Starred):
                parts.append(self.value(item, scope))
                continue
            value = self.value(item.value, scope)
            known = elements(value)
            if known is not None:
                parts += known
            elif value.text is not None or value.columns:
                whole = join(sequence(parts), value.but(listed=True))
                return whole.but(text=value.text and whole.text, listed=True)
            else:
                inside = join_all([*parts, any_element(value)])
                return Value(thing=Thing("list", item=inside), listed=True)
        return sequence(parts)

    _list = _tuple
    _set = _tuple

    def _dict(self, node: ast.Dict, scope: Scope) -> Value:
        keys: dict[str, Value] = {}
        item = UNKNOWN
        for key, entry in zip(node.keys, node.values, strict=True):
            value, name = self.value(entry, scope), self.value(key, scope).const
            if isinstance(name, str | int):
                keys[str(name)] = value
            else:
                item = join(item, value)
        return Value(thing=Thing("dict", keys=keys, item=item if item is not UNKNOWN else None))

    def _starred(self, node: ast.Starred, scope: Scope) -> Value:
        return self.value(node.value, scope)

    def _ifexp(self, node: ast.IfExp, scope: Scope) -> Value:
        self.guarded += "column" in ast.dump(node.test)
        test = self.value(node.test, scope)
        result = join(self.value(node.body, scope), self.value(node.orelse, scope))
        self.guarded -= "column" in ast.dump(node.test)
        return result.but(leaks=result.leaks | test.leaks)

    def _namedexpr(self, node: ast.NamedExpr, scope: Scope) -> Value:
        scope[node.target.id] = result = self.value(node.value, scope)
        return result

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return Value(calls=(Closure(node, scope),))

    def _boolop(self, node: ast.BoolOp, scope: Scope) -> Value:
        values = self._children(node, scope)
        return (
            join_all(values) if any(v.thing or v.calls for v in values) else self.combine(*values)
        )

    def _unaryop(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.value(node.operand, scope)
        if isinstance(node.op, ast.Invert | ast.Not):
            if value.mask is not None:
                everything = TRAIN if value.mask < TRAIN else TRAIN | {TEST}
                return Value(mask=everything - value.mask, leaks=value.leaks)
            if value.flag:
                return value.but(flag="test" if value.flag == "train" else "train")
        if isinstance(node.op, ast.USub) and isinstance(value.const, int | float):
            return Value(const=-value.const)
        return value

    def _binop(self, node: ast.BinOp, scope: Scope) -> Value:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        if left.mask is not None and right.mask is not None:
            both = (
                left.mask | right.mask if isinstance(node.op, ast.BitOr) else left.mask & right.mask
            )
            return Value(mask=both, leaks=left.leaks | right.leaks)
        if isinstance(node.op, ast.BitAnd) and (left.mask is not None or right.mask is not None):
            return left if left.mask is not None else right
        if (
            isinstance(node.op, ast.Add | ast.Div)
            and left.text is not None
            and right.text is not None
        ):
            if left.listed or right.listed:
                return Value(text=left.text | right.text, listed=True, has=left.has | right.has)
            glue = "/" if isinstance(node.op, ast.Div) else ""
            return Value(text=frozenset(a + glue + b for a in left.text for b in right.text))
        if isinstance(node.op, ast.Add) and (left.columns or right.columns):
            return Value(columns=True, listed=True, has=left.has | right.has)
        if isinstance(node.op, ast.Add) and (left.listed or right.listed):
            first, second = elements(left), elements(right)
            if first is not None and second is not None:
                return sequence([*first, *second])
        if isinstance(left.const, int | float) and isinstance(right.const, int | float):
            known = _ARITHMETIC.get(type(node.op))
            return Value(const=known(left.const, right.const)) if known else UNKNOWN
        return self.combine(left, right)

    def _compare(self, node: ast.Compare, scope: Scope) -> Value:
        left = self.value(node.left, scope)
        rights = [self.value(n, scope) for n in node.comparators]
        if len(rights) == 1 and type(node.ops[0]) in _COMPARE:
            return self.compare(left, _COMPARE[type(node.ops[0])], rights[0])
        if isinstance(node.ops[0], ast.In | ast.NotIn | ast.Is | ast.IsNot):
            return Value(leaks=left.leaks | leaks_of(rights))
        return self.combine(left, *rights)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        return self.attribute(self.value(node.value, scope), node.attr)

    def attribute(self, value: Value, name: str) -> Value:
        """``value.name``."""
        thing = value.thing
        if thing and thing.keys is not None and name in thing.keys and thing.name != "dict":
            return thing.keys[name].but(receiver=value)
        if name in _SAME or name == "best_estimator_":
            return value
        if name == "index":
            return _index(value)
        if name == "columns":
            return Value(columns=True, listed=True, has=value.has)
        if name in _PLAIN:
            return UNKNOWN
        if thing and name.endswith("_") and not name.startswith("best") and name not in _HARMLESS:
            return Value(learned=thing.learned, target=thing.target, origin=thing.origin)
        if self._is_column(value, name):
            return self.pick(value, Value(text=frozenset({name})))
        return Value(method=name, receiver=value, thing=thing)

    def _is_column(self, value: Value, name: str) -> bool:
        """Whether ``value.name`` is a column of a table."""
        if not value.rows or value.grouped or hasattr_table(name):
            return False
        special = {*self.task.target, *(column.name for column in value.has)}
        return name in special or "fold" in name or self.is_feature(name)

    def is_feature(self, name: str) -> bool:
        """Whether the task has a feature column of that name."""
        return False

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        return self.subscript(self.value(node.value, scope), node.slice, scope)

    def subscript(self, value: Value, index: ast.expr, scope: Scope) -> Value:
        """``value[index]``."""
        if isinstance(index, ast.Tuple):
            for position, part in enumerate(index.elts):
                if isinstance(part, ast.Slice):
                    value = self._slice(value, part, scope) if position == 0 else value
                else:
                    value = self._chosen(value, self.value(part, scope), first=position == 0)
            return value
        if isinstance(index, ast.Slice):
            return self._slice(value, index, scope)
        return self._chosen(value, self.value(index, scope), first=True)

    def _chosen(self, value: Value, selector: Value, *, first: bool) -> Value:
        thing = value.thing
        if thing and (thing.parts is not None or thing.keys is not None or thing.item):
            return self._element(value, selector)
        if selector.mask is not None:
            return self.at(value, selector)
        if selector.text is not None or selector.columns:
            return self.pick(value, selector)
        if selector.flag:
            return self.at(
                value, Value(mask=TRAIN if selector.flag == "train" else frozenset({TEST}))
            )
        if selector.listed or (selector.learned and not selector.rows):
            return self.pick(value, selector) if value.rows or value.columns else value
        if selector.index or selector.rows:
            return value.but(leaks=value.leaks | selector.leaks)
        return value.but(has=frozenset()) if not first else value

    def _element(self, value: Value, selector: Value) -> Value:
        thing = value.thing
        assert thing is not None
        if thing.parts is not None and isinstance(selector.const, int):
            number = selector.const
            if -len(thing.parts) <= number < len(thing.parts):
                return thing.parts[number]
        if thing.keys is not None and str(selector.const) in thing.keys:
            return thing.keys[str(selector.const)]
        if selector.mask is not None:
            return self.at(spread(value), selector)
        return any_element(value)

    def _slice(self, value: Value, index: ast.Slice, scope: Scope) -> Value:
        parts = elements(value)
        low, high = self.value(index.lower, scope), self.value(index.upper, scope)
        if parts is not None and index.step is None:
            ends = [low.const if index.lower else None, high.const if index.upper else None]
            if all(end is None or isinstance(end, int) for end in ends):
                return sequence(parts[ends[0] : ends[1]])
        if value.columns:
            return value.but(has=frozenset())
        head, tail = index.lower is None, index.upper is None
        if head == tail:
            return value
        if value.rows > TRAIN:
            return value.but(rows=TRAIN if head else frozenset({TEST}))
        bound = index.upper if head else index.lower
        if value.rows == TRAIN and not isinstance(getattr(bound, "operand", bound), ast.Constant):
            return self.at(value, Value(mask=frozenset({FIT}) if head else frozenset({VALID})))
        return value

    def each(self, value: Value, node: ast.expr | None = None) -> list[Value]:
        """The elements a loop goes over: all where they are known and few, else one for any."""
        parts = elements(value)
        if parts is not None and len(parts) <= 12:
            return parts
        return [any_element(value)]

    @abstractmethod
    def bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Assign to a target; the statements implement it."""


def _index(table: Value) -> Value:
    """``table.index``: the positions of its rows, which select those rows where they are a part."""
    if table.learned and not table.rows:
        return table
    mask = table.rows if table.rows and table.rows < TRAIN else None
    return Value(index=True, rows=table.rows, mask=mask)


def hasattr_table(name: str) -> bool:
    """Whether a pandas table has an attribute of that name, so that it can't mean a column."""
    import pandas as pd

    return hasattr(pd.DataFrame, name) or hasattr(pd.Series, name) or hasattr(builtins, name)
