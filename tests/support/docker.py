"""A program that answers as the client of docker or podman does, without any container.

``run`` starts the container's first process on this machine, in the folder and with the variables
that the container would have. What the engine is to say stands in ``engine.json`` beside the
program, what it was told is kept in ``told.jsonl``: a list of words a line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROGRAM = """#!{python}
import json, os, signal, subprocess, sys, time
from pathlib import Path
HERE = Path(__file__).resolve().parent
WORDS = sys.argv[1:]
SAYS = json.loads((HERE / "engine.json").read_text())
with (HERE / "told.jsonl").open("a") as stream:
    stream.write(json.dumps([WORDS, dict(os.environ)]) + "\\n")

def fail(text, code=1):
    sys.stderr.write(text + "\\n")
    sys.exit(code)

def options(words):
    found = dict(env=[], mount=[])
    flags = ("--interactive", "--rm", "--read-only", "--no-healthcheck")
    while words and words[0].startswith("--"):
        name = words.pop(0)
        value = "" if name in flags else words.pop(0)
        if name in ("--env", "--mount"):
            found[name[2:]].append(value)
        else:
            found[name[2:]] = value
    return found, words

def state(name, **values):
    path = HERE / ("container-" + name)
    old = json.loads(path.read_text()) if path.exists() else {{}}
    path.write_text(json.dumps({{**old, **values}}))

def run(words):
    found, (image, *command) = options(words)
    if image not in [*SAYS["images"], *SAYS["images"].values()]:
        fail("docker: Error response from daemon: No such image: " + image + "\\n\\n"
             "Run 'docker run --help' for more information", 125)
    if SAYS["broken"] and "name" in found:
        fail("docker: Error response from daemon: " + SAYS["broken"] + "\\n\\n"
             "Run 'docker run --help' for more information", 125)
    if found.get("entrypoint") == SAYS["missing"]:
        fail('docker: Error response from daemon: exec: "python9": executable file not found', 127)
    name = found.get("name", "")
    if SAYS["created"]:
        state(name, StartedAt="0001-01-01T00:00:00Z", Error="", OOMKilled=False)
    time.sleep(SAYS["delay"])
    places = {{}}
    for text in found["mount"]:
        fields = dict(f.strip('"').partition("=")[::2] for f in text.split(","))
        places[fields["target"]] = fields["source"]
    command = [places.get(word, word) for word in command]
    variables = dict(value.partition("=")[::2] for value in found["env"])
    variables["PATH"] = os.path.dirname(sys.executable)
    os.chdir(found.get("workdir", "/"))
    if name:
        state(name, StartedAt="2026-01-01T00:00:00Z", Error="", OOMKilled=SAYS["oom"])
    process = subprocess.Popen([sys.executable, *command], env=variables)
    if SAYS["dies"] and name:
        time.sleep(1.0)
        process.kill()
        fail("docker: error waiting for container: unexpected EOF", 125)
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
    code = process.wait()
    sys.exit(code if code >= 0 else 128 - code)

if SAYS["down"]:
    fail("ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
if WORDS[0] == "--version":
    print(SAYS["version"])
elif WORDS[0] == "info":
    print(json.dumps(SAYS["info"]))
elif WORDS[:2] == ["image", "inspect"] and "Volumes" in WORDS[3]:
    print(json.dumps(SAYS["volumes"]))
elif WORDS[:2] == ["image", "inspect"]:
    if WORDS[-1] not in SAYS["images"]:
        fail("Error response from daemon: No such image: " + WORDS[-1])
    print(SAYS["images"][WORDS[-1]])
elif WORDS[0] == "run":
    run(WORDS[1:])
elif WORDS[:2] == ["container", "inspect"]:
    path = HERE / ("container-" + WORDS[-1])
    if SAYS["silent"] or not path.exists():
        fail("Error response from daemon: No such container")
    print(path.read_text())
elif WORDS[0] == "ps":
    print("\\n".join(SAYS["containers"]))
elif WORDS[0] == "kill":
    pass
elif WORDS[0] == "rm":
    for name in WORDS[2:]:
        (HERE / ("container-" + name)).unlink(missing_ok=True)
else:
    fail("unknown command: " + WORDS[0])
"""

DOCKER: dict[str, Any] = {"SecurityOptions": ["name=seccomp,profile=builtin"], "Runtimes": {}}
ROOTLESS: dict[str, Any] = {"SecurityOptions": ["name=rootless"], "Runtimes": {}}
PODMAN: dict[str, Any] = {"host": {"security": {"rootless": True}}}


class FakeEngine:
    """The program in a folder that a test puts on its PATH."""

    def __init__(self, folder: Path, name: str = "docker") -> None:
        self.folder = folder
        self.says: dict[str, Any] = {
            "version": "Docker version 28.2.2, build e6534b4",
            "info": DOCKER,
            "images": {"lab:1": "sha256:" + "a" * 64},
            "broken": "",
            "missing": "",
            "delay": 0.0,
            "oom": False,
            "down": False,
            "silent": False,
            "created": False,
            "dies": False,
            "volumes": None,
            "containers": [],
        }
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / name
        program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
        program.chmod(0o755)
        self.say()

    def say(self, **values: Any) -> None:
        """What it answers from now on."""
        self.says.update(values)
        text = json.dumps(self.says)
        (self.folder / "engine.json").write_text(text, encoding="utf-8")

    @property
    def told(self) -> list[tuple[list[str], dict[str, str]]]:
        """Every command so far, with the environment it was given in."""
        path = self.folder / "told.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [(line[0], line[1]) for line in map(json.loads, lines)]

    def commands(self, name: str) -> list[list[str]]:
        """The words of every command of a name."""
        return [words for words, _ in self.told if words[0] == name]

    def leftover(self) -> list[str]:
        """Containers that nobody removed."""
        return sorted(path.name for path in self.folder.glob("container-*"))
