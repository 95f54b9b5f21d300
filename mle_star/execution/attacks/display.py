"""Text of scripts that reaches a terminal or a report."""

from __future__ import annotations

import json
import unicodedata

from mle_star.execution.attacks.bench import Bench, Family, NotRun, expect
from mle_star.execution.base import Executor
from mle_star.execution.cache import CachedExecutor

display = Family("display")

ERROR = """
import sys
evil = ("first words \\x1b]0;owned\\x07\\x1b[2J\\x1b[31m\\x9b5m\\x1bP+q\\x1b\\\\"
        "\\x1b]8;;http://example.invalid\\x07here\\x1b]8;;\\x07"
        "\\r\\b\\x7f\\u202eabc\\u2066\\u200b\\u2028")
print(evil)
print(evil, file=sys.stderr)
raise ValueError(evil)
"""

NAMES = """
import os
for name in (b"\\x1b[31mred.csv", b"line\\nbreak.csv", b"\\xff\\xfe.csv", b"\\xe2\\x80\\xae.csv"):
    open(b"final/" + name, "w").write("a")
"""

MARKUP = "raise ValueError('<script>alert(1)</script> [bold red]x[/] [link=http://a]b[/link]')"

BYTES = """
import os
os.write(1, bytes(range(256)) + b"\\xed\\xa0\\x80")
os.write(2, bytes(range(256)))
"""


def obeyed(text: str) -> list[str]:
    """Characters by which a terminal would be steered or text be hidden."""
    return sorted({char for char in text if unicodedata.category(char)[0] in "CZ" and char != " "})


def _shown(bench: Bench, value: object) -> str:
    if bench.show is None:
        raise NotRun("nothing was given that shows text")
    text = bench.show(value)
    expect(not obeyed(text), f"the terminal would obey {obeyed(text)!r}")
    return text


@display("escape-errors", "terminal escape sequences in errors, outputs and labels")
def escape_errors(executor: Executor, bench: Bench) -> None:
    """The words come through, the sequences do not."""
    label = "label\x1b[2J\x1b]0;owned\x07"
    done = bench.run(executor, ERROR, label=label)
    expect(done.exception is not None, f"no exception was seen: {done.problem}")
    values = (done.problem, done.stdout.text, done.stderr.text, done.exception, label)
    for value in values:
        _shown(bench, value)
    expect("first words" in _shown(bench, done.problem), "the words were lost")


@display("escape-names", "terminal escape sequences and broken text in file names")
def escape_names(executor: Executor, bench: Bench) -> None:
    """Also through the record of the run and back."""
    cached = CachedExecutor(executor)
    job = bench.make(NAMES)
    for done in (cached.submit(job).result(30), cached.submit(job).result(30)):
        expect(len(done.artefacts) == 4, f"{len(done.artefacts)} of 4 files: {done.problem}")
        for name in done.artefacts:
            _shown(bench, name)
        json.dumps(list(done.artefacts)).encode()


@display("markup", "HTML and terminal markup in errors")
def markup(executor: Executor, bench: Bench) -> None:
    """Shown to the letter; whoever makes HTML of it escapes it there."""
    done = bench.run(executor, MARKUP)
    said = MARKUP.partition("'")[2].rpartition("'")[0]
    expect(said in _shown(bench, done.problem), "the text was changed")


@display("raw-bytes", "bytes that are no text")
def raw_bytes(executor: Executor, bench: Bench) -> None:
    """What is kept can be written as UTF-8."""
    done = bench.run(executor, BYTES)
    for text in (done.stdout.text, done.stderr.text):
        expect(len(text) > 200, "output was lost")
        expect(text.isascii() or "\ufffd" in text, "bytes that are no text were kept")
        expect(not any("\ud800" <= char <= "\udfff" for char in text), "it is no UTF-8")
        _shown(bench, text)
