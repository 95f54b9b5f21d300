"""Kaggle by its official client (extra ``kaggle``): send a file, ask for its score."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mle_star.errors import MissingExtra, MleStarError, UserError
from mle_star.report.text import clean

T = TypeVar("T")

PAUSE = 5.0
"""Seconds between two questions for a score."""


@dataclass(frozen=True)
class Grade:
    """What Kaggle says about a submission."""

    status: str
    """``pending``, ``complete`` or ``error``."""
    public: str = ""
    """Public score; empty while there is none."""
    private: str = ""
    """Private score, which Kaggle shows once the competition has ended."""
    problem: str = ""


class Kaggle:
    """A connection that knows who is asking.

    Raises:
        MissingExtra: the client is not installed.
        UserError: no key is found.
    """

    def __init__(self) -> None:
        self._said = io.StringIO()  # the client prints what went wrong
        # It reads files of the home folder when it is imported and may ask Kaggle to look at a key.
        self._api = self._quietly(_client)
        if not self._quietly(lambda: _signed_in(self._api)):
            raise UserError(
                "No key for Kaggle was found: make one at https://www.kaggle.com/settings (API) "
                "and save it as ~/.kaggle/kaggle.json, or set KAGGLE_USERNAME and KAGGLE_KEY, or "
                "KAGGLE_API_TOKEN."
            )

    def send(self, file: Path, competition: str, message: str) -> int | None:
        """Send a submission; returns the number by which Kaggle knows it.

        Raises:
            MleStarError: it was not taken; the message says why.
        """
        api = self._api
        answer = self._asking(
            competition,
            lambda: api.competition_submit(str(file), message, competition, quiet=True),
        )
        if answer.message == api.COMPETITION_SUBMIT_UPLOAD_FAILED_MESSAGE:
            said = clean(self._said.getvalue(), 200)
            raise MleStarError(f"The upload to Kaggle failed{': ' + said if said else ''}.")
        number = getattr(answer, "ref", None)
        return int(number) if number else None

    def wait(self, number: int, competition: str, seconds: float) -> Grade:
        """Ask until the submission has a score, for so many seconds at most."""
        ends = time.monotonic() + seconds
        while True:
            grade = self._grade(number, competition)
            if grade.status != "pending" or time.monotonic() + PAUSE > ends:
                return grade
            time.sleep(PAUSE)

    def _grade(self, number: int, competition: str) -> Grade:
        found = self._asking(competition, lambda: self._api.get_submission(number))
        return Grade(
            status=found.status.name.lower(),
            public=str(found.public_score or ""),
            private=str(found.private_score or ""),
            problem=str(found.error_description or ""),
        )

    def _asking(self, competition: str, ask: Callable[[], T]) -> T:
        from requests.exceptions import RequestException

        try:
            return self._quietly(ask)
        except RequestException as error:
            raise _refused(error, competition) from None

    def _quietly(self, call: Callable[[], T]) -> T:
        with redirect_stdout(self._said), redirect_stderr(self._said):
            return call()


def _client() -> Any:
    try:
        from kaggle.api.kaggle_api_extended import KaggleApi
    except ImportError:
        raise MissingExtra("kaggle", "kaggle", "Sending a submission to Kaggle") from None
    return KaggleApi()


def _signed_in(api: Any) -> bool:
    from requests.exceptions import RequestException

    try:
        api.authenticate()
    except SystemExit:  # the client's way to say that it has no key
        return False
    except RequestException as error:
        raise _refused(error, "") from None
    return True


def _refused(error: Any, competition: str) -> MleStarError:
    """What went wrong between Kaggle and us, and how to mend it."""
    response = error.response
    if response is None:
        return MleStarError(f"Kaggle can't be reached ({type(error).__name__}): try again later.")
    said = _message(response)
    page = f"https://www.kaggle.com/competitions/{competition}"
    if response.status_code == 401:
        return UserError("Kaggle does not know this key: make a new one at its settings page.")
    if response.status_code == 403:
        return UserError(
            f"Kaggle refuses{said}: join the competition and accept its rules at {page}/rules."
        )
    if response.status_code == 404:
        return UserError(
            f"Kaggle has no competition {competition!r} that takes submissions{said}: its name is "
            f"the last part of its address, such as titanic in {page.rpartition('/')[0]}/titanic."
        )
    if response.status_code in (400, 429):  # among them: the daily allowance is used up
        return UserError(f"Kaggle did not take it{said}.")
    return MleStarError(f"Kaggle answered with status {response.status_code}{said}.")


def _message(response: Any) -> str:
    """Kaggle's own words in brackets, where it has any."""
    try:
        said = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({clean(said, 300).rstrip('.')})" if said else ""
