"""Every setting of a run, in one place.

A caller (Python, the command line, LangGraph Studio) fills a :class:`Context`; what it leaves empty
comes from the
environment (``MLE_STAR_<FIELD>``), then from the preset. :func:`resolve` does that once, at the
start of
a run, and the result is frozen into the run as :class:`Settings`.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mle_star.errors import SettingsError
from mle_star.roles import GROUPS, ROLES

PRESETS: dict[str, dict[str, Any]] = {
    # About 2 minutes on 2 cores: the time budget, not the counters, ends the search on larger data.
    "quick": {
        "num_candidates": 3,
        "num_solutions": 2,
        "outer_steps": 12,
        "inner_steps": 3,
        "ensemble_rounds": 2,
        "debug_rounds": 2,
        "script_timeout": 60.0,
        "time_budget": 120.0,
        "reserve": 0.35,
    },
    # About 20 minutes.
    "default": {
        "num_candidates": 4,
        "num_solutions": 2,
        "outer_steps": 24,
        "inner_steps": 4,
        "ensemble_rounds": 3,
        "debug_rounds": 3,
        "script_timeout": 300.0,
        "time_budget": 1200.0,
        "reserve": 0.2,
    },
    # The settings of the paper's experiments (arXiv 2506.15692, section 4 and appendix).
    "paper": {
        "num_candidates": 4,
        "num_solutions": 2,
        "outer_steps": 4,
        "inner_steps": 4,
        "ensemble_rounds": 5,
        "debug_rounds": 5,
        "script_timeout": 3600.0,
        "time_budget": 86400.0,
        "reserve": 0.1,
    },
}

WITH_MODEL: dict[str, dict[str, Any]] = {
    # A model thinks for 10 to 40 seconds where the playbook takes milliseconds.
    "quick": {"time_budget": 900.0, "reserve": 0.2, "script_timeout": 120.0, "outer_steps": 3},
    "default": {"time_budget": 3600.0, "reserve": 0.15, "outer_steps": 3},
    "paper": {},
}
"""What a preset decides otherwise where a language model is named."""

Preset = Literal["quick", "default", "paper"]
Evaluation = Literal["harness", "printed"]
SearchName = Literal["auto", "tavily", "google", "catalogue", "none"]
Sandbox = Literal["auto", "bubblewrap", "landlock", "container", "process"]
Approval = Literal["scripts", "plans", "spend"]
WarmStart = Literal["none", "playbook"]

DEFAULT_MODEL = "google_genai:gemini-2.5-pro"
"""What ``engineer="llm"`` uses where no model is named."""

NODES: dict[str, tuple[str, ...]] = {
    "num_solutions": ("prepare",),
    "search_rows": ("prepare",),
    "folds": ("prepare",),
    "audit": ("prepare",),
    "num_candidates": ("retrieve",),
    "search": ("retrieve",),
    "search_exclude": ("retrieve",),
    "outer_steps": ("ablate",),
    "inner_steps": ("refine",),
    "script_timeout": ("run_ablation", "execute"),
    "racing": ("execute",),
    "debug_rounds": ("debug",),
    "ensemble_rounds": ("ensemble",),
}
"""Settings that are about single nodes of the graph."""

FIXED = (
    "preset",
    "engineer",
    "num_candidates",
    "num_solutions",
    "seed",
    "audit",
    "search_rows",
    "folds",
    "evaluation",
    "python",
)
"""Settings that can't change once a run has begun: scores before and after would not be
comparable."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Thinking(_Model):
    """Who thinks, and what that may cost. The same in :class:`Context` and :class:`Settings`."""

    engineer: str = Field(
        default="auto",
        description="Who thinks: auto (the language model where one is named and its key is "
        "there, with the playbook standing in where it fails; else the playbook), llm (the "
        "language model alone), playbook (built in, no key, no network), or 'module:factory' of "
        "your own engineer",
    )
    model: str = Field(
        default="",
        description="Language model as 'provider:name', such as google_genai:gemini-2.5-pro, "
        "openai:gpt-4.1, anthropic:claude-sonnet-4-6 or ollama:qwen3",
    )
    models: dict[str, str] = Field(
        default_factory=dict,
        description="Other models for single agents or groups of them: "
        f"{', '.join(GROUPS)}; {', '.join(ROLES)}",
    )
    temperatures: dict[str, float] = Field(
        default_factory=dict,
        description="Sampling temperature for single agents or groups of them, 0 to 2",
    )
    fallback_model: str = Field(
        default="", description="Model that answers where the first one is out of reach"
    )
    base_url: str = Field(
        default="",
        description="Address of the model's server, for OpenAI-compatible and local ones; used "
        "for every model of the same provider as 'model'",
    )
    model_timeout: float = Field(
        default=300.0, gt=0, description="Seconds one answer of a model may take"
    )
    requests_per_minute: float | None = Field(
        default=None, gt=0, description="Most requests to models a minute, all branches together"
    )
    answer_tries: int = Field(
        default=3, ge=1, le=10, description="Times a model is asked before a step is given up"
    )
    prompt_tokens: int = Field(
        default=60_000,
        ge=6_000,
        description="Longest prompt in tokens (estimated); scripts, logs and pages are cut to fit",
    )
    max_cost: float | None = Field(
        default=None, ge=0, description="Most US dollars the run may spend on models"
    )
    max_tokens: int | None = Field(
        default=None, ge=0, description="Most tokens the run may use, input and output together"
    )
    max_calls: int | None = Field(
        default=None, ge=0, description="Most requests the run may send to models"
    )
    approve: list[Approval] = Field(
        default_factory=list,
        description="What a person is asked about first: scripts (each before its first run), "
        "plans (each before it is carried out), spend (whenever the bill passes a multiple of "
        "approve_cost)",
    )
    approve_cost: float = Field(
        default=1.0, gt=0, description="US dollars after which approve=spend asks, each time"
    )
    prices: str = Field(
        default="", description="Price table (TOML) to use in place of the built-in one"
    )
    search: SearchName = Field(
        default="auto",
        description="Where model cards come from: tavily, google (Gemini's own search), catalogue "
        "(built in), none; auto: tavily where its key is there, else the catalogue",
    )
    search_url: str = Field(default="", description="Address of another Tavily server")
    search_exclude: list[str] = Field(
        default_factory=list,
        description="Domains, and names such as the competition's own, that no search result may "
        "come from or speak of",
    )
    warm_start: WarmStart = Field(
        default="none",
        description="playbook: the first scripts, merges and the data check come from the "
        "playbook, so that the model's money goes into refinement",
    )
    record: bool = Field(
        default=False, description="Keep the traffic with models and search in traffic.jsonl"
    )
    replay: str = Field(
        default="", description="Recorded traffic that answers in place of models and search"
    )

    @property
    def names_model(self) -> bool:
        """Whether a language model is to think, if its key is there."""
        named = bool(self.model or self.models or self.replay)
        return self.engineer == "llm" or (self.engineer == "auto" and named)

    @field_validator("models", "temperatures", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        """Environment and command line give ``name=value, name=value``."""
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not (name.strip() and sign and chosen.strip()) for name, sign, chosen in pairs):
            raise ValueError("write name=value, several separated by commas")
        return {name.strip(): chosen.strip() for name, _, chosen in pairs}

    @field_validator("models", "temperatures")
    @classmethod
    def _known_roles(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in ROLES and name not in GROUPS:
                raise ValueError(
                    f"there is no agent {name!r}; the groups are {', '.join(GROUPS)}, the agents "
                    f"{', '.join(ROLES)}"
                )
        return value

    @field_validator("temperatures")
    @classmethod
    def _temperature_range(cls, value: dict[str, float]) -> dict[str, float]:
        if any(not 0 <= chosen <= 2 for chosen in value.values()):
            raise ValueError("a temperature lies between 0 and 2")
        return value

    @field_validator("base_url", "search_url")
    @classmethod
    def _without_credentials(cls, value: str) -> str:
        """Settings are written into the run; names and passwords have no place there."""
        if "@" in value.partition("//")[2].partition("/")[0]:
            raise ValueError("leave name and password out of the address")
        return value

    @field_validator("approve", mode="before")
    @classmethod
    def _approvals(cls, value: Any) -> Any:
        """A list, or names separated by commas; ``none`` turns all off."""
        parts = [value] if isinstance(value, str) else value
        if not isinstance(parts, list | tuple | set | frozenset):
            return value
        names = [name.strip() for part in parts for name in str(part).split(",")]
        return sorted({name for name in names if name and name != "none"})

    @field_validator("search_exclude", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]


def _on_nodes(schema: dict[str, Any]) -> None:
    """Say in the schema which nodes a field is about, as Studio shows it there as well."""
    for name, nodes in NODES.items():
        schema["properties"][name]["langgraph_nodes"] = list(nodes)


class Context(_Thinking):
    """What a caller may set. An empty field is decided by the environment, then by the preset."""

    model_config = ConfigDict(json_schema_extra=_on_nodes)

    preset: Preset = Field(
        default="default",
        description="Budget preset: quick (about 2 min, up to 15 with a language model), default "
        "(about 20 min, up to 60 with one), paper (up to 24 h)",
    )
    num_candidates: int | None = Field(
        default=None, ge=1, le=32, description="M: models retrieved and tried per solution"
    )
    num_solutions: int | None = Field(
        default=None, ge=1, le=16, description="L: parallel solutions"
    )
    outer_steps: int | None = Field(
        default=None, ge=0, le=100, description="T: outer steps (ablation, block) per solution"
    )
    inner_steps: int | None = Field(
        default=None, ge=1, le=100, description="K: plans tried on a block per outer step"
    )
    ensemble_rounds: int | None = Field(
        default=None, ge=0, le=100, description="R: planned ensembles after the numeric one"
    )
    debug_rounds: int | None = Field(
        default=None,
        ge=0,
        le=20,
        description="D: repairs of a failing script before it is given up",
    )
    script_timeout: float | None = Field(
        default=None, gt=0, description="Seconds one script may run"
    )
    time_budget: float | None = Field(
        default=None,
        gt=0,
        description="Seconds the whole run may take, ensemble and final run included",
    )
    reserve: float | None = Field(
        default=None,
        ge=0.05,
        le=0.9,
        description="Part of the time budget, and of every cap on money, tokens and calls, that is "
        "kept for the ensemble and the final run",
    )
    seed: int = Field(default=0, ge=0, description="Seed of folds, audit rows and scripts")
    audit: bool | None = Field(
        default=None,
        description="Hold labelled rows back from every script to measure an honest score and to "
        "catch leaks. Empty: where a model writes the scripts, and where the search does not look "
        "at all rows anyway",
    )
    search_rows: int = Field(
        default=30_000,
        ge=100,
        description="Training rows a script sees while searching; a table with up to half as many "
        "more is seen whole",
    )
    folds: int | None = Field(
        default=None,
        ge=1,
        le=20,
        description="Cross-validation folds; empty: 5, 3 or 1 by the number of rows",
    )
    racing: bool = Field(
        default=True,
        description="Stop a refined script whose first folds have lost beyond doubt",
    )
    share_lessons: bool = Field(
        default=True,
        description="Let a solution plan by what the others found out as well. Without it each "
        "learns from its own steps alone, whatever the others' speed",
    )
    evaluation: Evaluation | None = Field(
        default=None,
        description="harness: we score written predictions; printed: trust the printed score (the "
        "paper's way). Empty: harness where the rows can be mapped",
    )
    cpus_per_script: int = Field(
        default=1,
        ge=1,
        description="Cores a script is promised; a script that runs alone gets all (numpy's "
        "matrix products keep to those promised)",
    )
    memory_limit_mb: int | None = Field(
        default=None,
        ge=256,
        description="Megabytes of memory one script's processes may use; empty: 80 % of what is "
        "free",
    )
    python: str = Field(
        default="",
        description="Interpreter that runs the scripts; empty: the one running mle-star, or in a "
        "container its python3",
    )
    cpu_limit: float | None = Field(
        default=None, gt=0, description="Processor seconds one script's processes may use"
    )
    disk_limit_mb: int = Field(
        default=4096, ge=1, description="Megabytes one script may write below its folder"
    )
    process_limit: int = Field(
        default=512, ge=1, description="Processes and threads one script may have at once"
    )
    sandbox: Sandbox = Field(
        default="auto",
        description="What keeps scripts in: bubblewrap (own namespaces), landlock (the kernel's "
        "file and network rules), container (docker or podman), process (no isolation of files "
        "and network); auto: the first of bubblewrap and landlock that holds here",
    )
    container_image: str = Field(
        default="", description="Image for the sandbox 'container', with Python and the packages"
    )
    memory: str = Field(
        default="",
        description="File that remembers what changes brought on which kind of data: read when a "
        "run begins, added to when it ends. Empty: nothing is remembered",
    )
    mlflow: str = Field(
        default="",
        description="MLflow store that the run is logged to, such as sqlite:///mlflow.db or "
        "http://localhost:5000; needs the extra 'mlflow'. Empty: none",
    )
    save_model: bool = Field(
        default=False,
        description="Leave the fitted models in solution/model, so that predict.py takes seconds "
        "(scripts of the playbook's form; they are fitted once more for it)",
    )
    runs_dir: str = Field(default="runs", description="Folder that receives the run folders")

    @field_validator("mlflow")
    @classmethod
    def _no_password(cls, value: str) -> str:
        if "@" in value.partition("//")[2].partition("/")[0]:
            raise ValueError(
                "leave name and password out of the address: MLflow takes them from "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return value


class Settings(_Thinking):
    """A :class:`Context` with every field decided; what a run goes by."""

    preset: Preset
    num_candidates: int
    num_solutions: int
    outer_steps: int
    inner_steps: int
    ensemble_rounds: int
    debug_rounds: int
    script_timeout: float
    time_budget: float
    reserve: float
    seed: int
    audit: bool | None
    search_rows: int
    folds: int | None
    racing: bool = True
    share_lessons: bool = True
    evaluation: Evaluation | None
    cpus_per_script: int
    memory_limit_mb: int | None
    python: str
    cpu_limit: float | None
    disk_limit_mb: int
    process_limit: int
    sandbox: Sandbox
    container_image: str
    memory: str = ""
    mlflow: str = ""
    save_model: bool = False
    runs_dir: str

    @property
    def trusted(self) -> bool:
        """Whether nobody but the playbook writes scripts, whose code is our own."""
        return self.engineer == "playbook" or (self.engineer == "auto" and not self.names_model)

    @property
    def audit_asked(self) -> bool | None:
        """What :func:`mle_star.tasks.build_views` is asked of the audit."""
        return True if self.audit is None and not self.trusted else self.audit

    @property
    def image(self) -> str:
        """Container image that the scripts' interpreter lies in; empty: this machine."""
        return self.container_image if self.sandbox == "container" else ""

    @property
    def python_is_there(self) -> bool:
        """Whether the scripts' interpreter exists, as far as this machine's files tell."""
        return bool(self.image) or Path(self.python).is_file()


def context_from(values: Mapping[str, Any]) -> Context:
    """Build a :class:`Context`, turning what pydantic says into one sentence.

    Raises:
        SettingsError: a name is unknown or a value is out of range.
    """
    try:
        return Context.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def resolve(context: Context | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Decide every setting: explicit value, else ``MLE_STAR_<FIELD>``, else preset, else default.

    The presets give more time where a language model is named.

    Raises:
        SettingsError: an environment variable holds a value that can't be used.
    """
    context = context or Context()
    environ = os.environ if environ is None else environ
    explicit = {
        name: getattr(context, name)
        for name in context.model_fields_set
        if getattr(context, name) not in (None, "", {}, [])
    }
    outside = {
        name: environ[f"MLE_STAR_{name.upper()}"]
        for name in Context.model_fields
        if environ.get(f"MLE_STAR_{name.upper()}") and name not in explicit
    }
    try:
        chosen = Context.model_validate({**outside, **explicit})
    except ValidationError as error:
        raise SettingsError(_sentence(error, outside)) from None
    values = chosen.model_dump()
    preset = dict(PRESETS[chosen.preset])
    if chosen.names_model:
        preset |= WITH_MODEL[chosen.preset]
    for name, value in preset.items():
        if values[name] is None:
            values[name] = value
    if values["memory"]:  # a run may be resumed from another folder
        values["memory"] = str(Path(values["memory"]).expanduser().absolute())
    store = values["mlflow"].removeprefix("sqlite:///")
    if store and store != values["mlflow"]:
        values["mlflow"] = f"sqlite:///{Path(store).expanduser().absolute()}"
    inside = chosen.sandbox == "container"
    values["python"] = values["python"] or ("python3" if inside else sys.executable)
    return Settings.model_validate(values)


def _sentence(error: ValidationError, outside: Mapping[str, str] | None = None) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        meant = difflib.get_close_matches(name, Context.model_fields, 1)
        if meant:
            return f"There is no setting {name!r}: did you mean {meant[0]!r}?"
        return f"There is no setting {name!r}; the settings are: {', '.join(Context.model_fields)}."
    field = name.partition(".")[0]  # of a list, its place says nothing to a person
    where = f"MLE_STAR_{field.upper()}" if outside and field in outside else f"Setting {field!r}"
    message = first["msg"].removeprefix("Value error, ")
    detail = message[0].lower() + message[1:]
    return f"{where} can't be {first['input']!r}: {detail}."
