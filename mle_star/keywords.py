"""The settings of a run as keywords, so that an editor completes them.

Written from :class:`mle_star.context.Context` by ``UPDATE_GOLDEN=1 pytest tests/test_keywords.py``;
change it there.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class SettingsKeywords(TypedDict, total=False):
    """Fields of :class:`mle_star.context.Context`; what is left out is decided as there."""

    engineer: str
    """Who thinks: auto (the language model where one is named and its key is there, with the
    playbook standing in where it fails; else the playbook), llm (the language model alone),
    playbook (built in, no key, no network), or 'module:factory' of your own engineer."""
    model: str
    """Language model as 'provider:name', such as google_genai:gemini-2.5-pro, openai:gpt-4.1,
    anthropic:claude-sonnet-4-6 or ollama:qwen3."""
    models: dict[str, str]
    """Other models for single agents or groups of them: code, plans, checks, reading; retrieve,
    write, merge, check_usage, ablate, summarise, extract, plan, refine, plan_ensemble, ensemble,
    debug, check_leakage, fix_leakage."""
    temperatures: dict[str, float]
    """Sampling temperature for single agents or groups of them, 0 to 2."""
    fallback_model: str
    """Model that answers where the first one is out of reach."""
    base_url: str
    """Address of the model's server, for OpenAI-compatible and local ones; used for every model of
    the same provider as 'model'."""
    model_timeout: float
    """Seconds one answer of a model may take."""
    requests_per_minute: float | None
    """Most requests to models a minute, all branches together."""
    answer_tries: int
    """Times a model is asked before a step is given up."""
    prompt_tokens: int
    """Longest prompt in tokens (estimated); scripts, logs and pages are cut to fit."""
    max_cost: float | None
    """Most US dollars the run may spend on models."""
    max_tokens: int | None
    """Most tokens the run may use, input and output together."""
    max_calls: int | None
    """Most requests the run may send to models."""
    approve: list[Literal["scripts", "plans", "spend"]]
    """What a person is asked about first: scripts (each before its first run), plans (each before
    it is carried out), spend (whenever the bill passes a multiple of approve_cost)."""
    approve_cost: float
    """US dollars after which approve=spend asks, each time."""
    prices: str
    """Price table (TOML) to use in place of the built-in one."""
    search: Literal["auto", "tavily", "google", "catalogue", "none"]
    """Where model cards come from: tavily, google (Gemini's own search), catalogue (built in),
    none; auto: tavily where its key is there, else the catalogue."""
    search_url: str
    """Address of another Tavily server."""
    search_exclude: list[str]
    """Domains, and names such as the competition's own, that no search result may come from or
    speak of."""
    warm_start: Literal["none", "playbook"]
    """Playbook: the first scripts, merges and the data check come from the playbook, so that the
    model's money goes into refinement."""
    record: bool
    """Keep the traffic with models and search in traffic.jsonl."""
    replay: str
    """Recorded traffic that answers in place of models and search."""
    preset: Literal["quick", "default", "paper"]
    """Budget preset: quick (about 2 min, up to 15 with a language model), default (about 20 min, up
    to 60 with one), paper (up to 24 h)."""
    num_candidates: int | None
    """M: models retrieved and tried per solution."""
    num_solutions: int | None
    """L: parallel solutions."""
    outer_steps: int | None
    """T: outer steps (ablation, block) per solution."""
    inner_steps: int | None
    """K: plans tried on a block per outer step."""
    ensemble_rounds: int | None
    """R: planned ensembles after the numeric one."""
    debug_rounds: int | None
    """D: repairs of a failing script before it is given up."""
    script_timeout: float | None
    """Seconds one script may run."""
    time_budget: float | None
    """Seconds the whole run may take, ensemble and final run included."""
    reserve: float | None
    """Part of the time budget, and of every cap on money, tokens and calls, that is kept for the
    ensemble and the final run."""
    seed: int
    """Seed of folds, audit rows and scripts."""
    audit: bool | None
    """Hold labelled rows back from every script to measure an honest score and to catch leaks.
    Empty: where a model writes the scripts, and where the search does not look at all rows
    anyway."""
    search_rows: int
    """Training rows a script sees while searching; a table with up to half as many more is seen
    whole."""
    folds: int | None
    """Cross-validation folds; empty: 5, 3 or 1 by the number of rows."""
    racing: bool
    """Stop a refined script whose first folds have lost beyond doubt."""
    share_lessons: bool
    """Let a solution plan by what the others found out as well. Without it each learns from its own
    steps alone, whatever the others' speed."""
    evaluation: Literal["harness", "printed"] | None
    """Harness: we score written predictions; printed: trust the printed score (the paper's way).
    Empty: harness where the rows can be mapped."""
    cpus_per_script: int
    """Cores a script is promised; a script that runs alone gets all (numpy's matrix products keep
    to those promised)."""
    memory_limit_mb: int | None
    """Megabytes of memory one script's processes may use; empty: 80 % of what is free."""
    python: str
    """Interpreter that runs the scripts; empty: the one running mle-star, or in a container its
    python3."""
    cpu_limit: float | None
    """Processor seconds one script's processes may use."""
    disk_limit_mb: int
    """Megabytes one script may write below its folder."""
    process_limit: int
    """Processes and threads one script may have at once."""
    sandbox: Literal["auto", "bubblewrap", "landlock", "container", "process"]
    """What keeps scripts in: bubblewrap (own namespaces), landlock (the kernel's file and network
    rules), container (docker or podman), process (no isolation of files and network); auto: the
    first of bubblewrap and landlock that holds here."""
    container_image: str
    """Image for the sandbox 'container', with Python and the packages."""
    memory: str
    """File that remembers what changes brought on which kind of data: read when a run begins, added
    to when it ends. Empty: nothing is remembered."""
    mlflow: str
    """MLflow store that the run is logged to, such as sqlite:///mlflow.db or http://localhost:5000;
    needs the extra 'mlflow'. Empty: none."""
    save_model: bool
    """Leave the fitted models in solution/model, so that predict.py takes seconds (scripts of the
    playbook's form; they are fitted once more for it)."""
    runs_dir: str
    """Folder that receives the run folders."""
