"""What the checker knows about a value of a script: the rows it holds, the rows it has learnt from.

An *abstract value* stands for everything a variable may hold when the script runs. Rows are told
apart by what they are to the fold at hand: rows that models are fitted on, rows that are predicted
for validation, rows of the test table.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any

FIT, VALID, TEST = "fit", "valid", "test"
Rows = frozenset[str]
NONE: Rows = frozenset()
TRAIN: Rows = frozenset({FIT, VALID})
Lines = tuple[int, int]
"""First and last line of a statement, from 1."""


@dataclass(frozen=True)
class Leak:
    """A place where rows or labels get to where they must not be.

    ``kind`` is one of fit, test, target, in-sample, feature, order, label, file. A mild leak hardly
    moves a score.
    """

    kind: str
    reason: str
    lines: Lines
    mild: bool = False
    used: Lines | None = None
    """Statement that applies what was learnt, where that is another one."""


@dataclass(frozen=True)
class Column:
    """A column a model must not see: ``role`` is target or fold."""

    name: str
    role: str


@dataclass
class Thing:
    """Something a script changes in place: an estimator that is fitted, a list, a dictionary."""

    name: str = ""
    learned: Rows = NONE
    target: bool = False
    on_target: bool = False
    """Fitted on labels alone (a label encoder)."""
    on_oof: bool = False
    """Fitted on out-of-fold predictions (a calibrator, a stacker)."""
    origin: Lines = (0, 0)
    leaks: frozenset[Leak] = frozenset()
    parts: list[Value] | None = None
    keys: dict[str, Value] | None = None
    item: Value | None = None


@dataclass(frozen=True)
class Closure:
    """A function with the scope it was defined in."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: MutableMapping[str, Value]


@dataclass(frozen=True)
class Value:
    """See the module's docstring. The default is a value nothing is known about."""

    rows: Rows = NONE
    mask: Rows | None = None
    """The rows it selects, for a boolean mask or a list of positions."""
    own: bool = False
    """A mask that the script drew itself, not one of folds.csv."""
    learned: Rows = NONE
    """A statistic: the rows it was computed from (``rows`` is empty then)."""
    origin: Lines = (0, 0)
    mild: bool = False
    target: bool = False
    oof: bool = False
    has: frozenset[Column] = frozenset()
    shaped: Lines = (0, 0)
    """Statement that chose the columns."""
    text: frozenset[str] | None = None
    """Possible values of a string; all values of a list of strings."""
    listed: bool = False
    const: Any = None
    columns: bool = False
    """Names of columns; those of ``has`` are among them."""
    folds: bool = False
    flag: str = ""
    """A column that tells train rows from test rows: is_train, is_test."""
    grouped: bool = False
    index: bool = False
    leaks: frozenset[Leak] = frozenset()
    thing: Thing | None = None
    method: str = ""
    receiver: Value | None = None
    calls: tuple[Closure, ...] = field(default=())

    def but(self, **changes: Any) -> Value:
        """A copy with some fields changed."""
        return replace(self, **changes)


UNKNOWN = Value()


def leaks_of(values: Iterable[Value]) -> frozenset[Leak]:
    """Every leak that taints one of the values."""
    return frozenset(leak for value in values for leak in value.leaks)


def join(first: Value, second: Value) -> Value:
    """What is known when it may be one or the other."""
    if first == second or second is UNKNOWN:
        return first
    if first is UNKNOWN:
        return second
    both = bool(first.rows and second.rows)
    masks = first.mask is not None and second.mask is not None
    texts = first.text is not None and second.text is not None
    return Value(
        rows=first.rows | second.rows,
        mask=(first.mask or NONE) | (second.mask or NONE) if masks else None,
        learned=first.learned | second.learned,
        origin=second.origin if second.learned else first.origin,
        mild=first.mild and second.mild,
        target=first.target or second.target,
        oof=first.oof or second.oof,
        has=first.has & second.has if both else first.has | second.has,
        shaped=second.shaped if second.shaped != (0, 0) else first.shaped,
        text=(first.text or frozenset()) | (second.text or frozenset()) if texts else None,
        listed=first.listed or second.listed,
        columns=first.columns or second.columns,
        folds=first.folds or second.folds,
        grouped=first.grouped or second.grouped,
        leaks=first.leaks | second.leaks,
        thing=second.thing or first.thing,
        method=second.method or first.method,
        receiver=second.receiver or first.receiver,
        calls=(*first.calls, *(c for c in second.calls if c not in first.calls))[:8],
    )


def join_all(values: Iterable[Value]) -> Value:
    """What is known when it may be any of them."""
    result = UNKNOWN
    for value in values:
        result = join(result, value)
    return result


def sequence(parts: Iterable[Value], name: str = "list") -> Value:
    """A list or tuple of known length."""
    known = list(parts)
    texts = [p.text for p in known]
    text = (
        frozenset().union(*[t for t in texts if t]) if all(t is not None for t in texts) else None
    )
    return Value(thing=Thing(name, parts=known), text=text, listed=True, leaks=leaks_of(known))


def elements(value: Value) -> list[Value] | None:
    """The parts of a list of known length; None where the length is not known."""
    thing = value.thing
    if thing is None:
        return None
    if thing.parts is not None:
        return thing.parts
    return None


def any_element(value: Value) -> Value:
    """An element of a value one loops over."""
    thing = value.thing
    if thing is not None and (thing.parts or thing.item or thing.keys):
        some = [*(thing.parts or []), *((thing.keys or {}).values())]
        return join_all([*some, *([thing.item] if thing.item else [])])
    if value.text is not None and value.listed:
        return Value(text=value.text, has=value.has)
    if value.columns:
        return Value(columns=True, has=value.has, learned=value.learned, origin=value.origin)
    if value.learned and not value.rows:
        return value
    return Value(leaks=value.leaks)


def spread(value: Value) -> Value:
    """A list taken as one value: what an array stacked from its parts holds."""
    if value.thing is None or value.thing.learned or value.rows:
        return value
    inner = any_element(value)
    return inner if inner is not UNKNOWN else value


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())
