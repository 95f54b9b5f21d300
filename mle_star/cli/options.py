"""The options of the commands. What is left out is decided by environment, then preset.

Most options are settings (fields of :class:`mle_star.context.Context`). They are rows of one table,
:data:`TABLE`; :func:`taking` gives a command those it asks for. The settings themselves
are imported when a command is called, as ``--help`` would take a third longer with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mle_star.cli import completing
from mle_star.errors import SettingsError

if TYPE_CHECKING:
    from mle_star.context import Context

MODEL = "Model and search"
BUDGET = "Budget"
DATA = "Data and scripts"
CAGE = "Sandbox"
PEOPLE = "People in the loop"
OUTPUT = "Output"

Task = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="The task folder: train.csv, mostly test.csv and description.md; task.toml can name "
        "target and metric.",
    ),
]
OptionalTask = Annotated[
    str | None, typer.Argument(metavar="TASK", help="A task folder to look at as well.")
]
OptionalRun = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Name or path of a run; the newest if left out.",
        autocompletion=completing.runs,
    ),
]
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Name or path of a run.", autocompletion=completing.runs),
]
RunsDir = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER", help="Folder of the run folders (default: runs).", rich_help_panel=OUTPUT
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="One JSON object on stdout.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print the final line alone.", rich_help_panel=OUTPUT),
]
PageFile = Annotated[
    str | None,
    typer.Option(
        "--output", metavar="FILE", help="Where to write the page.", rich_help_panel=OUTPUT
    ),
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow",
        "-f",
        help="Watch a run that another process drives until it ends; with --json as events, one "
        "JSON object per line.",
    ),
]
WithBill = Annotated[
    bool,
    typer.Option("--bill", help="The bill by phase and by model as well.", rich_help_panel=OUTPUT),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Ask no model and no search engine.", rich_help_panel=OUTPUT),
]


@dataclass(frozen=True)
class Setting:
    """One option that fills a field of the settings."""

    field: str
    panel: str
    kind: Any
    """Type of its value; bool: a flag."""
    help: str
    names: tuple[str, ...] = ()
    """``--field-name`` where empty."""
    metavar: str | None = None
    later: bool = False
    """Whether ``resume`` takes it."""
    flag: bool = True
    """What the flag sets the field to."""
    complete: Callable[[str], list[str]] | None = None
    """Proposes values to the shell."""

    @property
    def parameter(self) -> inspect.Parameter:
        """The parameter of a command function."""
        names = self.names or (f"--{self.field.replace('_', '-')}",)
        option = typer.Option(
            *names,
            help=self.help,
            rich_help_panel=self.panel,
            metavar=self.metavar,
            autocompletion=self.complete,
        )
        default: Any = False if self.kind is bool else None
        kind = bool if self.kind is bool else self.kind | None
        return inspect.Parameter(
            self.field,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, option],
        )


_PAIRS = {"models": "code=openai:gpt-4.1", "temperatures": "plans=0.9"}
"""Settings that are given as NAME=VALUE, with an example."""

TABLE: tuple[Setting, ...] = (
    Setting("preset", BUDGET, str, "quick (about 2 minutes, with a model up to 15), "
        "default (about 20, with a model up to 60) or paper (24 hours).", metavar="NAME",
        complete=completing.setting("preset")),
    Setting("time_budget", BUDGET, float, "Seconds the whole run may take.", later=True),
    Setting("num_candidates", BUDGET, int, "Models per solution.", ("--num-candidates", "-M")),
    Setting("num_solutions", BUDGET, int, "Parallel solutions.", ("--num-solutions", "-L")),
    Setting(
        "outer_steps", BUDGET, int, "Blocks refined per solution.",
        ("--outer-steps", "-T"), later=True,
    ),
    Setting(
        "inner_steps", BUDGET, int, "Plans tried per block.", ("--inner-steps", "-K"), later=True
    ),
    Setting(
        "ensemble_rounds", BUDGET, int, "Planned ensembles.",
        ("--ensemble-rounds", "-R"), later=True,
    ),
    Setting(
        "debug_rounds", BUDGET, int, "Repairs of a script before it is given up.", later=True
    ),
    Setting("script_timeout", BUDGET, float, "Seconds one script may run.", later=True),
    Setting(
        "approve", PEOPLE, list[str], "Ask first: scripts (before each first run), plans (before "
        "each is carried out), spend (whenever the bill passes approve-cost again); none. "
        "Repeatable.",
        metavar="WHAT", later=True, complete=completing.approvals,
    ),
    Setting("approve_cost", PEOPLE, float, "US dollars after which to ask again.", later=True),
    Setting(
        "engineer", MODEL, str,
        "Who thinks: auto (the model where one is named and has its key, else the playbook), "
        "llm (the model alone), playbook (built in), or module:factory of your own.",
        metavar="NAME", complete=completing.engineers,
    ),
    Setting(
        "model", MODEL, str, "Language model, such as google_genai:gemini-2.5-pro.",
        metavar="PROVIDER:NAME", later=True, complete=completing.models,
    ),
    Setting(
        "models", MODEL, list[str],
        "Another model for an agent or a group (code, plans, checks, reading); repeatable.",
        ("--model-for",), "AGENT=MODEL", later=True, complete=completing.model_for,
    ),
    Setting(
        "fallback_model", MODEL, str, "Answers where the model is out of reach.",
        metavar="PROVIDER:NAME", later=True, complete=completing.models,
    ),
    Setting(
        "temperatures", MODEL, list[str], "Temperature of an agent or a group; repeatable.",
        ("--temperature",), "AGENT=NUMBER", later=True, complete=completing.temperature_for,
    ),
    Setting(
        "base_url", MODEL, str, "Server of a local or OpenAI-compatible model.",
        metavar="URL", later=True,
    ),
    Setting("max_cost", MODEL, float, "Most US dollars to spend on models.", later=True),
    Setting("max_tokens", MODEL, int, "Most tokens, input and output together.", later=True),
    Setting("max_calls", MODEL, int, "Most requests to models.", later=True),
    Setting(
        "prices", MODEL, str, "Price table (TOML) in place of the built-in one.",
        metavar="FILE", later=True,
    ),
    Setting(
        "requests_per_minute", MODEL, float, "Most requests a minute, all branches together.",
        later=True,
    ),
    Setting("model_timeout", MODEL, float, "Seconds one answer may take.", later=True),
    Setting(
        "answer_tries", MODEL, int, "Times a model is asked before a step is given up.", later=True
    ),
    Setting(
        "prompt_tokens", MODEL, int, "Longest prompt in tokens; what is longer is cut.", later=True
    ),
    Setting(
        "warm_start", MODEL, str, "playbook: it writes the first scripts, the model refines them.",
        metavar="NAME", complete=completing.setting("warm_start"),
    ),
    Setting(
        "search", MODEL, str,
        "Source of model cards: tavily, google, catalogue (built in), none, or auto (tavily "
        "where its key is there).", metavar="NAME", later=True,
        complete=completing.setting("search"),
    ),
    Setting("search_url", MODEL, str, "Address of another Tavily server.", metavar="URL"),
    Setting(
        "search_exclude", MODEL, list[str],
        "Domain or name that no result may come from or speak of; repeatable.",
        metavar="TEXT", later=True,
    ),
    Setting(
        "record", MODEL, bool, "Keep the traffic with models and search in traffic.jsonl.",
        later=True,
    ),
    Setting("replay", MODEL, str, "Recorded traffic that answers instead.", metavar="FILE"),
    Setting("seed", DATA, int, "Seed of folds, audit rows and scripts."),
    Setting("search_rows", DATA, int, "Most training rows a script sees in the search."),
    Setting("folds", DATA, int, "Cross-validation folds."),
    Setting(
        "audit", DATA, bool | None, "Hold rows back for an audit, or none.", ("--audit/--no-audit",)
    ),
    Setting(
        "racing", DATA, bool, "Let scripts that fall behind run to their end.", ("--no-racing",),
        flag=False, later=True,
    ),
    Setting(
        "share_lessons", DATA, bool, "Let each solution plan by its own steps alone.",
        ("--no-share-lessons",), flag=False, later=True,
    ),
    Setting(
        "memory", DATA, str, "File that remembers what helped on which data, across runs.",
        metavar="FILE",
    ),
    Setting(
        "save_model", DATA, bool, "Leave the fitted models in solution/model.", later=True,
    ),
    Setting("python", DATA, str, "Interpreter that runs the scripts.", metavar="PATH"),
    Setting(
        "sandbox", CAGE, str, "What keeps scripts in: bubblewrap, landlock, container, process "
        "(no isolation), or auto (the first of the first two that holds here).",
        metavar="LEVEL", later=True, complete=completing.setting("sandbox"),
    ),
    Setting(
        "container_image", CAGE, str, "Image for the sandbox container.", metavar="IMAGE",
        later=True,
    ),
    Setting("cpu_limit", CAGE, float, "Processor seconds one script may use.", later=True),
    Setting("memory_limit_mb", CAGE, int, "Megabytes of memory one script may use.", later=True),
    Setting("disk_limit_mb", CAGE, int, "Megabytes one script may write.", later=True),
    Setting("process_limit", CAGE, int, "Processes one script may have at once.", later=True),
    Setting(
        "mlflow", OUTPUT, str, "MLflow store to log to: sqlite:///mlflow.db, http://host:5000.",
        metavar="URI", later=True,
    ),
)  # fmt: skip

LATER = tuple(setting.field for setting in TABLE if setting.later)
"""Fields that may change when a run goes on."""

F = TypeVar("F", bound=Callable[..., Any])


def fields(*panels: str) -> tuple[str, ...]:
    """The fields of some help panels, in the table's order; of all of them where none is named."""
    return tuple(s.field for s in TABLE if not panels or s.panel in panels)


def taking(names: Iterable[str]) -> Callable[[F], F]:
    """Give a command the options of some fields; they arrive in its ``**settings``.

    They stand between the command's arguments and its own options, so that every help panel has
    the place the table gives it.
    """
    wanted = set(names)

    def decorate(function: F) -> F:
        signature = inspect.signature(function, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        arguments = [p for p in own if p.kind is not p.KEYWORD_ONLY]
        rest = [p for p in own if p.kind is p.KEYWORD_ONLY]
        added = [setting.parameter for setting in TABLE if setting.field in wanted]
        parameters = [*arguments, *added, *rest]
        # Typer reads a command's options from its signature.
        function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return function

    return decorate


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings a person gave on the command line; what was left out is left out.

    Raises:
        SettingsError: a value is not of the form NAME=VALUE where it must be.
    """
    flags = {s.field: s.flag for s in TABLE if s.kind is bool}
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or value == [] or (name in flags and not value):
            continue
        if name in flags:
            found[name] = flags[name]
        else:
            found[name] = _pairs(name, value) if name in _PAIRS else value
    return found


def _pairs(name: str, texts: Iterable[str]) -> dict[str, str]:
    option = next(s.names[0] for s in TABLE if s.field == name)
    found = {}
    for text in texts:
        key, sign, value = (part.strip() for part in text.partition("="))
        if not (key and sign and value):
            raise SettingsError(f"{option} {text!r} is not AGENT=VALUE: write {_PAIRS[name]}.")
        found[key] = value
    return found


def chosen(**values: Any) -> Context:
    """The settings a person gave on the command line, checked.

    Raises:
        SettingsError: a value can't be used.
    """
    from mle_star.context import context_from

    return context_from(given(values))


def runs_folder(runs_dir: str | None) -> Path:
    """The folder that holds the runs: option, else environment, else ``runs``.

    Raises:
        SettingsError: an environment variable holds a value that can't be used.
    """
    from mle_star.context import resolve

    return Path(resolve(chosen(runs_dir=runs_dir)).runs_dir)
