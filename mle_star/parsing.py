"""Python source to a syntax tree, from several threads at once.

CPython up to 3.12 counts how deep it is in a tree in a place that all threads share. Where another
thread parses at the same time, ``ast.parse`` of correct source then fails by chance with a
SystemError ("AST constructor recursion depth mismatch", python/cpython#106905). Parallel solutions
are threads, so all of this package's parsing goes through here.
"""

from __future__ import annotations

import ast
import threading

_TRIES = 20
"""A library that parses in a thread of its own does not know our lock, and may hit us again."""
_one_at_a_time = threading.RLock()


def parse(source: str) -> ast.Module:
    """The syntax tree of a module's source.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: As ``ast.parse`` does.
    """
    for _ in range(_TRIES - 1):
        try:
            with _one_at_a_time:
                return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)
