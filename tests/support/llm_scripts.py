"""Scripts that the scripted good engineer writes: small, real, for any table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.support.llm_models import FAMILIES
from tests.support.llm_parts import (
    COMBINE,
    ENCODE,
    FEATURES,
    FINISH,
    LEAKY,
    LOAD,
    READERS,
    SOUND,
    VALIDATE,
    WRITE,
)


def build(
    families: Sequence[str], kind: str = "", positive: str = "", light: bool = True, title: str = ""
) -> str:
    """A whole script with these models; where ``kind`` is '' the script finds out for itself."""
    models = [FAMILIES[family] for family in families]
    head = f'"""{title or " and ".join(families)}: a small tabular script."""\n'
    load = LOAD.replace("{kind}", kind).replace("{positive}", positive)
    data = head + READERS[light] + load + FEATURES + ENCODE
    return data + "".join(models) + combine(families) + VALIDATE + FINISH + WRITE


def leaking(script: str) -> str:
    """The script with encodings that learn from the rows they are tested on."""
    return script.replace(SOUND, LEAKY)


def merge(base: str, family: str, section: str) -> str:
    """One of our scripts with a model more."""
    taken = families(base)
    name = next(n for n in (family, *(f"{family}_{i}" for i in range(2, 99))) if n not in taken)
    if name != family:
        section = section.replace(f"model: {family} ", f"model: {name} ")
        section = section.replace(f"fit_{family}(", f"fit_{name}(")
        section = section.replace(f"{family.upper()}_", f"{name.upper()}_")
    old = sections(base)["combine"]
    weights = re.findall(r"(?m)^[A-Z0-9_]+_WEIGHT = (\S+)", old)
    new = section.strip() + "\n" + combine([*taken, name], weights) + "\n\n"
    return base.replace(old, new.replace("\n# ===", "\n\n# ==="))


def combine(families: Sequence[str], weights: Sequence[str] = ()) -> str:
    """The section that averages the models."""
    values = list(weights) + ["1.0"] * (len(families) - len(weights))
    lines = [f"{f.upper()}_WEIGHT = {w}\n" for f, w in zip(families, values, strict=True)]
    fits = ", ".join(f"({f.upper()}_WEIGHT, fit_{f}(X, Y))" for f in families)
    return COMBINE.replace("{weights}", "".join(lines)).replace("{fits}", fits)


def sections(script: str) -> dict[str, str]:
    """Name -> text of every section, its marker included; what stands above the first is left
    out."""
    parts = re.split(r"(?m)^(?=# === .+ ===$)", script)[1:]
    return {part.split(" === ")[1].split(" ===")[0]: part for part in parts if " === " in part}


def families(script: str) -> list[str]:
    """Families whose sections a script has."""
    return [name.removeprefix("model: ") for name in sections(script) if name.startswith("model:")]


def is_ours(script: str) -> bool:
    """Whether a script is one of this skeleton."""
    return "def fit_all(X, Y):" in script and "# === write ===" in script and bool(families(script))
