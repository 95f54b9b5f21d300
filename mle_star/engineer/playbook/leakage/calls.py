"""Calls: whose function it is, and what its arguments are."""

from __future__ import annotations

import ast

from mle_star.engineer.playbook.leakage.fitting import Arguments
from mle_star.engineer.playbook.leakage.methods import Methods
from mle_star.engineer.playbook.leakage.tables import Scope
from mle_star.engineer.playbook.leakage.values import (
    UNKNOWN,
    Value,
    any_element,
    elements,
)


class Calls(Methods):
    """Evaluates calls."""

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        arguments = self._arguments(node, scope)
        function = node.func
        if isinstance(function, ast.Attribute) and not self._is_module(function.value, scope):
            if isinstance(function.value, ast.Attribute) and function.value.attr in ("str", "dt"):
                return self.combine(self.value(function.value, scope), *arguments.all)
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
        return self.function(name, arguments)

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
        """Whether no statement of the script bound the name, as with ``np.random``."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id not in scope
