"""Ensembles and ablation studies that the scripted good engineer writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ENSEMBLE = '''"""{plan}"""
import csv
import math
import os

WEIGHTS = {weights}
KIND = "{kind}"


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def is_number(cell):
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


train, test, folds = (read(f"input/{name}.csv") for name in ("train", "test", "folds"))
scored = [row for row, fold in zip(train, folds) if float(fold["fold"]) >= 0]
sample = list(read("input/sample_submission.csv")[0])
outputs = [name for name in sample if name not in test[0]]
count = sum(name.isdigit() for name in os.listdir("input/members"))
weights = (WEIGHTS + [1.0] * count)[:count]


def blend(cells):
    if KIND == "label" or not all(map(is_number, cells)):
        votes = {}
        for weight, cell in zip(weights, cells):
            votes[cell] = votes.get(cell, 0.0) + weight
        return max(votes, key=votes.get)
    return sum(w * float(cell) for w, cell in zip(weights, cells)) / sum(weights)


def blend_table(name, rows):
    """Blended predictions for every row of a table, written in its order."""
    members = [read(f"input/members/{n}/{name}.csv") for n in range(count)]
    keys = [key for key in sample if key not in outputs and key in rows[0]]
    if keys and all(keys[0] in member[0] for member in members):
        found = [{row[keys[0]]: row for row in member} for member in members]
        members = [[by_key[row[keys[0]]] for row in rows] for by_key in found]
    blended = [[blend([m[i][out] for m in members]) for out in outputs] for i in range(len(rows))]
    with open(f"final/{name}.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(keys + outputs)
        writer.writerows([row[key] for key in keys] + made for row, made in zip(rows, blended))
    return blended


oof = blend_table("oof", scored)
blend_table("submission", test)
target = next((name for name in train[0] if name not in test[0] and name not in sample), None)
if outputs[0] not in train[0]:
    chosen = [outputs[made.index(max(made))] for made in oof]
    score = sum(c.endswith(row[target]) for c, row in zip(chosen, scored)) / len(scored)
elif KIND == "label" or not is_number(scored[0][outputs[0]]):
    score = sum(made[0] == row[outputs[0]] for made, row in zip(oof, scored)) / len(scored)
else:
    errors = [(made[0] - float(row[outputs[0]])) ** 2 for made, row in zip(oof, scored)]
    score = math.sqrt(sum(errors) / len(errors))
print(f"Final Validation Performance: {score}")
'''

STUDY = '''"""Ablation study: the script as it is, and with one part at a time changed."""
import contextlib
import io
import re

SOURCE = """{source}"""
VARIANTS = {variants}


def score(source):
    """The score that a script prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "variant.py", "exec"), {"__name__": "__main__"})
    return float(re.findall(r"Performance: (\\S+)", printed.getvalue())[-1])


print("Baseline:", score(SOURCE))
for name, (old, new) in VARIANTS.items():
    print(f"Without {name}: {score(SOURCE.replace(old, new))}")
'''


def write_ensemble(plan: str, weights: Sequence[float], kind: str) -> str:
    """A script that averages the members' predictions, or lets them vote."""
    quoted = plan.replace("\\", "/").replace('"', "'")
    text = ENSEMBLE.replace("{weights}", repr(list(weights))).replace("{kind}", kind)
    return text.replace("{plan}", quoted.strip())


def write_study(script: str, variants: Mapping[str, tuple[str, str]]) -> str:
    """A script that runs another one whole, and once for each (old text, new text)."""
    quoted = script.replace("\\", "\\\\").replace('"""', r"\"\"\"")
    return STUDY.replace("{variants}", repr(dict(variants))).replace("{source}", quoted)


def studied(study: str) -> str:
    """The script that a study runs; '' when it is none of ours."""
    _, opened, rest = study.partition('SOURCE = """')
    source, closed, _ = rest.partition('"""\nVARIANTS')
    return source.replace(r"\"\"\"", '"""').replace("\\\\", "\\") if opened and closed else ""
