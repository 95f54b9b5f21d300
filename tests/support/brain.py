"""A scripted good engineer: answers every prompt of the language-model engineer, as a model would.

It knows nothing but the text of the prompt. Its scripts are real (``llm_scripts.py``), its plans
change them, and it carries out plans that others made as well as it can. Put behind a loopback
server it drives whole runs without a model::

    with GeminiServer(gemini_brain(Brain())) as server: ...
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support import llm_plans, llm_scripts, llm_studies
from tests.support.llm_models import FAMILIES, INSTEAD, LIGHT, TITLES, WORDS
from tests.support.llm_parts import LEAKY, SOUND
from tests.support.llm_prompts import Prompt

SLIP = "  # slip"
"""Ends every line that sabotage put into a script; ``debug`` takes them out."""

NUMBER = r"(-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan))"


class Brain:
    """Answers by rule; keeps nothing between two questions, so that threads may share it."""

    def __init__(self, light: bool = True, leaky: bool = False) -> None:
        """``light``: numpy alone, about 0.3 s a script; else pandas and scikit-learn, about 2 s.

        ``leaky``: first scripts leak, until ``fix_leakage`` mends them.
        """
        self.light = light
        self.leaky = leaky

    def answer(self, system: str, user: str, schema: bool = False) -> str:
        """The answer to a prompt; ``schema``: bare JSON, as a model that is held to a schema."""
        prompt = Prompt.read(system, user)
        if not prompt.agent:
            return "OK"
        made = getattr(self, prompt.agent)(prompt)
        if not isinstance(made, dict):
            return str(made)
        script = made.pop("script", None)
        text = json.dumps(made, indent=1)
        if schema:
            return text
        code = fenced(script) if script else ""
        return f"This is my answer.\n\n```json\n{text}\n```\n{code}"

    def queries(self, prompt: Prompt) -> dict[str, Any]:
        kind = "classification" if prompt.kind in ("label", "probability") else "regression"
        ideas = ("best models", "gradient boosting example", "nearest neighbours example")
        return {"queries": [f"tabular {kind} {idea} python" for idea in ideas]}

    def retrieve(self, prompt: Prompt) -> dict[str, Any]:
        families = list(LIGHT if self.light else FAMILIES)
        sources = re.findall(r"https?://[^\s)>\"']+", prompt.text("Search results"))[:2]
        cards = []
        for place in range(prompt.count(4)):
            family, variant = families[place % len(families)], place // len(families)
            name = TITLES[family] + (f", variant {variant + 1}" if variant else "")
            example = FAMILIES[family].strip().split("\n", 1)[1].strip()
            reason = f"Quick, and strong enough to start from (idea {place + 1})."
            card = {"name": name, "reason": reason, "example": example, "sources": sources}
            cards.append(card)
        return {"cards": cards}

    def write(self, prompt: Prompt) -> str:
        named = re.search(r"(?m)^Name: (.+)$", prompt.raw("Model"))
        card = named[1] if named else prompt.raw("Model")
        family, variant = self._family(card), re.search(r"variant (\d+)", card)
        script = self._build(prompt, family)
        if variant:
            section = llm_scripts.sections(script)[f"model: {family}"]
            script = script.replace(section, llm_plans.varied(section, int(variant[1])))
        return fenced(llm_scripts.leaking(script) if self.leaky else script)

    def merge(self, prompt: Prompt) -> str:
        base, reference = prompt.code("Base script"), prompt.code("Reference script")
        if not llm_scripts.is_ours(base):
            base = self._build(prompt, self._family(base))
        if llm_scripts.is_ours(reference):
            parts = llm_scripts.sections(reference)
            models = {f: parts[f"model: {f}"] for f in llm_scripts.families(reference)}
        else:
            family = self._family(reference)
            models = {family: FAMILIES[family]}
        for family, section in models.items():
            base = llm_scripts.merge(base, family, section)
        return fenced(base)

    def check_usage(self, prompt: Prompt) -> dict[str, Any]:
        script = prompt.code("Script")
        if "\nWORDS = False\n" not in script or not prompt.has_words:
            return {"unused": [], "note": "The script uses every column."}
        rewritten = script.replace("\nWORDS = False\n", "\nWORDS = True\n")
        note = "The columns of words were left out; now their levels are told apart."
        return {"unused": ["columns of words"], "note": note, "script": rewritten}

    def ablate(self, prompt: Prompt) -> str:
        script = prompt.code("Script")
        before, parts = prompt.raw("Summaries"), llm_plans.refinable(script)
        fresh = [name for name in parts if f"- {name} (" not in before]
        variants = {}
        for name in (fresh if len(fresh) > 1 else list(parts))[:2]:
            changed, how = llm_plans.weakened(parts[name])
            variants[f"{name} ({how})"] = (parts[name], changed)
        return fenced(llm_studies.write_study(script, variants))

    def summarise(self, prompt: Prompt) -> str:
        output = prompt.raw("Output")
        base = re.search(rf"Baseline: {NUMBER}", output)
        rows = re.findall(rf"Without (.+?): {NUMBER}$", output, re.MULTILINE)
        if not base or not rows:
            return "The study shows nothing that can be compared."
        lines = [
            f"- {name}: {base[1]} becomes {value}, impact {abs(float(value) - float(base[1])):.6g}"
            for name, value in rows
        ]
        return "\n".join([f"The script as it is scores {base[1]}.", *lines])

    def extract(self, prompt: Prompt) -> dict[str, Any]:
        script, refined = prompt.code("Script"), prompt.codes("Refined blocks")
        found = re.findall(r"(?m)^- (.+?) \(.*impact (\S+)$", prompt.raw("Summary"))
        impact = {name: float(value) for name, value in found}
        block = llm_plans.choose(script, impact, refined)
        return {"block": block, "plan": llm_plans.next_plan(block, "")}

    def plan(self, prompt: Prompt) -> dict[str, Any]:
        return {"plan": llm_plans.next_plan(prompt.code("Block"), prompt.raw("Tried"))}

    def refine(self, prompt: Prompt) -> str:
        return fenced(llm_plans.carry_out(prompt.code("Block"), prompt.text("Plan")))

    def plan_ensemble(self, prompt: Prompt) -> dict[str, Any]:
        return {"plan": llm_plans.next_ensemble(prompt.members(), prompt.raw("Tried"))}

    def ensemble(self, prompt: Prompt) -> str:
        plan = prompt.text("Plan")
        weights = llm_plans.weights_in(plan)
        return fenced(llm_studies.write_ensemble(plan, weights, prompt.kind))

    def debug(self, prompt: Prompt) -> str:
        script = prompt.code("Script")
        sound = re.sub(rf"(?m)^.*{SLIP}\n?", "", script)
        if sound != script:
            return fenced(sound)
        if source := llm_studies.studied(script):
            name, part = next(iter(llm_plans.refinable(source).items()))
            changed, how = llm_plans.weakened(part)
            return fenced(llm_studies.write_study(source, {f"{name} ({how})": (part, changed)}))
        if "input/members" in script:
            return fenced(llm_studies.write_ensemble("Plain average", [], prompt.kind))
        families = [f for f in llm_scripts.families(script) if f in FAMILIES]
        rebuilt = self._build(prompt, *(families or [self._family(script)]))
        rebuilt = llm_plans.with_constants(rebuilt, script)
        return fenced(self._build(prompt, "stumps") if rebuilt == script else rebuilt)

    def check_leakage(self, prompt: Prompt) -> dict[str, Any]:
        if LEAKY in prompt.code("Script"):
            reason = "The encodings are learnt from all rows, also those they are tested on."
            return {"leaking": True, "block": LEAKY, "reason": reason}
        reason = "Every fold's encodings and models learn from its fitting rows alone."
        return {"leaking": False, "block": "", "reason": reason}

    def fix_leakage(self, prompt: Prompt) -> str:
        block = prompt.code("Block")
        if "encode(known)[0]" in block:
            return fenced(SOUND)
        return fenced(block)  # nothing that it knows how to mend

    def _build(self, prompt: Prompt, *families: str) -> str:
        return llm_scripts.build(families, prompt.kind, prompt.positive, self.light)

    def _family(self, text: str) -> str:
        """The family that a text speaks of."""
        lower = text.lower()
        found = next((WORDS[word] for word in WORDS if word in lower), "ridge")
        return INSTEAD.get(found, found) if self.light else found


def fenced(code: str) -> str:
    """Code as a model gives it."""
    return f"```python\n{code.rstrip()}\n```\n"
