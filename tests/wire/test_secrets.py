"""Secrets of the environment and of .env files are in nothing that a run prints or leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.adapters import gemini_brain
from tests.support.brain import Brain
from tests.support.gemini import GeminiAnswer, GeminiRequest, GeminiServer
from tests.support.loopback import Fault
from tests.support.tavily import TavilyServer, result
from tests.wire.running import GEMINI

CANARIES = {
    "GOOGLE_API_KEY": "AIzaCanary-google-0123456789",
    "TAVILY_API_KEY": "tvly-canary-0123456789",
    "OPENAI_API_KEY": "sk-canary-openai-0123456789",
    "AWS_SECRET_ACCESS_KEY": "canary/aws/0123456789",
    "LANGSMITH_API_KEY": "lsv2-canary-0123456789",
    "DATABASE_PASSWORD": "canary-password-0123456789",
    "HF_TOKEN": "hf-canary-0123456789",
}
DOTENV = "canary-from-dotenv-0123456789"
SPY = """import os
from pathlib import Path

print(sorted(os.environ.items()))
for path in (*Path(".").rglob("*"), *Path("input").rglob("*")):
    if path.is_file():
        print(path, path.read_bytes()[:2000])
"""


def curious(request: GeminiRequest) -> GeminiAnswer | Fault:
    """Answers well, but its first scripts print all they can see, and crash over it."""
    answer = gemini_brain(Brain())(request)
    if "agent `write`" in request.turns[0].text and isinstance(answer, GeminiAnswer):
        return GeminiAnswer(answer.text.replace("```python\n", f"```python\n{SPY}", 1))
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("how", ["text", "json"])
def test_no_canary_is_printed_or_left(task: Path, tmp_path: Path, how: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    copy = Path(shutil.copytree(task, home / "slope"))
    for folder in (home, copy):
        (folder / ".env").write_text(f"SOME_API_KEY={DOTENV}\n")
    found = [result("Models", "https://example.org/1", "Text")]
    with (
        GeminiServer(curious, key=CANARIES["GOOGLE_API_KEY"]) as gemini,
        TavilyServer(found) as web,
    ):
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(tmp_path),
            "LANGSMITH_TRACING": "false",
            **CANARIES,
            "GOOGLE_GEMINI_BASE_URL": gemini.url,
            "MLE_STAR_SEARCH_URL": web.url,
        }
        command = [
            sys.executable,
            "-m",
            "mle_star",
            "run",
            str(copy),
            "--model",
            GEMINI,
            "--record",
        ]
        command += ["--search", "tavily", "-M", "1", "-L", "1", "-T", "1", "-K", "1", "-R", "1"]
        command += ["--runs-dir", str(home / "runs"), *(["--json"] if how == "json" else [])]
        done = subprocess.run(
            command, env=environ, cwd=home, capture_output=True, text=True, timeout=300, check=False
        )
    assert done.returncode == 0, done.stderr[-2000:]
    secrets = [*CANARIES.values(), DOTENV]
    for printed in (done.stdout, done.stderr):
        assert not [secret for secret in secrets if secret in printed]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env"]
    assert {"traffic.jsonl", "calls.sqlite", "answers.sqlite", "checkpoints.sqlite"} <= {
        path.name for path in left
    }
    logs = [path for path in left if path.name == "stdout.log"]
    assert any("PYTHONHASHSEED" in path.read_text() for path in logs), "the curious script ran"
    for path in left:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path
