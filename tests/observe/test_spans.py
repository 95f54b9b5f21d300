"""OpenTelemetry: spans of a made-up run by the in-memory exporter, and when there are any."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context, Settings, resolve
from mle_star.observe import spans
from mle_star.observe.following import following
from mle_star.runs import RunFolder
from tests.cli.journal import Journal, finished_run, model_run, write_run

pytest.importorskip("opentelemetry.sdk", reason="extra 'otel' is not installed")

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """An application's own provider that keeps its spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def settings() -> Settings:
    return resolve(Context(preset="quick"), environ={})


def follow(
    tmp_path: Path, events: Sequence[dict[str, Any]], status: str = "finished"
) -> tuple[list[str], RunFolder]:
    """Have a run of these events followed; returns what was said."""
    run = RunFolder.open(write_run(tmp_path / "houses", list(events), status=status))
    said: list[str] = []
    with following(run, settings(), said.append) as followers:
        for event in events:
            followers.hear(event)
    return said, run


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def parent(exporter: InMemorySpanExporter, span: ReadableSpan) -> str:
    assert span.parent is not None
    found = [
        other.name
        for other in exporter.get_finished_spans()
        if other.context is not None and other.context.span_id == span.parent.span_id
    ]
    return found[0]


def test_a_run_is_a_tree_of_spans(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    said, run = follow(tmp_path, finished_run())
    assert said == []
    [whole] = named(kept, "mle-star houses")
    attributes = dict(whole.attributes or {})
    assert attributes["mle_star.run"] == str(run.path)
    assert (attributes["mle_star.preset"], attributes["mle_star.status"]) == ("quick", "finished")
    assert attributes["mle_star.metric"] == "rmse"
    assert whole.status.status_code is StatusCode.UNSET
    assert {parent(kept, span) for span in named(kept, "merge")} == {"solution 1", "solution 2"}
    assert parent(kept, named(kept, "solution 1")[0]) == "mle-star houses"
    scripts = named(kept, "script write")
    good = [s for s in scripts if (s.attributes or {})["mle_star.outcome"] == "ok"]
    assert dict(good[0].attributes or {})["mle_star.score"] == 53012.4
    [bad, *_] = [s for s in scripts if s.status.status_code is StatusCode.ERROR]
    assert dict(bad.attributes or {})["error.type"] == "error"
    assert all(
        s.end_time is not None and s.start_time is not None and s.end_time >= s.start_time
        for s in kept.get_finished_spans()
    )


def test_model_calls_follow_the_conventions(
    tmp_path: Path, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(tmp_path, model_run())
    call = named(kept, "chat gemini-2.5-pro")[0]
    attributes = dict(call.attributes or {})
    assert call.kind is SpanKind.CLIENT
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert attributes["gen_ai.request.model"] == "gemini-2.5-pro"
    assert attributes["gen_ai.usage.input_tokens"] == 4000
    assert attributes["gen_ai.usage.output_tokens"] == 2500
    assert call.end_time is not None
    assert call.start_time is not None
    assert (call.end_time - call.start_time) / 1e9 == pytest.approx(12.5)


def test_candidates_side_by_side_are_told_apart(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    journal = Journal()
    journal.add("run_started", "prepare")
    for second in (0, 4):
        journal.add("node_started", "execute", 0, time=f"2026-01-02T03:04:{second:02d}+00:00")
    journal.add("node_finished", "execute", 0, seconds=2.0, time="2026-01-02T03:04:06+00:00")
    journal.add("node_finished", "execute", 0, seconds=9.0, time="2026-01-02T03:04:09+00:00")
    follow(tmp_path, journal.events)
    took = [((s.end_time or 0) - (s.start_time or 0)) / 1e9 for s in named(kept, "execute")]
    assert took == pytest.approx([2.0, 9.0])


def test_a_node_that_asks_a_person_ends_with_its_question(
    tmp_path: Path, kept: InMemorySpanExporter
) -> None:
    journal = Journal()
    journal.add("node_started", "ask_plan", 0)
    journal.add("asked", "ask_plan", 0, about="plan", label="more trees")
    journal.add("node_started", "ask_plan", 0)
    journal.add("answered", "ask_plan", 0, about="plan", label="more trees", answer="yes")
    journal.add("node_finished", "ask_plan", 0, seconds=0.0)
    journal.add("note", "refine", 0, text="long after")
    follow(tmp_path, journal.events)
    asking, answered = named(kept, "ask_plan")
    assert [event.name for event in asking.events] == ["asked"]
    assert asking.end_time is not None
    assert answered.start_time is not None
    assert asking.end_time <= answered.start_time


def test_a_run_that_broke_closes_its_spans_and_leaks_no_secret(
    tmp_path: Path, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2hunter2")
    journal = Journal()
    journal.add("run_started", "prepare")
    journal.add("node_started", "execute", 0)
    journal.add("script_started", "execute", 0, label="print hunter2hunter2", phase="write")
    journal.add("note", "execute", 0, text="the key is hunter2hunter2")
    follow(tmp_path, journal.events, status="failed")
    assert named(kept, "mle-star houses")[0].status.status_code is StatusCode.ERROR
    assert {"execute", "script write"} <= {s.name for s in kept.get_finished_spans()}
    for span in kept.get_finished_spans():
        assert "hunter2hunter2" not in span.to_json()


def test_the_callers_span_is_the_parent(tmp_path: Path, kept: InMemorySpanExporter) -> None:
    with trace.get_tracer("app").start_as_current_span("my application"):
        follow(tmp_path, finished_run())
    assert parent(kept, named(kept, "mle-star houses")[0]) == "my application"


@pytest.mark.parametrize(
    ("variables", "there"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], there: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run = RunFolder.open(write_run(tmp_path / "houses", finished_run()))
    found = spans.make(run, settings())
    assert bool(found) is there
    for one in found:
        one.close("finished", hurry=True)


def test_nothing_is_imported_where_nobody_asks() -> None:
    code = (
        "import sys, threading, mle_star.graph.solving\n"
        "assert not [m for m in sys.modules if m.startswith(('opentelemetry.exp', 'mlflow'))]\n"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_a_follower_that_breaks_is_left_out_with_a_note(
    tmp_path: Path, kept: InMemorySpanExporter
) -> None:
    events = finished_run()
    events[3] = {**events[3], "solution": "not a number"}
    said, _ = follow(tmp_path, events)
    [only] = said
    assert only.startswith("Spans broke (ValueError")
