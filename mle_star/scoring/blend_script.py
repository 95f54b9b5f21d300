"""A blend as a script of the common contract: it computes what ``blend_predictions`` computes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mle_star.scoring.encoding import TIE, Mode
from mle_star.scoring.metric_code import metric_code
from mle_star.scoring.sharpening import EDGE, Sharpening
from mle_star.scoring.soft import soft_columns
from mle_star.scoring.soft_blend import cut_for
from mle_star.scoring.soft_script import soft_clean, soft_combine
from mle_star.tasks.spec import TaskSpec

_WORDS: dict[Mode, str] = {
    "mean": "weighted mean",
    "rank": "weighted mean of ranks",
    "vote": "weighted vote",
    "round": "weighted mean, rounded to the nearest class",
}
_SOFT: tuple[Mode, ...] = ("soft", "cut")


def blend_script(
    spec: TaskSpec,
    weights: Sequence[float],
    mode: Mode,
    score: float | None = None,
    sharpening: Sharpening | None = None,
) -> str:
    """Write the script that blends members ``./input/members/<n>/{oof,submission}.csv``.

    Modes ``soft`` and ``cut`` read ``oof_soft.csv`` and ``submission_soft.csv`` instead.

    Args:
        spec: The task.
        weights: Weight of member n at index n; members without weight are not read.
        mode: How they are combined.
        score: What the harness measured; printed where the metric is the user's own function, which
            the script does not have.
        sharpening: What follows on the average, in mode ``mean``.

    Returns:
        A script that needs pandas and numpy (and scikit-learn or scipy for some metrics).
    """
    kept = {number: round(float(w), 12) for number, w in enumerate(weights) if w > 0}
    if not kept:
        raise ValueError("A blend needs at least one positive weight.")
    cut = cut_for(spec) if mode == "cut" else None
    if mode == "cut" and cut is None:
        raise ValueError("Where to cut is learnt by a metric of the registry, and not in time.")
    parts = [
        _header(spec, len(kept), ["from collections.abc import Callable", ""] if cut else []),
        _load(spec, kept, soft_columns(spec) if mode in _SOFT else []),
        soft_combine(spec, cut) if mode in _SOFT else _combine(spec, mode, sharpening),
        _write(spec, score),
    ]
    # Two empty lines around functions, as formatters put them.
    return parts[0] + "\n\n" + "\n\n\n".join(parts[1:]) + "\n"


def _header(spec: TaskSpec, count: int, imports: list[str]) -> str:
    target = ", ".join(f"`{name}`" for name in spec.target)
    way = "higher" if spec.maximize else "lower"
    what = f"a blend of {count} members" if count > 1 else "one member"
    code = metric_code(spec)
    imports += ["import numpy as np", "import pandas as pd", *(code.imports if code else ())]
    return "\n".join(
        [f'"""Predict {target} with {what} ({spec.metric}, {way} is better)."""', "", *imports]
    )


def _load(spec: TaskSpec, weights: dict[int, float], soft: list[str]) -> str:
    """Tables, constants and ``read_member``; ``soft`` are the columns it reads, else COLUMNS."""
    text = spec.prediction == "label" and all(isinstance(c, str) for c in spec.classes)
    names = sorted({*spec.target, *spec.prediction_columns}) if text else []
    exact = f", dtype=dict.fromkeys({_literal(names)}, str), keep_default_na=False" if text else ""
    lines = [
        "# === load ===",
        f'train = pd.read_csv("input/train.csv"{exact})',
        f'test = pd.read_csv("input/test.csv"{exact})',
        'sample = pd.read_csv("input/sample_submission.csv")',
        'folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()',
        "scored = folds >= 0",
        "",
        f"TARGETS = {_literal(spec.target)}",
        f"COLUMNS = {_literal(spec.prediction_columns)}",
    ]
    if spec.id is not None:
        lines.append(f"ID = {_literal(spec.id)}")
    if spec.prediction != "value":
        lines.append(f"CLASSES = {_literal(list(spec.classes))}")
    if soft:
        lines.append(f"SOFT = {_literal(soft)}  # what labels are cut from")
    lines += [f"WEIGHTS = {weights!r}  # member number -> weight", "", ""]
    lines += [
        "def read_member(number: int, name: str, rows: pd.DataFrame) -> pd.DataFrame:",
        '    """A member\'s predictions for the given rows, in their order."""',
        '    path = f"input/members/{number}/{name}.csv"',
        f"    table = pd.read_csv(path{exact})",
    ]
    whole = 'if name.startswith("oof") and len(table) == len(train):'
    if spec.id is not None:
        lines += [
            "    if ID in rows.columns and rows[ID].is_unique:",
            "        table = table.set_index(table[ID].astype(str)).loc[rows[ID].astype(str)]",
            f"    el{whole}",
        ]
    else:
        lines.append(f"    {whole}")
    lines.append("        table = table[scored]")
    lines.append(f"    table = table[{'SOFT' if soft else 'COLUMNS'}].reset_index(drop=True)")
    lines += [f"    {line}" for line in (soft_clean(spec) if soft else _clean(spec))]
    return "\n".join([*lines, "    return table"])


def _literal(value: object) -> str:
    """Python source of text or of a list, with double quotes as formatters put them."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return repr(value)


def _clean(spec: TaskSpec) -> list[str]:
    if spec.prediction != "probability":
        return []
    lines = ["table = table.astype(float).clip(0, 1)"]
    if spec.per_class:
        lines.append("table = table.div(table.sum(axis=1), axis=0)")
    return lines


_ENCODE: dict[Mode, str] = {
    "mean": "return table.to_numpy(dtype=float)",
    "rank": "return table.rank(pct=True).to_numpy()",
    "round": "return table.to_numpy(dtype=float)",
    "vote": f"""\
codes = table.apply(lambda column: column.map({{label: i for i, label in enumerate(CLASSES)}}))
votes = codes.to_numpy(dtype=int)[:, :, None] == np.arange(len(CLASSES))
return votes * (1 - {TIE} * number)  # ties go to the earlier member""",
}
_DECODE: dict[Mode, str] = {
    "mean": "return pd.DataFrame(mean, columns=COLUMNS)",
    "rank": "return pd.DataFrame(mean, columns=COLUMNS)",
    "round": """\
scale = np.array(CLASSES)
return pd.DataFrame(scale[np.digitize(mean, (scale[1:] + scale[:-1]) / 2)], columns=COLUMNS)""",
    "vote": "return pd.DataFrame(np.array(CLASSES)[mean.argmax(axis=2)], columns=COLUMNS)",
}


def _combine(spec: TaskSpec, mode: Mode, sharpening: Sharpening | None) -> str:
    def indent(text: str) -> str:
        return "\n".join(f"    {line}" for line in text.splitlines())

    constants, steps = _sharpen(spec, sharpening) if sharpening else ("", "")
    return f'''\
# === combine ===
{constants}def encode(table: pd.DataFrame, number: int) -> np.ndarray:
    """Predictions of a member as numbers that can be averaged."""
{indent(_ENCODE[mode])}


def decode(mean: np.ndarray) -> pd.DataFrame:
    """Predictions from averaged numbers."""
{indent(steps + _DECODE[mode])}


def blend(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """{_WORDS[mode].capitalize()} of the members; nothing is learnt here."""
    total = sum(WEIGHTS.values())
    parts = [w / total * encode(read_member(n, name, rows), n) for n, w in WEIGHTS.items()]
    return decode(np.sum(parts, axis=0))


oof = blend("oof", train[scored])
prediction = blend("submission", test)'''


def _sharpen(spec: TaskSpec, by: Sharpening) -> tuple[str, str]:
    """Constants and steps that move averaged numbers as :meth:`Sharpening.apply` does."""
    constants = f"SHARPEN = {by.factor!r}  # averages are too cautious; chosen out of fold\n"
    if spec.prediction == "value":
        for name, values in (("MIDDLE", by.middle), ("LOW", by.low), ("HIGH", by.high)):
            constants += f"{name} = np.array({list(values)!r})\n"
        steps = (
            "moved = MIDDLE + SHARPEN * (mean - MIDDLE)\n"
            "mean = np.clip(moved, np.minimum(mean, LOW), np.maximum(mean, HIGH))"
        )
    elif spec.per_class:
        steps = (
            f"powers = np.clip(mean, {EDGE!r}, 1) ** SHARPEN\n"
            "mean = powers / powers.sum(axis=1, keepdims=True)"
        )
    else:
        steps = (
            f"inner = np.clip(mean, {EDGE!r}, 1 - {EDGE!r})\n"
            "mean = inner**SHARPEN / (inner**SHARPEN + (1 - inner) ** SHARPEN)"
        )
    return f"{constants}\n\n", f"{steps}\n"


def _write(spec: TaskSpec, score: float | None) -> str:
    lines = ["# === write ==="]
    code = metric_code(spec)
    if code is None:
        lines += [
            "# The metric is the task's own function; this is what it gave for these weights.",
            'score = float("nan")' if score is None else f"score = {float(score)!r}",
        ]
    else:
        lines += [
            "def metric(y: np.ndarray, p: np.ndarray) -> float:",
            f'    """{spec.metric} of one column."""',
            f"    return {code.formula}",
            "",
            "",
            *_truth(spec),
            f"score = {code.total}([metric(y[:, i], p[:, i]) for i in {_columns(spec)}])",
        ]
    if spec.id is not None:
        lines += [
            "if ID in train.columns:",
            "    oof.insert(0, ID, train.loc[scored, ID].to_numpy())",
        ]
    lines.append('oof.to_csv("final/oof.csv", index=False)')
    copied = [*([spec.id] if spec.id else []), *spec.copied_columns]
    if copied:
        names = ", ".join(["ID" if name == spec.id else _literal(name) for name in copied])
        lines.append(f"submission = pd.concat([test[[{names}]], prediction], axis=1)")
    else:
        lines.append("submission = prediction")
    lines += [
        'submission[list(sample.columns)].to_csv("final/submission.csv", index=False)',
        'print(f"Final Validation Performance: {score}")',
    ]
    return "\n".join(lines)


def _truth(spec: TaskSpec) -> list[str]:
    """Lines that set ``y`` and ``p``, (rows, columns), as the metric's formula wants them."""
    if spec.prediction == "value":
        return ["y = train.loc[scored, TARGETS].to_numpy(dtype=float)", "p = oof.to_numpy()"]
    if spec.prediction == "label":
        scale = (
            "np.array(CLASSES, dtype=float)"
            if "kappa" in spec.metric
            else "np.arange(len(CLASSES))"
        )
        return [
            f"NUMBER = dict(zip(CLASSES, {scale}, strict=True))",
            "y = train.loc[scored, TARGETS].apply(lambda column: column.map(NUMBER)).to_numpy()",
            "p = oof.apply(lambda column: column.map(NUMBER)).to_numpy()",
        ]
    positive = "np.array(CLASSES)[None, :]" if spec.per_class else "CLASSES[1]"
    return [
        f"y = (train.loc[scored, TARGETS].to_numpy() == {positive}).astype(int)",
        "p = oof.to_numpy()",
    ]


def _columns(spec: TaskSpec) -> str:
    """The columns the metric is taken over; one that holds a single class has no ranking."""
    ranking = spec.metric in ("roc_auc", "mean_columnwise_roc_auc", "average_precision")
    if ranking and len(spec.prediction_columns) > 1:
        return "range(p.shape[1]) if len(set(y[:, i])) > 1"
    return "range(p.shape[1])"
