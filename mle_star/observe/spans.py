"""OpenTelemetry: a run as spans, where somebody collects them.

Somebody does where the application has set a tracer provider, or where the standard variables name
an exporter (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_EXPORTER``); the package itself comes
with the extra ``otel``. Anywhere else nothing is imported and nothing is started.

Names and attributes of model calls follow the semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/). No prompt and no answer is put into a span.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_star.context import Settings
from mle_star.models.redaction import without_secrets
from mle_star.runs import RunFolder

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROVIDERS = {"google_genai": "gcp.gemini", "google_vertexai": "gcp.vertex_ai"}
"""Our name of a provider -> that of the conventions, where they differ."""
_GOOD = ("ok", "behind")
PATIENCE = 5.0
"""Seconds to wait at the end for spans that were not sent yet."""

logger = logging.getLogger(__name__)


def make(folder: RunFolder, settings: Settings) -> list[Spans]:
    """The follower that writes spans; none where nobody collects them."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return []
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry import trace

        if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            return [Spans(folder, settings, trace.get_tracer("mle_star"), None)]
    try:
        provider = _own_provider()
    except Exception as error:  # noqa: BLE001 - variables that are wrong are no reason not to run
        logger.warning("No spans are written: %s", error)
        return []
    if provider is None:
        return []
    return [Spans(folder, settings, provider.get_tracer("mle_star"), provider)]


def _own_provider() -> TracerProvider | None:
    """A provider as the standard variables describe it; None where they don't ask for one."""
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if chosen == "none" or not (chosen or any(os.environ.get(name) for name in _ENDPOINTS)):
        return None
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        logger.info("OTEL_* is set, but the extra 'otel' is not installed: no spans are written.")
        return None
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    otlp = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    provider = TracerProvider(shutdown_on_exit=False)  # it ends with the sitting
    for name in (chosen or "otlp").split(","):
        wanted = otlp if name.strip() == "otlp" else name.strip()
        for entry in importlib.metadata.entry_points(
            group="opentelemetry_traces_exporter", name=wanted
        ):
            provider.add_span_processor(BatchSpanProcessor(entry.load()()))
    return provider


class Spans:
    """Writes one span for the run, each solution, node, script and model call."""

    problem = ""

    def __init__(
        self, folder: RunFolder, settings: Settings, tracer: Tracer, own: TracerProvider | None
    ) -> None:
        """Begin the span of the run, below the span that is current here.

        Args:
            folder: of the run.
            settings: the run's.
            tracer: makes the spans.
            own: the provider to close at the end; None where it is the application's.
        """
        self._tracer, self._own = tracer, own
        task = Path(str(folder.record().get("task", ""))).name
        self._run = tracer.start_span(
            f"mle-star {task}",
            attributes={
                "mle_star.run": str(folder.path),
                "mle_star.task": task,
                "mle_star.preset": settings.preset,
                "mle_star.seed": settings.seed,
            },
        )
        self._solutions: dict[int, Span] = {}
        self._nodes: dict[tuple[str, int], list[tuple[int, Span]]] = {}
        self._scripts: dict[tuple[str, int, str], list[Span]] = {}
        self._last = 0

    def hear(self, event: Mapping[str, Any]) -> None:
        """Begin or end the span that an event tells of."""
        self._last = max(self._last, _nanoseconds(event))
        take = getattr(self, f"_on_{event.get('kind')}", None)
        if take is not None:
            take(event, _nanoseconds(event), int(event.get("solution", -1)))

    def close(self, status: str, hurry: bool) -> None:
        """End what is open; the span of the run says how the sitting ended."""
        from opentelemetry.trace import Status, StatusCode

        open_nodes = [span for spans in self._nodes.values() for _, span in spans]
        open_scripts = [span for spans in self._scripts.values() for span in spans]
        for span in (*open_scripts, *open_nodes, *self._solutions.values()):
            span.end(self._last or None)
        self._run.set_attribute("mle_star.status", status)
        if status == "failed":
            self._run.set_status(Status(StatusCode.ERROR))
        self._run.end()
        if self._own is not None:
            # It sends what was not sent yet, and a collector may be dead.
            ending = threading.Thread(target=self._own.shutdown, daemon=True)
            ending.start()
            ending.join(0.0 if hurry else PATIENCE)

    def _begin(self, name: str, parent: Span, at: int, **attributes: Any) -> Span:
        from opentelemetry.trace import set_span_in_context

        known = {f"mle_star.{key}": value for key, value in attributes.items() if value is not None}
        safe = without_secrets(known)
        return self._tracer.start_span(
            name, set_span_in_context(parent), start_time=at, attributes=safe
        )

    def _branch(self, solution: int, at: int) -> Span:
        """The span of a solution; that of the run where an event belongs to none."""
        if solution < 0:
            return self._run
        if solution not in self._solutions:
            self._solutions[solution] = self._begin(
                f"solution {solution + 1}", self._run, at, solution=solution
            )
        return self._solutions[solution]

    def _node(self, event: Mapping[str, Any], solution: int, at: int) -> Span:
        """The open span of the node that an event comes from."""
        found = self._nodes.get((str(event.get("node")), solution))
        return found[-1][1] if found else self._branch(solution, at)

    def _on_run_started(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        self._run.set_attribute("mle_star.metric", str(event.get("metric", "")))
        self._run.set_attribute("mle_star.rows", int(event.get("rows") or 0))
        engineer = event.get("engineer") or {}
        self._run.set_attribute("mle_star.engineer", str(engineer.get("name", "")))

    def _on_run_finished(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        score = event.get("score") or {}
        for name in ("value", "error", "audit"):
            if score.get(name) is not None:
                self._run.set_attribute(f"mle_star.score.{name}", float(score[name]))
        self._run.set_attribute("mle_star.source", str(event.get("source", "")))

    def _on_node_started(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        node = str(event.get("node"))
        span = self._begin(node, self._branch(solution, at), at, node=node, solution=solution)
        self._nodes.setdefault((node, solution), []).append((at, span))

    def _on_asked(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        """A node that waits for a person is begun again later, maybe in another sitting."""
        if found := self._nodes.get((str(event.get("node")), solution)):
            span = found.pop()[1]
            span.add_event("asked", {"mle_star.about": str(event.get("about"))}, timestamp=at)
            span.end(at)

    def _on_node_finished(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        """Candidates go through the same nodes side by side: the time tells them apart."""
        found = self._nodes.get((str(event.get("node")), solution))
        if found:
            began = at - int(float(event.get("seconds") or 0.0) * 1e9)
            nearest = min(found, key=lambda one: abs(one[0] - began))
            found.remove(nearest)
            nearest[1].end(at)

    def _on_solution_finished(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        self._branch(solution, at).set_attribute("mle_star.label", _text(event.get("label")))

    def _on_script_started(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        label, phase = str(event.get("label")), str(event.get("phase"))
        parent = self._node(event, solution, at)
        span = self._begin(f"script {phase}", parent, at, label=label[:500], phase=phase)
        self._scripts.setdefault((label, solution, phase), []).append(span)

    def _on_script_finished(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        from opentelemetry.trace import Status, StatusCode

        label, phase = str(event.get("label")), str(event.get("phase"))
        begun = self._scripts.get((label, solution, phase))
        if not begun:
            return
        span = begun.pop(0)
        for name in ("trial", "outcome", "score", "error", "audit", "alarm", "seconds", "cached"):
            if event.get(name) is not None:
                value = event[name]
                span.set_attribute(f"mle_star.{name}", _text(value) if name == "alarm" else value)
        if event.get("outcome") not in _GOOD:
            span.set_attribute("error.type", str(event.get("outcome")))
            span.set_status(Status(StatusCode.ERROR, _text(event.get("problem"))))
        span.end(at)

    def _on_model_called(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        provider, _, model = str(event.get("model")).partition(":")
        counted = event.get("tokens") or {}
        values: dict[str, str | int | float] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS.get(provider, provider),
            "gen_ai.request.model": model,
            "gen_ai.agent.name": str(event.get("agent")),
            "gen_ai.usage.input_tokens": int(counted.get("input") or 0),
            "gen_ai.usage.output_tokens": int(counted.get("output") or 0),
            "gen_ai.usage.cache_read.input_tokens": int(counted.get("cached") or 0),
            "mle_star.phase": str(event.get("phase")),
        }
        if event.get("usd") is not None:
            values["mle_star.usd"] = float(event["usd"])
        span = self._tracer.start_span(
            f"chat {model}",
            set_span_in_context(self._node(event, solution, at)),
            kind=SpanKind.CLIENT,
            start_time=at - int(float(event.get("seconds") or 0.0) * 1e9),
            attributes=values,
        )
        if event.get("outcome") != "answered":
            span.set_attribute("error.type", str(event.get("outcome")))
            span.set_status(Status(StatusCode.ERROR))
        span.end(at)

    def _on_note(self, event: Mapping[str, Any], at: int, solution: int) -> None:
        attributes = {"mle_star.text": _text(event.get("text"))}
        self._branch(solution, at).add_event("note", attributes, timestamp=at)


def _text(value: Any) -> str:
    return str(without_secrets(str(value or "")))[:500]


def _nanoseconds(event: Mapping[str, Any]) -> int:
    """When an event was, since 1970."""
    return int(datetime.fromisoformat(str(event["time"])).timestamp() * 1e9)
