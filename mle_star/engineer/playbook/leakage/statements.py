"""Statements of a script, run on abstract values."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Sequence

from mle_star.engineer.playbook.leakage.calls import Calls
from mle_star.engineer.playbook.leakage.fitting import Arguments
from mle_star.engineer.playbook.leakage.tables import Scope, inner, named_like_folds
from mle_star.engineer.playbook.leakage.values import (
    FIT,
    NONE,
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
)
from mle_star.tasks.spec import TaskSpec

_DEPTH = 10


class Analysis(Calls):
    """Runs a whole script. What it found is in ``found``."""

    def __init__(self, task: TaskSpec, folds: int, features: frozenset[str]) -> None:
        super().__init__(task, folds)
        self.names = features
        self.depth = 0
        self.returned: list[list[Value]] = []
        self.yielded: list[list[Value]] = []

    def run(self, tree: ast.Module) -> None:
        """Run the script from top to bottom."""
        texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
        self.given_folds = any(isinstance(text, str) and "folds.csv" in text for text in texts)
        self.block(tree.body, ChainMap({}))

    def is_feature(self, name: str) -> bool:
        """Whether the task has a feature column of that name."""
        return name in self.names

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """Run statements in order."""
        for statement in body:
            before, self.lines = (
                self.lines,
                (statement.lineno, statement.end_lineno or statement.lineno),
            )
            run = getattr(self, f"_{type(statement).__name__.lower()}_", None)
            if run:
                run(statement, scope)
            self.lines = before

    def _expr_(self, node: ast.Expr, scope: Scope) -> None:
        self.value(node.value, scope)

    def _assign_(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope)

    def _annassign_(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value, scope), scope)

    def _augassign_(self, node: ast.AugAssign, scope: Scope) -> None:
        if isinstance(node.target, ast.Name | ast.Attribute | ast.Subscript):
            whole = ast.BinOp(left=node.target, op=node.op, right=node.value)
            self.bind(node.target, self.value(whole, scope), scope)

    def _return_(self, node: ast.Return, scope: Scope) -> None:
        if self.returned:
            self.returned[-1].append(self.value(node.value, scope))

    def _yield(self, node: ast.Yield, scope: Scope) -> Value:
        if self.yielded:
            self.yielded[-1].append(self.value(node.value, scope))
        return UNKNOWN

    def _delete_(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                table, names = self.value(target.value, scope), self.value(target.slice, scope)
                if table.rows:
                    self.bind(target.value, self.without(table, names), scope)

    def _functiondef_(self, node: ast.FunctionDef, scope: Scope) -> None:
        scope[node.name] = Value(calls=(Closure(node, scope),))

    def _classdef_(self, node: ast.ClassDef, scope: Scope) -> None:
        keys = {
            part.name: Value(calls=(Closure(part, scope),))
            for part in node.body
            if isinstance(part, ast.FunctionDef)
        }
        scope[node.name] = Value(thing=Thing("class", keys=keys))

    def _if_(self, node: ast.If, scope: Scope) -> None:
        self.value(node.test, scope)
        guarded = "column" in ast.dump(node.test) or any(
            t in ast.dump(node.test) for t in self.task.target
        )
        self.guarded += guarded
        branches = []
        for body in (node.body, node.orelse):
            branch = inner(scope)
            self.block(body, branch)
            branches.append(dict(branch.maps[0]) if isinstance(branch, ChainMap) else {})
        self.guarded -= guarded
        for name in branches[0].keys() | branches[1].keys():
            values = [b.get(name, scope.get(name, UNKNOWN)) for b in branches]
            scope[name] = join(*values)

    def _for_(self, node: ast.For, scope: Scope) -> None:
        names = _plain_names(node)
        over = self.value(node.iter, scope)
        parts = elements(over)
        passes = self.each(over)
        if len(passes) == 1 and (parts is None or len(parts) > 12):
            passes = [*passes, *passes]
        for number, element in enumerate(passes):
            self.bind(node.target, element, scope)
            self.block(node.body, scope)
            changed = scope.get(node.target.id) if isinstance(node.target, ast.Name) else None
            if changed is None or changed is element or not changed.rows:
                continue
            if names and number < len(names):
                scope[names[number]] = changed
            elif parts is not None and len(parts) == len(passes) and not _rebinds(node):
                parts[number] = changed
        self.block(node.orelse, scope)

    def _while_(self, node: ast.While, scope: Scope) -> None:
        self.value(node.test, scope)
        for _ in range(2):
            self.block(node.body, scope)

    def _with_(self, node: ast.With, scope: Scope) -> None:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
        self.block(node.body, scope)

    def _try_(self, node: ast.Try, scope: Scope) -> None:
        self.guarded += 1
        self.block(node.body, scope)
        for handler in node.handlers:
            self.block(handler.body, scope)
        self.guarded -= 1
        self.block(node.orelse, scope)
        self.block(node.finalbody, scope)

    def _match_(self, node: ast.Match, scope: Scope) -> None:
        for case in node.cases:
            self.block(case.body, scope)

    # --- binding -------------------------------------------------------------------------------

    def bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Assign a value to a name, a tuple, a column, some rows or an attribute."""
        if isinstance(target, ast.Name):
            unclear = value.mask is None and not value.has and not value.calls
            if unclear and named_like_folds(target.id) and not value.text:
                value = Value(folds=True, rows=value.rows)
            scope[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value, scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value, scope)
        elif isinstance(target, ast.Attribute):
            self._attribute_set(target, value, scope)
        elif isinstance(target, ast.Subscript):
            self._item_set(target, value, scope)

    def _unpack(self, targets: list[ast.expr], value: Value, scope: Scope) -> None:
        parts = elements(value)
        starred = [i for i, t in enumerate(targets) if isinstance(t, ast.Starred)]
        if parts is not None and len(parts) == len(targets) and not starred:
            for target, part in zip(targets, parts, strict=True):
                self.bind(target, part, scope)
            return
        one = value if value.rows or value.learned else any_element(value)
        for target in targets:
            self.bind(target, one, scope)

    def _attribute_set(self, target: ast.Attribute, value: Value, scope: Scope) -> None:
        owner = self.value(target.value, scope)
        if owner.thing is not None and not owner.rows:
            owner.thing.keys = {**(owner.thing.keys or {}), target.attr: value}
        elif owner.rows:
            name = Value(text=frozenset({target.attr}))
            self.bind(target.value, self.put(owner, name, value), scope)

    def _item_set(self, target: ast.Subscript, value: Value, scope: Scope) -> None:
        base = target.value
        while isinstance(base, ast.Attribute) and base.attr in (
            "loc",
            "iloc",
            "at",
            "iat",
            "values",
        ):
            base = base.value
        owner = self.value(base, scope)
        index = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
        selectors = [UNKNOWN if isinstance(i, ast.Slice) else self.value(i, scope) for i in index]
        thing = owner.thing
        if thing is not None and not owner.rows and thing.name in ("list", "dict"):
            self._entry_set(thing, selectors[0], value)
            return
        names = next((s for s in selectors if s.text is not None or s.columns), None)
        masked = next((s for s in selectors if s.mask is not None), None)
        if names is not None and owner.rows:
            if masked is not None and value.oof:
                value = value.but(rows=owner.rows)
            changed = self.put(owner, names, value)
        elif masked is not None or value.rows:
            mask = (masked.mask or NONE) if masked is not None else NONE
            inner_split = masked is not None and masked.own and self.given_folds
            self.report(value.leaks if mask == {VALID} and value.oof and not inner_split else ())
            rows = TRAIN if mask in ({FIT}, {VALID}) else value.rows
            rows |= owner.rows
            changed = join(
                owner.but(mask=None),
                Value(rows=rows, oof=value.oof, leaks=value.leaks, target=value.target),
            )
        else:
            changed = owner.but(leaks=owner.leaks | value.leaks)
        self.bind(base, changed, scope)

    def _entry_set(self, thing: Thing, key: Value, value: Value) -> None:
        parts = thing.parts
        if (
            parts is not None
            and isinstance(key.const, int)
            and -len(parts) <= key.const < len(parts)
        ):
            parts[key.const] = value
        elif parts is not None:
            thing.parts = [join(part, value) for part in parts]
        elif isinstance(key.const, str | int) and key.const is not None:
            thing.keys = {**(thing.keys or {}), str(key.const): value}
        else:
            thing.item = join(thing.item or UNKNOWN, value)

    # --- functions -----------------------------------------------------------------------------

    def enter(self, function: Value, arguments: Arguments) -> Value:
        """The result of a function of the script for these arguments."""
        if self.depth >= _DEPTH:
            return self.combine(*arguments.all)
        self.depth += 1
        results = [self._one_call(c, function, arguments) for c in function.calls]
        self.depth -= 1
        return results[0] if len(results) == 1 else join_all(results)

    def _one_call(self, closure: Closure, function: Value, arguments: Arguments) -> Value:
        node, scope = closure.node, inner(closure.scope)
        if function.receiver is not None and node.args.args and node.args.args[0].arg == "self":
            arguments = Arguments([function.receiver, *arguments.positional], arguments.named)
        self._parameters(node.args, arguments, scope, closure.scope)
        if isinstance(node, ast.Lambda):
            return self.value(node.body, scope)
        self.returned.append([])
        self.yielded.append([])
        self.block(node.body, scope)
        returned, yielded = self.returned.pop(), self.yielded.pop()
        if yielded:
            return Value(thing=Thing("list", item=join_all(yielded)))
        return returned[0] if len(returned) == 1 else join_all(returned)

    def _parameters(
        self, spec: ast.arguments, arguments: Arguments, scope: Scope, outside: Scope
    ) -> None:
        names = [a.arg for a in [*spec.posonlyargs, *spec.args]]
        given = dict(zip(names, arguments.positional, strict=False))
        rest = arguments.positional[len(names) :]
        defaults = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
        for name in [*names, *(a.arg for a in spec.kwonlyargs)]:
            if name in arguments.named:
                given[name] = arguments.named[name]
            elif name not in given:
                given[name] = self.value(defaults.get(name), outside)
        scope.update(given)
        if spec.vararg:
            from mle_star.engineer.playbook.leakage.values import sequence

            scope[spec.vararg.arg] = sequence(rest)
        if spec.kwarg:
            extra = {k: v for k, v in arguments.named.items() if k not in given}
            scope[spec.kwarg.arg] = Value(thing=Thing("dict", keys=extra))

    def instance(self, made: Value, arguments: Arguments) -> Value:
        """An object of a class of the script, after ``__init__``."""
        methods = dict((made.thing.keys if made.thing else None) or {})
        thing = Thing("object", keys=methods)
        whole = Value(thing=thing)
        if "__init__" in methods:
            self.enter(methods["__init__"].but(receiver=whole), arguments)
        return whole


def _plain_names(node: ast.For) -> list[str]:
    """Names that ``for table in (train, test)`` goes over and changes in place."""
    if not isinstance(node.iter, ast.Tuple | ast.List) or _rebinds(node):
        return []
    names = [item.id for item in node.iter.elts if isinstance(item, ast.Name)]
    return names if len(names) == len(node.iter.elts) else []


def _rebinds(node: ast.For) -> bool:
    """Whether the loop's body gives its variable a new value."""
    if not isinstance(node.target, ast.Name):
        return True
    return any(
        isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id == node.target.id
        for statement in node.body
        for part in ast.walk(statement)
    )
