"""The command line: ``mle-star``.

Exit codes: 0 done, 1 no script had a score or something broke, 2 the input must be mended, 130
stopped (and can be resumed).
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

from mle_star.errors import MleStarError, RunStopped, RunWaits, UserError

__all__ = ["main"]

ASKED = "_MLE_STAR_COMPLETE"
"""Environment variable by which a shell asks what a word could become."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character gets a question mark, not a crash after a long run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if ASKED in os.environ:
        from mle_star.cli.app import app
        from mle_star.cli.completing import answer

        sys.exit(answer(app))
    sys.exit(call(arguments))


def call(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. Nothing but a request to exit is raised."""
    from mle_star.cli.app import app

    if "" not in sys.path:  # an engineer of the user's own is found in the working folder
        sys.path.insert(0, "")
    try:
        given = None if arguments is None else list(arguments)
        code = app(args=given, prog_name="mle-star", standalone_mode=False)
    except UserError as error:
        return fail(str(error), 2)
    except RunStopped as stopped:
        return fail(stop_message(stopped), 130)
    except KeyboardInterrupt:
        return fail("Stopped.", 130)
    except MleStarError as error:
        return fail(str(error), 1)
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: a message, not a traceback
        if hasattr(error, "format_message"):
            return fail(usage(error), 2)
        return fail(broken(error), 1)
    if code == 130:  # typer has turned Ctrl-C into its exit code
        return fail("Stopped.", 130)
    return code if isinstance(code, int) else 0


def fail(message: str, code: int) -> int:
    """Say on stderr what is wrong; returns the exit code."""
    from mle_star.report.text import clean

    sys.stderr.write(f"mle-star: {clean(message)}\n")
    return code


def stop_message(stopped: RunStopped) -> str:
    """How to go on with a run that was stopped."""
    from pathlib import Path

    from mle_star.cli.output import relative

    run = getattr(stopped, "run", None)
    if not run:
        return str(stopped) or "Stopped."
    name = shlex.quote(str(relative(Path(str(run)))))
    if isinstance(stopped, RunWaits):
        return str(stopped).replace(str(run), name)
    return f"Stopped; what is finished is kept. Go on with: mle-star resume {name}"


def usage(error: Any) -> str:
    """One sentence for arguments that can't be understood, naming what could have been meant."""
    message = str(error.format_message()).strip().rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return f"{message}."
    if hasattr(error, "option_name"):
        names = [o for p in context.command.params for o in p.opts if o.startswith("--")]
        if getattr(error, "possibilities", None):  # the message names them
            return f"{message}; see '{context.command_path} --help'."
        return f"{message}; {context.command_path} knows: {', '.join(sorted(names))}."
    commands = getattr(context.command, "commands", None)
    if commands:
        joint = " The" if message.endswith("?") else "; the"
        return f"{message}{joint} commands are: {', '.join(commands)}."
    return f"{message}; see '{context.command_path} --help'."


def broken(error: Exception) -> str:
    """Keep the traceback in a file, and say where."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="mle-star-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        traceback.print_exception(error, file=log)
    return (
        f"something broke ({type(error).__name__}: {error}). This is a mistake of mle-star; "
        f"the details are in {log.name}."
    )
