"""What each agent is told: one system message for the whole run, one user message per question.

The system message holds everything that stays the same (task, data, script contract), so that the
prefix caches of providers pay; it depends on nothing else. The texts are Jinja templates beside
this module. Values are data to them: what looks like a template inside a value comes out as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_star.engineer.base import Brief
from mle_star.engineer.llm.trimming import BYTES_PER_TOKEN, FLOOR, cut, fit, size, tokens
from mle_star.engineer.llm.wording import FILTERS, columns, soft_files
from mle_star.models.base import Message

if TYPE_CHECKING:
    from jinja2 import Environment

VALUES: dict[str, tuple[str, ...]] = {
    "queries": ("count", "exclude"),
    "retrieve": ("count", "pages", "known"),
    "write": ("card",),
    "merge": ("base", "reference"),
    "check_usage": ("script",),
    "ablate": ("script", "summaries"),
    "summarise": ("study", "output"),
    "extract": ("summary", "script", "refined"),
    "plan": ("script", "block", "tried"),
    "refine": ("script", "block", "plan"),
    "plan_ensemble": ("members", "tried"),
    "ensemble": ("plan", "members"),
    "debug": ("script", "error", "pages"),
    "check_leakage": ("script", "evidence"),
    "fix_leakage": ("script", "block", "reason"),
}
"""Agent -> the values its message is made of. ``queries`` prepares the search of ``retrieve``."""

_OPTIONAL: dict[str, Any] = {
    "exclude": (),
    "pages": "",
    "known": (),
    "summaries": (),
    "refined": (),
    "tried": (),
    "evidence": "",
}
_UNCUT = frozenset({"block", "plan"})
_LONG_PART = {"card": "example", "members": "script", "tried": "plan"}
"""Value, or list of values -> its attribute that may be long."""
_MEMBER_BYTES = 6000
"""Of a member's script: enough to see what sort of model it is."""


def render(agent: str, brief: Brief, budget: int, **values: Any) -> tuple[Message, ...]:
    """The messages for one question to a model.

    Args:
        agent: key of :data:`VALUES`.
        brief: what every agent is told. The first message depends on ``budget`` and on those
            fields alone that stay the same in a run.
        budget: most tokens of all messages together, as :func:`.trimming.tokens` estimates them.
        values: the values of :data:`VALUES`; ``pages`` is text that is quoted already.

    Raises:
        PromptTooLong: the parts that can't be cut are longer than the budget.
        TypeError: the values are not those of the agent.
    """
    given = _checked(agent, values)
    system = system_message(brief, budget)
    template = _environment().get_template(f"{agent}.md")
    long = _long_texts(given)

    def user(texts: Mapping[str, str]) -> str:
        put = _put_back(given, texts)
        rest = template.render(brief=brief, task=brief.task, soft=soft_files(brief.task), **put)
        return f"You are now the agent `{agent}`.\n\n{rest}"

    room = (budget - tokens(system)) * BYTES_PER_TOKEN
    return (
        Message("system", system),
        Message("user", fit(long, user, room, f"The prompt of the agent {agent!r}")),
    )


def system_message(brief: Brief, budget: int) -> str:
    """The message that opens every question of a run, byte for byte the same.

    The description and the column table are cut until it takes half of the budget at most, or down
    to :data:`.trimming.FLOOR` bytes each where the rest takes more than that.
    """
    template = _environment().get_template("system.md")
    long = {
        "description": _clean(brief.task.description).strip(),
        "columns": _clean(columns(brief.profile)),
    }

    def text(texts: Mapping[str, str]) -> str:
        task, soft = brief.task, soft_files(brief.task)
        told = template.render(brief=brief, task=task, profile=brief.profile, soft=soft, **texts)
        return str(_clean(told))  # names of files can hold halves of characters

    shortest = size(text({name: cut(value, FLOOR) for name, value in long.items()}))
    return fit(long, text, max(budget // 2 * BYTES_PER_TOKEN, shortest), "The system message")


def _checked(agent: str, values: dict[str, Any]) -> dict[str, Any]:
    names = VALUES[agent]
    unknown = values.keys() - set(names)
    missing = set(names) - values.keys() - _OPTIONAL.keys()
    if unknown or missing:
        raise TypeError(
            f"agent {agent!r} takes {', '.join(names)}; missing {sorted(missing)}, unknown "
            f"{sorted(unknown)}"
        )
    return {name: _clean(values.get(name, _OPTIONAL.get(name))) for name in names}


def _clean(value: Any) -> Any:
    """Replace halves of surrogate pairs, which no UTF-8 text can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return replace(value, **{name: _clean(v) for name, v in vars(value).items()})
    return value


def _long_texts(values: Mapping[str, Any]) -> dict[str, str]:
    """What may be cut, by the name of its value and its place in it."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if name in _UNCUT:
            continue
        for place, item in enumerate(value if isinstance(value, list) else [value]):
            text = getattr(item, _LONG_PART[name]) if name in _LONG_PART else item
            if name == "members":
                text = cut(text, _MEMBER_BYTES)
            if isinstance(text, str):
                found[f"{name} {place}"] = text
    return found


def _put_back(values: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """The values with their long texts as they are after cutting."""

    def one(name: str, place: int, item: Any) -> Any:
        text = texts.get(f"{name} {place}", item)
        return replace(item, **{_LONG_PART[name]: text}) if name in _LONG_PART else text

    return {
        name: [one(name, place, item) for place, item in enumerate(value)]
        if isinstance(value, list)
        else one(name, 0, value)
        for name, value in values.items()
    }


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "prompts"),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment
