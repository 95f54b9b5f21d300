"""task.toml: what a user says about a task, so that it need not be inferred."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from mle_star.errors import TaskError
from mle_star.state import Direction
from mle_star.tasks.spec import Kind, Label, Prediction


class TaskToml(BaseModel):
    """The keys of task.toml, every one optional; None where the file says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str | None = None
    test: str | None = None
    sample_submission: str | None = None
    description: str | None = None
    target: list[str] | None = None
    id: str | None = None
    metric: str | None = None
    direction: Direction | None = None
    kind: Kind | None = None
    prediction: Prediction | None = None
    positive: Label | None = None
    """The positive class of a binary task; otherwise the later label in sorted order."""
    group: str | None = None
    time: list[str] | None = None
    exclude: list[str] | None = None
    evaluation: Literal["harness", "printed"] | None = None

    @field_validator("target", "time", "exclude", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


def read_task_toml(folder: Path) -> TaskToml:
    """Read ``folder/task.toml``; an absent file says nothing.

    Raises:
        TaskError: the file is not TOML, a key is unknown, or a value has the wrong type.
    """
    path = folder / "task.toml"
    if not path.is_file():
        return TaskToml()
    try:
        return TaskToml.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TaskError(f"task.toml is not valid TOML: {str(error).rstrip('.')}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(TaskToml.model_fields)
            raise TaskError(f"task.toml has no key {key!r}; the keys are: {known}.") from None
        detail = first["msg"][0].lower() + first["msg"][1:]
        raise TaskError(
            f"Key {key!r} of task.toml can't be {first['input']!r}: {detail}."
        ) from None
