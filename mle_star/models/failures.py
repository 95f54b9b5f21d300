"""What went wrong between us and a provider, told the same way for every client library.

Errors are recognised by their status, and failing that by the names of their classes: no client
library has to be imported, and those that share a design (httpx and its successors, the libraries
of OpenAI and Anthropic) are understood alike.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mle_star.models.redaction import REMOVED, without_secrets

Kind = Literal["rate", "unavailable", "refused", "bad_request"]

_LONGEST = 300
_MASKED_KEY = re.compile(r"\bsk-[\w*-]{8,}")
"""A key as a provider repeats it, with asterisks in the middle and its ends readable."""

_HOPELESS = re.compile(
    r"api[ _]key[ _](?:not[ _]valid|invalid|expired)|invalid[ _]api[ _]key"
    r"|location is not supported",
    re.I,
)
"""Told with status 400, where 401 or 403 would have been fitting."""

_SPENT = re.compile(
    r"insufficient_quota|insufficient balance|credit balance is too low|PerDay|per day"
    r"|\blimit: 0\b|billing_hard_limit|spending limit",
    re.I,
)
"""A quota or a credit that no waiting of ours brings back."""

_BAD_ADDRESS = {"UnsupportedProtocol", "InvalidURL", "MissingSchema", "InvalidSchema"}
_LOST = {"ReadTimeout", "RemoteProtocolError", "ReadError", "ChunkedEncodingError"}
"""The request had arrived when the connection ended: the provider may bill it."""
_UNREACHED = {
    "TransportError",
    "APIConnectionError",
    "APIResponseValidationError",
    "ModelConnectionError",
    "ModelTimeoutError",
    "RequestException",
    "HTTPError",
    "OSError",
    "JSONDecodeError",
}
_STATUS_OF = {
    "ModelAuthenticationError": 401,
    "ModelPermissionDeniedError": 403,
    "ModelNotFoundError": 404,
    "ModelRateLimitError": 429,
    "ModelAPIError": 500,
}
"""What langchain's classes stand for, where an error brings no status of its own."""


@dataclass(frozen=True)
class Failure:
    """Why a request got no answer."""

    kind: Kind
    """``rate``: too many requests; ``unavailable``: out of reach or out of order; ``refused``: a
    person must mend it; ``bad_request``: this request can't be answered, others may."""
    retry_after: float | None
    """Seconds the provider asks to wait; None where it doesn't say, infinite where no waiting
    helps."""
    message: str
    """What the provider said, in one line, without secrets."""
    maybe_billed: bool = False
    """Whether the provider had the request and may bill it although no answer came."""
    status: int | None = None
    """HTTP status, where there was one."""


def classify(error: BaseException) -> Failure:
    """Say what an error of a client library means."""
    chain = list(_causes(error))
    names = {base.__name__ for one in chain for base in type(one).__mro__}
    told = (_status(one) for one in chain)
    by_class = (status for name, status in _STATUS_OF.items() if name in names)
    status = next((found for found in (*told, *by_class) if found is not None), None)
    said = " ".join(_said(one) for one in chain)
    message = one_line(_message(chain))
    if "JSONDecodeError" in names and (status or 200) < 400:
        message = f"what came back is no JSON ({message})"
    billed = bool(names & _LOST)
    if status is None:
        if names & _BAD_ADDRESS:
            return Failure("refused", None, message)
        kind: Kind = "unavailable" if names & _UNREACHED else "bad_request"
        return Failure(kind, None, message, billed)
    if (status in (400, 402, 429) and _SPENT.search(said)) or status == 402:
        return Failure("unavailable", math.inf, message, status=status)
    if status == 429:
        return Failure("rate", _delay(chain), message, status=status)
    if status in (401, 403, 404) or (status == 400 and _HOPELESS.search(said)):
        return Failure("refused", None, message, status=status)
    if status in (408, 409, 425) or status >= 500:
        return Failure("unavailable", _delay(chain), message, status=status)
    if status < 400:  # an answer arrived, but could not be read
        return Failure("unavailable", None, message, True, status)
    return Failure("bad_request", None, message, status=status)


def one_line(text: str) -> str:
    """A message without secrets, on one line of at most a few hundred characters."""
    # A key is often pasted with a line break, which the provider's message then lacks.
    environ = {name: value.strip() for name, value in os.environ.items()}
    text = _MASKED_KEY.sub(REMOVED, str(without_secrets(text, environ)))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or hidden


def _status(error: BaseException) -> int | None:
    """HTTP status; google-genai calls it ``code``, which is a string elsewhere."""
    response = getattr(error, "response", None)
    candidates = (
        getattr(error, "status_code", None),
        getattr(response, "status_code", None),
        getattr(error, "code", None),
        _object(error).get("code"),
    )
    return next((c for c in candidates if isinstance(c, int) and not isinstance(c, bool)), None)


def _object(error: BaseException) -> Mapping[str, Any]:
    """The provider's error object where a library raises it as it is.

    Brokers of models send it with status 200.
    """
    first = error.args[0] if error.args else None
    return first if isinstance(first, Mapping) else {}


def _said(error: BaseException) -> str:
    details = getattr(error, "details", None) or getattr(error, "body", None) or ""
    return f"{error} {getattr(error, 'code', '')} {details}"


def _message(chain: list[BaseException]) -> str:
    """The provider's own sentence where an error carries one, else what the last error says."""
    for error in chain:
        for name in ("body", "details", "error"):
            if found := _sentence(getattr(error, name, None)):
                return found
        if found := _sentence(_object(error)):
            return found
    text = next((str(error) for error in chain[::-1] if str(error).strip()), "")
    return text or type(chain[0]).__name__


def _sentence(holder: object) -> str:
    if isinstance(holder, Mapping):
        return _sentence(holder.get("error") or holder.get("message"))
    return holder if isinstance(holder, str) else ""


def _delay(chain: list[BaseException]) -> float | None:
    """Seconds the provider asks to wait: in the error's details (Google), else in a header."""
    for error in chain:
        found = _retry_info(getattr(error, "details", None))
        if found is None:
            found = _retry_after(getattr(getattr(error, "response", None), "headers", None))
        if found is not None:
            return found
    return None


def _retry_info(details: Any) -> float | None:
    if isinstance(details, Mapping):
        if isinstance(delay := details.get("retryDelay"), str):
            return _seconds(delay.removesuffix("s"))
        details = [details.get("error"), details.get("details")]
    if not isinstance(details, list):
        return None
    found = (_retry_info(part) for part in details if part)
    return next((delay for delay in found if delay is not None), None)


def _retry_after(headers: Any) -> float | None:
    if headers is None or not hasattr(headers, "get"):
        return None
    if (thousandths := _seconds(headers.get("retry-after-ms"))) is not None:
        return thousandths / 1000
    return _seconds(headers.get("retry-after"))


def _seconds(text: object) -> float | None:
    try:
        seconds = float(str(text))
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
