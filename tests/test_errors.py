"""The exception tree: what a person must mend is told apart from what a run survives."""

from __future__ import annotations

import inspect

import pytest

from mle_star import errors
from mle_star.errors import (
    ArgumentError,
    MissingExtra,
    MleStarError,
    NoAnswer,
    RunError,
    RunStopped,
    SandboxUnavailable,
    SettingsError,
    TaskError,
    UserError,
)

ALL = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_ours_and_is_explained_in_the_modules_tree(error: type) -> None:
    assert issubclass(error, MleStarError)
    assert error.__doc__
    assert error.__name__ in (errors.__doc__ or "")


def test_what_a_person_must_mend_is_a_user_error() -> None:
    mend = {TaskError, SettingsError, RunError, ArgumentError, MissingExtra}
    assert {error for error in UserError.__subclasses__() if error in ALL} == mend
    for other in (SandboxUnavailable, NoAnswer, RunStopped):
        assert not issubclass(other, UserError)


def test_a_missing_extra_says_how_to_get_it() -> None:
    error = MissingExtra("catboost", "catboost", "The CatBoost card")
    assert str(error) == (
        "The CatBoost card needs the package 'catboost', which is not installed: "
        "pip install 'mle-star[catboost]' (in a checkout: pip install '.[catboost]')."
    )
    with pytest.raises(UserError):
        raise error
