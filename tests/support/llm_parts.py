"""Sections of the scripts that the scripted good engineer writes; ``llm_scripts`` joins them.

Every script is one skeleton of marked sections with a section per model in it. Models are
functions ``fit_<family>(X, Y) -> predict`` of numpy matrices, with one column of ``Y`` per target
or, one-hot, per class. What may be refined are the constants at the head of a section.
"""

from __future__ import annotations

SOUND = """    X_fit, X_held = encode(take(known, fitting), take(known, held))
"""
LEAKY = """    everything = encode(known)[0]
    X_fit, X_held = everything[fitting], everything[held]
"""

READERS = {
    True: '''import csv

import numpy as np

# === load ===


def read(path):
    """Columns of a table, as text."""
    with open(path, newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    return {name: np.array(cells, dtype=object) for name, cells in zip(header, zip(*rows))}
''',
    False: '''import csv

import numpy as np
import pandas as pd

# === load ===


def read(path):
    """Columns of a table, as text."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return {name: table[name].to_numpy(dtype=object) for name in table}
''',
}
"""By whether a script shall be light: pandas takes longer to import than such a script to run."""

LOAD = """
def number(cell):
    try:
        return float(cell)
    except ValueError:
        return np.nan


def is_numeric(cells):
    present = [cell for cell in cells if cell.strip().lower() not in ("", "na", "nan", "?")]
    return all(np.isfinite(number(cell)) for cell in present)


train, test = read("input/train.csv"), read("input/test.csv")
sample = read("input/sample_submission.csv")
fold = np.array([int(float(cell)) for cell in read("input/folds.csv")["fold"]])

copied = [name for name in sample if name in test]
outputs = [name for name in sample if name not in test]
targets = [name for name in outputs if name in train]
if len(targets) < len(outputs):
    labelled = [name for name in train if name not in test and name not in copied]
    one = [name for name in labelled if len(set(train[name])) == len(outputs)]
    targets = labelled if len(labelled) == len(outputs) else (one or labelled)[:1]
columns = [name for name in train if name in test and name not in copied]
numeric = [name for name in columns if is_numeric(train[name]) and is_numeric(test[name])]

numbers = all(is_numeric(train[name]) for name in targets)
labels = sorted(set(train[targets[0]]), key=number if numbers else None)
KIND = "{kind}" or (
    "probability" if len(outputs) > len(targets)
    else "value" if numbers and len(labels) > 20
    else "label" if set(sample[outputs[0]]) <= set(labels)
    else "probability"
)
one_hot = len(targets) == 1 and KIND != "value"
if one_hot and len(outputs) == 1:
    labels.sort(key=lambda label: label == "{positive}")  # what is asked for comes last
if one_hot:
    Y = np.array([[cell == label for label in labels] for cell in train[targets[0]]], float)
else:
    Y = np.array([[number(cell) for cell in train[name]] for name in targets]).T
"""

FEATURES = '''
# === features ===
LOGS = True
RATIOS = False
SQUARES = False
WORDS = False


def make_features(table):
    """Column -> values; learns nothing."""
    made = {name: np.array([number(cell) for cell in table[name]]) for name in numeric}
    plain = list(made.items())
    if LOGS:
        made.update({f"log {name}": np.sign(v) * np.log1p(np.abs(v)) for name, v in plain})
    if SQUARES:
        made.update({f"{name} squared": v**2 for name, v in plain})
    if RATIOS:
        for name, v in plain[:6]:
            made.update({f"{name} / {o}": v / (np.abs(w) + 1.0) for o, w in plain[:6] if o != name})
    if WORDS or not numeric:
        worded = {name: table[name] for name in columns if name not in numeric}
        made.update(worded)
        sizes = {f"{n} length": [float(len(c)) for c in v] for n, v in worded.items()}
        made.update({name: np.array(size) for name, size in sizes.items()})
    return made
'''

ENCODE = '''
# === encode ===
SCALE = True
CLIP_AT = 5.0
LEVELS = 12


def encode(fit, *others):
    """A matrix for every table; learns from the first alone."""
    tables = (fit, *others)
    parts = [[np.zeros((len(next(iter(table.values()))), 0))] for table in tables]
    for name, learnt in fit.items():
        if learnt.dtype == object:
            levels, counts = np.unique(learnt.astype(str), return_counts=True)
            known = levels[np.argsort(-counts, kind="stable")][:LEVELS]
            for part, table in zip(parts, tables):
                part.append((table[name].astype(str)[:, None] == known[None, :]).astype(float))
            continue
        present = learnt[np.isfinite(learnt)]
        if not len(present):
            continue
        middle = np.median(present)
        centre, width = (present.mean(), present.std() or 1.0) if SCALE else (0.0, 1.0)
        for part, table in zip(parts, tables):
            filled = np.where(np.isfinite(table[name]), table[name], middle)
            scaled = (filled - centre) / width
            part.append((np.clip(scaled, -CLIP_AT, CLIP_AT) if SCALE else scaled)[:, None])
    return [np.hstack(part) for part in parts]
'''

COMBINE = '''
# === combine ===
{weights}

def fit_all(X, Y):
    """Predictor: the weighted mean of all models."""
    parts = [{fits}]
    total = sum(weight for weight, _ in parts)
    return lambda rows: sum(weight * predict(rows) for weight, predict in parts) / total
'''

VALIDATE = """
# === validate ===
def take(table, rows):
    return {name: values[rows] for name, values in table.items()}


known, asked = make_features(train), make_features(test)
scored = fold >= 0
oof = np.zeros(Y.shape)
for k in sorted(set(fold[scored])):
    held = fold == k
    fitting = fold < k if (fold < 0).any() else ~held
    X_fit, X_held = encode(take(known, fitting), take(known, held))
    oof[held] = fit_all(X_fit, Y[fitting])(X_held)
X_all, X_test = encode(known, asked)
answer = fit_all(X_all, Y)(X_test)
"""

FINISH = '''
# === finish ===
FLOOR = 0.001
DIGITS = 9


def finish(P):
    """Probabilities that sum to one; numbers to so many significant digits."""
    if KIND == "probability":
        P = np.clip(P, FLOOR, 1.0 - FLOOR)
        return P / P.sum(axis=1, keepdims=True) if one_hot else P
    return np.array([[float(f"%.{DIGITS}g" % value) for value in row] for row in P])


oof, answer = finish(oof), finish(answer)
'''

WRITE = '''
# === write ===
def nearest(values, target):
    near = sorted(set(train[target]), key=number)
    return np.array(near)[np.abs(values[:, None] - [number(n) for n in near]).argmin(axis=1)]


def predicted(P):
    """Output column -> predictions in the form of the submission."""
    if KIND == "label" and one_hot:
        return {outputs[0]: np.array(labels, dtype=object)[P.argmax(axis=1)]}
    if KIND == "label":
        return {out: nearest(P[:, i], targets[i]) for i, out in enumerate(outputs)}
    if one_hot and len(outputs) == 1:
        return {outputs[0]: P[:, 1]}
    if one_hot:
        plain = [str(label).lower().replace(" ", "_") for label in labels]
        ends = [[o for o in outputs if o.lower().replace(" ", "_").endswith(p)] for p in plain]
        names = [min(end, key=len) if end else o for end, o in zip(ends, outputs)]
        return {name: P[:, i] for i, name in enumerate(names)}
    return {out: P[:, i] for i, out in enumerate(outputs)}


def write(path, keys, P):
    made = {**keys, **predicted(P)}
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([name for name in sample if name in made])
        writer.writerows(zip(*(made[name] for name in sample if name in made)))


write("final/oof.csv", {c: train[c][scored] for c in copied if c in train}, oof[scored])
write("final/submission.csv", {c: test[c] for c in copied}, answer)
truth, guess = Y[scored], oof[scored]
if KIND == "value" or not one_hot:
    score = np.sqrt(np.mean((truth - guess) ** 2))
elif KIND == "label":
    score = np.mean(truth.argmax(axis=1) == guess.argmax(axis=1))
else:
    score = -np.mean(np.log(np.clip((truth * guess).sum(axis=1), 1e-15, 1.0)))
print(f"Final Validation Performance: {score}")
'''
