"""Taking secrets out of what is written down."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mle_star.context import Settings

REMOVED = "[removed]"
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 6
_PATTERNS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"AIza[\w-]{20,}"
    r"|sk-(?=[\w-]*\d)[\w-]{16,}"
    r"|tvly-[\w-]{8,}"
    r"|lsv2_\w{16,}"
    r"|(?:hf|gh[opsu])_[A-Za-z0-9]{20,}"
    r"|AKIA[0-9A-Z]{16}"
    r")"
)
_OURS = {f"MLE_STAR_{name.upper()}" for name in Settings.model_fields}
"""Settings such as MLE_STAR_MAX_TOKENS hold no secret."""


def without_secrets(value: Any, environ: Mapping[str, str] | None = None) -> Any:
    """Plain data with every secret in its strings replaced by ``[removed]``.

    Secrets are the values (of 6 characters and more) of environment variables whose name speaks of
    a key, token, secret, password or credential, also where they are quoted for a URL or for JSON,
    and what has the form of a well-known kind of key.
    """
    environ = os.environ if environ is None else environ
    secrets: set[str] = set()
    for name, secret in environ.items():
        if _SECRET_NAME.search(name) and len(secret) >= _SHORTEST and name not in _OURS:
            # A variable may hold bytes that are no text.
            quoted = quote(secret, safe="", errors="surrogateescape")
            secrets |= {secret, quoted, json.dumps(secret)[1:-1]}
    # The longest first: one secret may be the beginning of another.
    return _cleaned(value, sorted(secrets, key=len, reverse=True))


def _cleaned(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REMOVED)
        return _PATTERNS.sub(REMOVED, value)
    if isinstance(value, Mapping):
        return {_cleaned(key, secrets): _cleaned(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item, secrets) for item in value]
    return value
