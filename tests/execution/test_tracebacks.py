from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mle_star.execution import ScriptError
from mle_star.execution.tracebacks import parse_traceback


def fail(code: str, folder: Path) -> ScriptError:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(code).lstrip("\n"))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    found = parse_traceback(done.stderr)
    assert found is not None
    return found


def test_the_deepest_line_of_the_script_not_of_a_library(tmp_path: Path) -> None:
    found = fail(
        """
        import json
        def load(text):
            return json.loads(text)
        load("{")
        """,
        tmp_path,
    )
    assert (found.type, found.line) == ("JSONDecodeError", 3)
    assert found.message.startswith("Expecting property name")


@pytest.mark.parametrize("how", ["raise KeyError('b') from e", "raise KeyError('b')"])
def test_of_a_chain_the_last_exception_counts(tmp_path: Path, how: str) -> None:
    found = fail(f"try:\n    1 / 0\nexcept Exception as e:\n    {how}\n", tmp_path)
    assert (found.type, found.message, found.line) == ("KeyError", "'b'", 4)
    assert "ZeroDivisionError" in found.traceback


@pytest.mark.parametrize(
    ("code", "kind", "line"),
    [
        ("a = 1\nb = (\n", "SyntaxError", 2),
        ("if 1:\nx = 2\n", "IndentationError", 2),
        ("a = 1\nexec('b = (')\n", "SyntaxError", 2),
    ],
)
def test_syntax_errors(tmp_path: Path, code: str, kind: str, line: int) -> None:
    found = fail(code, tmp_path)
    assert (found.type, found.line) == (kind, line)
    assert found.message


def test_a_message_of_many_lines_is_kept(tmp_path: Path) -> None:
    found = fail("raise ValueError('first\\n\\nthird')", tmp_path)
    assert found.message == "first\n\nthird"


def test_an_exception_without_message(tmp_path: Path) -> None:
    found = fail("assert False", tmp_path)
    assert (found.type, found.message, found.line) == ("AssertionError", "", 1)


def test_a_class_of_the_script_is_named_without_its_module(tmp_path: Path) -> None:
    found = fail("class Odd(Exception): pass\ndef f():\n    raise Odd('x')\nf()", tmp_path)
    assert (found.type, found.line) == ("Odd", 3)


def test_an_exception_group(tmp_path: Path) -> None:
    found = fail("raise ExceptionGroup('several', [ValueError('v')])", tmp_path)
    assert (found.type, found.line) == ("ExceptionGroup", 1)
    assert "ValueError: v" in found.traceback


def test_what_is_reported_on_the_side_does_not_count(tmp_path: Path) -> None:
    found = fail(
        """
        import threading
        class Noisy:
            def __del__(self):
                raise RuntimeError("ignored")
        noisy = Noisy()
        t = threading.Thread(target=lambda: 1 / 0)
        t.start(); t.join()
        raise ValueError("the cause")
        """,
        tmp_path,
    )
    assert (found.type, found.line) == ("ValueError", 8)
    assert found.message == "the cause"


def test_a_traceback_quoted_in_a_message_does_not_hide_the_line(tmp_path: Path) -> None:
    found = fail(
        """
        quoted = 'Traceback (most recent call last):\\n  File "lib.py", line 9\\nTypeError: inner'
        raise ValueError("5 fits failed:\\n" + quoted)
        """,
        tmp_path,
    )
    assert found.line == 2
    assert "TypeError: inner" in found.traceback


@pytest.mark.parametrize(
    "text", ["", "done\n", "Warning: odd\nError: no\n", "Traceback (most recent"]
)
def test_no_traceback(text: str) -> None:
    assert parse_traceback(text) is None
