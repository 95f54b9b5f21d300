"""task.toml: what a user says about a task, so that it need not be inferred."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mle_star.errors import TaskError
from mle_star.state import Direction
from mle_star.tasks.spec import Kind, Label, Prediction
from mle_star.tasks.wording import shown


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

    @field_validator("target", "time", "exclude")
    @classmethod
    def _once(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("a column is named twice")
        if info.field_name == "target" and value == []:
            raise ValueError("at least one column is needed")
        return value

    @field_validator("train", "test", "sample_submission", "description")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        if value is not None and Path(value).name != value:
            raise ValueError("it must be the name of a file that lies directly in the task folder")
        return value

    @model_validator(mode="after")
    def _parts(self) -> TaskToml:
        files = [f for f in (self.train, self.test, self.sample_submission) if f is not None]
        if len(set(files)) < len(files):
            raise ValueError("one file can't be two of train, test and sample_submission")
        return self


def read_task_toml(folder: Path) -> TaskToml:
    """Read ``folder/task.toml``; an absent file says nothing.

    Raises:
        TaskError: the file is not TOML, a key is unknown, or a value has the wrong type.
    """
    path = folder / "task.toml"
    if not path.is_file():
        if path.exists() or path.is_symlink():
            raise TaskError("task.toml is not a file; replace or remove it.")
        return TaskToml()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise TaskError("task.toml is nested too deeply; its values are plain.") from None
    except ValueError as error:  # bad syntax, bytes that are no UTF-8, a number of 5,000 digits
        reason = shown(str(error).partition(";")[0].rstrip("."))
        raise TaskError(f"task.toml is not valid TOML: {reason}.") from None
    try:
        return TaskToml.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise TaskError(f"task.toml: {_detail(first['msg'])}.") from None
        key = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(TaskToml.model_fields)
            raise TaskError(f"task.toml has no key {key!r}; the keys are: {known}.") from None
        given = shown(repr(first["input"]))[:80]
        raise TaskError(
            f"Key {key!r} of task.toml can't be {given}: {_detail(first['msg'])}."
        ) from None


def _detail(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
