"""Parsing from many threads at once."""

from __future__ import annotations

import ast
import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mle_star import parsing

PACKAGE = Path(parsing.__file__).parent
SOURCE = Path(__file__).read_text(encoding="utf-8")
Parser = Callable[[str], ast.AST]


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads change places in the midst of building a tree, whenever garbage is collected."""

    def other_thread(phase: str, info: dict[str, int]) -> None:
        time.sleep(0)

    before = gc.get_threshold()
    gc.set_threshold(50)
    gc.callbacks.append(other_thread)
    yield
    gc.callbacks.remove(other_thread)
    gc.set_threshold(*before)


def failures(
    parse: Callable[[str], ast.AST], others: Callable[[str], ast.AST]
) -> list[SystemError]:
    """What went wrong when four threads parse at once, two of them in another way."""
    failed: list[SystemError] = []

    def work(way: Parser) -> None:
        for _ in range(40):
            try:
                way(SOURCE)
            except SystemError as error:
                if way is parse:
                    failed.append(error)

    threads = [threading.Thread(target=work, args=(way,)) for way in (parse, others) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_threads_do_not_disturb_each_other(switching: None) -> None:
    assert failures(parsing.parse, parsing.parse) == []


def test_a_library_that_parses_beside_us_does_not_disturb_us(switching: None) -> None:
    assert failures(parsing.parse, ast.parse) == []


def test_a_parser_that_was_disturbed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = ast.parse, []

    def disturbed(source: str) -> ast.Module:
        calls.append(source)
        if len(calls) < 4:
            raise SystemError("AST constructor recursion depth mismatch (before=93, after=88)")
        return real(source)

    monkeypatch.setattr(ast, "parse", disturbed)
    assert ast.unparse(parsing.parse("a = 1")) == "a = 1"
    assert len(calls) == 4


def test_one_that_always_fails_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: str) -> ast.Module:
        raise SystemError("broken")

    monkeypatch.setattr(ast, "parse", broken)
    with pytest.raises(SystemError, match="broken"):
        parsing.parse("a = 1")


@pytest.mark.parametrize("source", ["def", "a = 1\n  b = 2", "a\0b"])
def test_wrong_source_fails_as_before(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        parsing.parse(source)


def test_nothing_else_in_the_package_parses_by_itself() -> None:
    direct = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "ast.parse(" in path.read_text(encoding="utf-8") and path.name != "parsing.py"
    ]
    assert direct == []
