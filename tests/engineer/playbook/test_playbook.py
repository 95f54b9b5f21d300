from __future__ import annotations

import inspect

import pytest

from mle_star.engineer.base import Engineer
from mle_star.engineer.playbook import PlaybookEngineer
from mle_star.engineer.playbook import script as shape
from tests.engineer.playbook.small import brief

METHODS = [name for name, _ in inspect.getmembers(Engineer, inspect.isfunction) if name[0] != "_"]


def test_the_playbook_is_an_engineer() -> None:
    engineer: Engineer = PlaybookEngineer()
    assert len(METHODS) == 14
    assert all(callable(getattr(engineer, name)) for name in METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_every_agent_takes_what_the_protocol_says(name: str) -> None:
    asked = inspect.signature(getattr(Engineer, name))
    assert inspect.signature(getattr(PlaybookEngineer, name)) == asked


def test_retrieve_write_and_merge_go_together() -> None:
    engineer, told = PlaybookEngineer(), brief()
    first, second = engineer.retrieve(told, 2, 0, 2)
    base, reference = engineer.write(told, first), engineer.write(told, second)
    merged = engineer.merge(told, base, reference)
    assert len(shape.models(merged)) == 2
    assert engineer.write(told, first) == base
