"""``doctor``: what it finds on this machine and, through servers on this machine, beyond it."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mle_star.cli
from mle_star.cli import checks
from mle_star.models.prices import load_prices
from tests.cli.journal import FLASH, PRO
from tests.support.gemini import GeminiAnswer, GeminiServer, not_found
from tests.support.loopback import KEY, overloaded
from tests.support.openai_server import OpenAIAnswer, OpenAIServer
from tests.support.tasks import slope_task
from tests.support.tavily import TavilyServer, result, status

Capture = pytest.CaptureFixture[str]
Doctor = Callable[..., tuple[int, dict[str, list[dict[str, Any]]]]]

HELLO = GeminiAnswer("Hello", input_tokens=6, output_tokens=2)


@pytest.fixture
def doctor(capsys: Capture) -> Doctor:
    """Calls it; gives the exit code and the checks by name. No key may be printed, ever."""

    def call(*arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        code = mle_star.cli.call(["doctor", "--json", *arguments])
        out, err = capsys.readouterr()
        assert KEY not in out + err
        found: dict[str, list[dict[str, Any]]] = {}
        report = json.loads(out)
        for check in report["checks"]:
            found.setdefault(check["name"], []).append(check)
        failed = [c for c in report["checks"] if c["state"] == "fail"]
        assert code == (2 if failed else 0)
        assert report["can_start"] is not bool(failed)
        found["answer"] = [report]
        return code, found

    return call


def test_without_a_model_everything_is_there(doctor: Doctor, tmp_path: Path) -> None:
    code, found = doctor(str(slope_task(tmp_path / "slope")))
    assert code == 0
    assert list(found)[:7] == [
        "packages", "scripts", "sandbox", "machine", "task", "engineer", "cost",
    ]  # fmt: skip
    assert found["engineer"][0]["text"] == "playbook (no language model is named)"
    assert found["cost"][0]["text"].startswith("nothing")
    assert "slope: rmse (lower is better)" in found["task"][0]["text"]
    assert "the kernel is shared: a hole in it is a way out" in found["sandbox"][0]["details"]
    assert not (tmp_path / "runs").exists()  # it leaves nothing behind


def test_it_is_written_for_people_too(capsys: Capture) -> None:
    assert mle_star.cli.call(["doctor", "--engineer", "llm", "--offline"]) == 2
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("ok    packages   Python 3.")
    assert "It does not stop:" in out
    assert "fail  engineer   The model 'google_genai:gemini-2.5-pro' needs a key" in out
    assert "127 calls, about $" in out
    assert "assumed: 3k to 12k tokens in" in out
    assert lines[-1] == "A run can't start: mend engineer."
    assert mle_star.cli.call(["doctor", "--engineer", "playbook"]) == 0
    assert capsys.readouterr().out.endswith("\nA run can start.\n")


def test_an_engineer_of_ones_own(doctor: Doctor) -> None:
    code, found = doctor("--engineer", "tests.support.engineers:plain")
    assert code == 0
    assert found["engineer"][0]["text"] == "tests.support.engineers:plain"
    assert found["cost"][0]["text"] == "what your engineer spends"
    code, found = doctor("--engineer", "tests.support.engineers:none_such")
    assert code == 2
    assert found["engineer"][0]["state"] == "fail"


def test_a_task_that_cant_be_used(doctor: Doctor, tmp_path: Path) -> None:
    code, found = doctor(str(tmp_path / "nowhere"))
    assert code == 2
    assert "nowhere" in found["task"][0]["text"]


def test_a_missing_interpreter_is_found_before_the_sandbox(doctor: Doctor) -> None:
    code, found = doctor("--python", "/no/such/python")
    assert code == 2
    assert "--python" in found["scripts"][0]["remedy"]
    assert "sandbox" not in found


def test_a_sandbox_that_runs_nothing(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "HELLO", "raise SystemExit(3)")
    code, found = doctor()
    assert code == 2
    assert found["sandbox"][0]["state"] == "fail"


def test_a_folder_that_cant_be_written(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, found = doctor("--runs-dir", "/somewhere/runs")
    assert code == 2
    assert found["machine"][0]["text"].startswith("/ can't be written")


def test_little_memory_is_a_warning(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "ENOUGH_MEMORY_MB", 10**9)
    code, found = doctor()
    assert code == 0
    assert found["machine"][0]["state"] == "warn"


def test_missing_packages(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "REQUIRED", (*checks.REQUIRED, "no-such-package"))
    code, found = doctor()
    assert code == 2
    assert found["packages"][0]["remedy"] == "pip install no-such-package"


def test_a_model_that_answers(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with GeminiServer(lambda _: HELLO, key=KEY) as server:
        server.point_here(monkeypatch)
        code, found = doctor("--model", PRO, "--model-for", f"code={FLASH}", "--preset", "paper")
    assert code == 0
    assert {request.model for request in server.requests} == {
        "gemini-2.5-pro", "gemini-2.5-flash",
    }  # fmt: skip
    assert found["engineer"][0]["text"].startswith(f"{PRO} (code: {FLASH}), the playbook stands in")
    assert [check["text"].partition(": ")[0] for check in found["model"]] == [PRO, FLASH]
    assert "key in GOOGLE_API_KEY; $1.25 in, $10 out" in found["model"][0]["text"]
    assert found["model"][0]["text"].endswith(f"({load_prices().dates['google_genai']})")
    assert "2 calls, 16 tokens, less than $0.0001" in found["hello"][0]["text"]
    assert found["search"][0]["text"].startswith("catalogue")
    assert "preset paper: 162 calls, about $" in found["cost"][0]["text"]
    cost = found["answer"][0]["cost"]
    assert cost["calls"]["refine"] == 32
    assert cost["calls"]["retrieve"] == 1, "the catalogue needs no queries"
    assert 0 < cost["usd"][0] < cost["usd"][1]


def test_offline_asks_nobody(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVILY_API_KEY", KEY)
    with GeminiServer(lambda _: HELLO) as server:
        server.point_here(monkeypatch)
        code, found = doctor("--model", PRO, "--offline")
    assert code == 0
    assert server.requests == []
    assert "hello" not in found
    assert found["search"][0]["text"] == "tavily: not asked (--offline)"


def test_a_recording_is_asked_nothing(doctor: Doctor, tmp_path: Path) -> None:
    recording = tmp_path / "traffic.jsonl"
    recording.write_text(json.dumps({"recording": "mle-star traffic", "version": 1}) + "\n")
    code, found = doctor("--model", PRO, "--replay", str(recording))
    assert code == 0
    assert found["hello"][0]["text"] == "nothing was sent: a recording answers"


def test_a_wrong_key(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with GeminiServer(lambda _: HELLO, key="another") as server:
        server.point_here(monkeypatch)
        code, found = doctor("--model", PRO)
    assert code == 2
    assert found["hello"][0]["state"] == "fail"
    assert "GOOGLE_API_KEY" in found["hello"][0]["text"]
    assert "search" not in found


def test_a_model_that_does_not_exist(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with GeminiServer(lambda _: not_found()) as server:
        server.point_here(monkeypatch)
        code, found = doctor("--model", "google_genai:gemini-9")
    assert code == 2
    assert "gemini-9" in found["hello"][0]["text"]
    assert found["model"][0]["state"] == "warn"  # nor is its price known


def test_nothing_is_sent_where_the_wallet_forbids_it(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(lambda _: overloaded()) as server:
        server.point_here(monkeypatch)
        code, found = doctor("--model", PRO, "--max-calls", "0")
    assert code == 0
    assert server.requests == []
    assert found["hello"][0]["text"].startswith("nothing was sent")
    assert "--max-calls allows 0" in found["cost"][0]["text"]
    assert "the playbook takes over" in found["cost"][0]["remedy"]


def test_a_named_model_without_a_key(doctor: Doctor) -> None:
    code, found = doctor("--model", PRO)
    assert code == 0
    assert found["engineer"][0]["state"] == found["model"][0]["state"] == "warn"
    assert "GOOGLE_API_KEY" in found["model"][0]["text"]
    assert "hello" not in found
    assert "127 calls" in found["cost"][0]["text"]
    code, found = doctor("--model", PRO, "--engineer", "llm")
    assert code == 2
    assert "GOOGLE_API_KEY" in found["engineer"][0]["text"]
    assert "model" not in found  # it would say the same


def test_a_model_without_a_provider(doctor: Doctor) -> None:
    code, found = doctor("--model", "gemini-2.5-pro")
    assert code == 2
    assert "google_genai:gemini-2.5-pro" in found["engineer"][0]["text"]
    assert "model" not in found


def test_a_local_server_without_key_and_price(doctor: Doctor) -> None:
    with OpenAIServer(lambda _: OpenAIAnswer("Hello")) as server:
        local = ("--model", "openai:local-model", "--base-url", server.base_url)
        code, found = doctor(*local)
        assert code == 0
        assert found["model"][0]["state"] == "warn"
        assert "no key needed; its price is not known" in found["model"][0]["text"]
        assert "price unknown" in found["hello"][0]["text"]
        assert "its price is not known" in found["cost"][0]["text"]
        code, found = doctor(*local, "--max-cost", "1")
        assert code == 2
        assert "--max-cost can't be kept" in found["model"][0]["text"]
    assert len(server.requests) == 1


def test_a_price_table_of_ones_own(doctor: Doctor, tmp_path: Path) -> None:
    table = tmp_path / "mine.toml"
    table.write_text('[openai.models]\n"local-model" = { input = 1.0, output = 2.0 }\n')
    local = ("--model", "openai:local-model", "--base-url", "http://127.0.0.1:1/v1", "--offline")
    _, found = doctor(*local, "--prices", str(table), "--max-cost", "0.001")
    assert found["model"][0]["text"].endswith("$1 in, $2 out per million tokens")
    assert "--max-cost allows $0.0010" in found["cost"][0]["text"]
    code, found = doctor(*local, "--prices", str(tmp_path / "none.toml"))
    assert code == 2
    assert "none.toml" in found["prices"][0]["text"]


def test_a_package_that_is_an_extra(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec",
        lambda name, *rest: None if name == "langchain_openai" else real(name, *rest),
    )  # fmt: skip
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    code, found = doctor("--model", "openai:gpt-4.1", "--offline")
    assert code == 2
    assert "pip install 'mle-star[openai]'" in found["model"][0]["text"]


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Any:
    with GeminiServer(lambda _: HELLO) as server:
        server.point_here(monkeypatch)
        yield server


def test_a_search_engine_that_answers(
    doctor: Doctor, gemini: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAVILY_API_KEY", KEY)
    page = result("Trees", "https://docs.example.org/trees", "Gradient boosting with trees.")
    with TavilyServer([page]) as tavily:
        code, found = doctor("--model", PRO, "--search-url", tavily.url)
        assert len(tavily.queries) == 1
    assert code == 0
    assert found["search"][0]["text"].startswith("tavily answered in ")
    assert "with 1 page; that cost one query" in found["search"][0]["text"]


def test_a_model_that_searches(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = (("Trees", "https://docs.example.org/trees"),)
    with GeminiServer(lambda _: GeminiAnswer("Boosted trees do well.", sources=pages)) as server:
        server.point_here(monkeypatch)
        code, found = doctor("--model", PRO, "--search", "google")
        assert [request.tools for request in server.requests] == [(), ("googleSearch",)]
        assert code == 0
        assert "that cost one query" in found["search"][0]["text"]
        code, found = doctor(
            "--model", PRO, "--search", "google", "--model-for", "reading=ollama:x"
        )
        assert code == 2


def test_a_search_engine_that_refuses(
    doctor: Doctor, gemini: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAVILY_API_KEY", KEY)
    with TavilyServer() as tavily:
        tavily.next(status(401))
        code, found = doctor("--model", PRO, "--search-url", tavily.url)
    assert code == 2
    assert found["search"][0]["state"] == "fail"


def test_a_search_engine_without_a_key(doctor: Doctor, gemini: GeminiServer) -> None:
    code, found = doctor("--model", PRO, "--search", "tavily", "--offline")
    assert code == 2
    assert "TAVILY_API_KEY" in found["search"][0]["remedy"]
    code, found = doctor("--model", PRO, "--search", "none")
    assert code == 0
