"""Comprehensions of a script, evaluated to abstract values."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mle_star.engineer.playbook.leakage.expressions import Expressions
from mle_star.engineer.playbook.leakage.tables import Scope, inner
from mle_star.engineer.playbook.leakage.values import (
    Thing,
    Value,
    elements,
    join_all,
    sequence,
)


class Comprehensions(Expressions):
    """Evaluates comprehensions; lists of column names are followed closely."""

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope) -> Value:
        names = self._filtered_names(node, scope)
        if names is not None:
            return names
        made = [self.value(node.elt, s) for s in self._loops(node.generators, inner(scope))]
        parts = elements(self.value(node.generators[0].iter, scope))
        simple = len(node.generators) == 1 and not node.generators[0].ifs
        if simple and parts is not None and len(parts) == len(made):
            return sequence(made)
        whole = join_all(made)
        return Value(
            thing=Thing("list", item=whole),
            text=whole.text,
            listed=True,
            leaks=whole.leaks,
            columns=whole.columns,
            has=whole.has,
            learned=frozenset() if whole.rows else whole.learned,
            origin=whole.origin,
            target=whole.target,
            mild=whole.mild,
        )

    _generatorexp = _listcomp
    _setcomp = _listcomp

    def _dictcomp(self, node: ast.DictComp, scope: Scope) -> Value:
        made = [
            (self.value(node.key, s), self.value(node.value, s))
            for s in self._loops(node.generators, inner(scope))
        ]
        item = join_all([v for _, v in made])
        stats = self.combine(*[v for pair in made for v in pair])
        if stats.learned:
            return stats
        return Value(thing=Thing("dict", item=item), leaks=item.leaks)

    def _filtered_names(
        self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, scope: Scope
    ) -> Value | None:
        """``[c for c in names if c not in others]``; None where it is something else."""
        loop, made = node.generators[0], node.elt
        if len(node.generators) > 1 or not isinstance(made, ast.Name):
            return None
        if not isinstance(loop.target, ast.Name) or made.id != loop.target.id:
            return None
        source = self.value(loop.iter, scope)
        if source.rows and source.has and not source.target:
            source = Value(columns=True, has=source.has)
        if not source.columns and source.text is None:
            return None
        for test in _conjunction(loop.ifs):
            source = self._narrow(source, test, scope)
        return source.but(listed=True, thing=None, const=None)

    def _narrow(self, names: Value, test: ast.expr, scope: Scope) -> Value:
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            other = self.value(test.comparators[0], scope)
            if isinstance(test.left, ast.Constant):
                return names.but(has=frozenset())
            known = other.text is not None or other.columns
            if isinstance(test.ops[0], ast.NotIn | ast.NotEq) and known:
                gone = other.text or {c.name for c in other.has}
                text = names.text - gone if names.text is not None else None
                return names.but(
                    has=frozenset(c for c in names.has if c.name not in gone), text=text
                )
            if isinstance(test.ops[0], ast.In | ast.Eq) and known:
                kept = other.text or {c.name for c in other.has}
                return names.but(has=frozenset(c for c in names.has if c.name in kept))
        if isinstance(test, ast.UnaryOp) and isinstance(test.operand, ast.Call):
            call = test.operand
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr in ("startswith", "endswith")
                and call.args
            ):
                ends = tuple(self.value(call.args[0], scope).text or ())
                hit = str.startswith if call.func.attr == "startswith" else str.endswith
                return names.but(has=frozenset(c for c in names.has if not hit(c.name, ends)))
        return names.but(has=frozenset())

    def _loops(self, generators: list[ast.comprehension], scope: Scope) -> Iterator[Scope]:
        """The scope for each known element of the loops, or once where they aren't known."""
        first, *rest = generators
        for element in self.each(self.value(first.iter, scope), first.iter):
            self.bind(first.target, element, scope)
            for test in first.ifs:
                self.value(test, scope)
            if rest:
                yield from self._loops(rest, scope)
            else:
                yield scope


def _conjunction(tests: list[ast.expr]) -> Iterator[ast.expr]:
    for test in tests:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            yield from _conjunction(test.values)
        else:
            yield test
