"""Whether Python code compiles, what may be mended so that it does, and what it leaves out."""

from __future__ import annotations

import ast
import builtins
import io
import re
import textwrap
import threading
import tokenize
import warnings
from collections.abc import Iterator

from mle_star.parsing import parse

_MAGIC = re.compile(r"^[ \t]*(?:!|%%?[a-zA-Z]|\?)[^\n]*$", re.MULTILINE)
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u202f\u2009\u200a\u2002\u2003\u3000", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("‘’", "'"),
    }
)
_LEFT_OUT = re.compile(
    r"^(?:\.\.\.|…)[^\w]*(?:.*\b(?:existing|rest|remain\w*|previous|unchanged|same|omitted|code"
    r"|script)\b.*)?$"
    r"|\b(?:(?:existing|previous|remaining) code|code above|rest of|same as|unchanged|omitted)\b.*"
    r"(?:\.\.\.|…)$"
    r"|^(?:the )?(?:rest|remainder)(?: of (?:the |your )?(?:code|script|file|function|pipeline))?"
    r"(?: (?:is |remains |stays )?(?:the same|unchanged|as before|omitted|goes here|here).*)?$"
    r"|^(?:the )?(?:existing|previous|original|remaining) (?:code|script)"
    r"(?: (?:here|goes here|unchanged|(?:is|remains|stays).*))?$"
    r"|^(?:insert|add|put|paste|your) (?:.* )?code (?:goes )?here$"
    r"|^code (?:omitted|unchanged)\b",
    re.IGNORECASE,
)
_ONE_AT_A_TIME = threading.Lock()


def compiles(code: str) -> SyntaxError | None:
    """None where the code compiles; nothing is run."""
    # Python warns of odd escapes while it compiles. The filters are shared by all threads.
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<answer>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return error
        except (RecursionError, MemoryError, OverflowError):
            return SyntaxError("too many brackets within brackets")
        except ValueError as error:  # NUL characters, halves of characters
            return SyntaxError(str(error))
    return None


def parsed(code: str) -> ast.Module:
    """The syntax tree of code that compiles; an empty one for other code."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module(body=[], type_ignores=[])


def repairs(code: str) -> Iterator[str]:
    """The code itself, then with more and more mended; the first that compiles is meant."""
    yield code
    plain = _MAGIC.sub(_without_magic, code)
    if plain != code:
        yield plain
    clean = plain.translate(_CHARACTERS)
    for mended in (clean, clean.expandtabs(4), clean.expandtabs(8)):
        if mended != plain:
            yield mended
        dedented = textwrap.dedent(mended)
        if dedented != mended:
            yield dedented


def _without_magic(match: re.Match[str]) -> str:
    """A notebook command is dropped; an indented one may be all of a body, which must stay."""
    indent = match[0][: len(match[0]) - len(match[0].lstrip(" \t"))]
    return f"{indent}pass" if indent else ""


def says_something(code: str) -> bool:
    """Whether there is any statement beside bare names and values, such as printed output."""
    silent = (
        ast.Constant,
        ast.Name,
        ast.Tuple,
        ast.List,
        ast.Dict,
        ast.Set,
        ast.UnaryOp,
        ast.BinOp,
    )
    for node in parsed(textwrap.dedent(code)).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, silent):
            continue
        if isinstance(node, ast.AnnAssign) and node.value is None:
            continue  # "accuracy: 0.9"
        return True
    return False


def unbound(before: str, after: str) -> list[str]:
    """Names that ``after`` reads and nothing in it defines any more, though ``before`` did.

    Scopes are not told apart, so a name that is listed is missing wherever it is read.
    """
    defined, _ = _names(before)
    still, read = _names(after)
    lost: set[str] = set() if "*" in still else (defined - still) & read
    return sorted(lost - set(dir(builtins)))


def _names(code: str) -> tuple[set[str], set[str]]:
    """The names that code binds anywhere, and those that it reads anywhere."""
    bound: set[str] = set()
    read: set[str] = set()
    for node in ast.walk(parsed(code)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.MatchMapping):
            bound.add(node.rest or "")
        else:  # functions, classes, caught errors, captures of a match
            name = getattr(node, "name", None)
            bound.update([name] if isinstance(name, str) else [])
    return bound, read


def strings(code: str) -> str:
    """The texts that stand in code, and its keyword arguments, one a line; no comments."""
    found = []
    for node in ast.walk(parsed(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.keyword):
            found.append(node.arg or "")
    return "\n".join(found)


def placeholder(code: str) -> str:
    """The comment or ``...`` that stands for code left out; empty where nothing is."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            said = token.string.lstrip("#").strip(" \t-=*()[]<>")
            if token.type == tokenize.COMMENT and _LEFT_OUT.search(said[:300]):
                return token.string
    except (tokenize.TokenError, SyntaxError):
        pass  # a block that is only whole within its script
    for node in ast.walk(parsed(textwrap.dedent(code))):
        if isinstance(node, ast.ClassDef):
            continue
        body = getattr(node, "body", None)
        if isinstance(body, list) and any(map(_is_ellipsis, body)):
            return "..."
    return ""


def _is_ellipsis(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and node.value.value is Ellipsis
    )
