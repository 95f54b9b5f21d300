"""The blocks that fit, validate and hand in."""

from __future__ import annotations

from collections.abc import Sequence

from mle_star.engineer.playbook.blocks.data import zero_one
from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.engineer.playbook.blocks.metrics import fold_line, score_of
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.blocks.soft import kept, written
from mle_star.engineer.playbook.script import COMBINE, FINISH, VALIDATE, WRITE

_SIGNATURE = (
    "def fit_predict(X_fit: pd.DataFrame, y_fit: np.ndarray, *others: pd.DataFrame) "
    "-> list[np.ndarray]:"
)


def combine(facts: Facts, families: list[str]) -> Part:
    """``fit_predict``: the weighted mean of the models; one set of models per target."""
    regression = facts.learning == "regression"
    y_fit = "y_fit[:, j]" if facts.several else "y_fit"
    y_fit = f"transform({y_fit})" if regression else y_fit
    predicted = "restore(predict(X))" if regression else "predict(X)"
    width = "len(TARGETS)" if facts.several else "len(CLASSES)"
    wide = facts.several or facts.learning == "multiclass"
    shape = f"(len(X), {width})" if wide else "len(X)"
    where = "sums[i][:, j]" if facts.several else "sums[i]"
    loop = [
        "for name, fit in MODELS.items():",
        f"    predict = fit(X_fit, {y_fit}, SEED)",
        "    for i, X in enumerate(others):",
        f"        {where} += WEIGHTS[name] / total * {predicted}",
    ]
    if facts.lone and not facts.several:
        loop[1] = (
            f"    predict = (fit if len(set(y_fit)) > 1 else fit_constant)(X_fit, {y_fit}, SEED)"
        )
    if facts.several:
        loop = ["for j in range(len(TARGETS)):", *(f"    {line}" for line in loop)]
    lone = _constant(facts) if facts.lone and not facts.several else []
    per = ", target by target," if facts.several else ""
    lines = [
        dictionary("MODELS", {family: f"fit_{family}" for family in families}),
        dictionary("WEIGHTS", dict.fromkeys(families, "1.0")),
        "",
        *lone,
        "",
        _SIGNATURE,
        f'    """Weighted mean of the models\' predictions{per} for each of the other tables."""',
        "    total = sum(WEIGHTS.values())",
        f"    sums = [np.zeros({shape}) for X in others]",
        *(f"    {line}" for line in loop),
        "    return sums",
    ]
    return Part(COMBINE, "\n".join(lines))


def _constant(facts: Facts) -> list[str]:
    """``fit_constant``, for fitting rows of one class."""
    value = "np.full(len(table), float(y[0]))"
    if facts.learning == "multiclass":
        value = "np.eye(len(CLASSES))[np.full(len(table), y[0])]"
    return [
        "",
        "def fit_constant(X: pd.DataFrame, y: np.ndarray, seed: int):",
        '    """All fitting rows are of one class, and nothing else can be predicted."""',
        f"    return lambda table: {value}",
        "",
    ]


def dictionary(name: str, items: dict[str, str]) -> str:
    """``name = {...}`` with the values as code."""
    pairs = [f"{literal(key)}: {value}" for key, value in items.items()]
    line = f"{name} = {{{', '.join(pairs)}}}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{name} = {{", *(f"    {pair}," for pair in pairs), "}"])


def validate(facts: Facts) -> Part:
    """Out-of-fold predictions for the scored rows and predictions for the test rows."""
    if facts.several:
        shape = "(len(train), len(TARGETS))"
    else:
        shape = "(len(train), len(CLASSES))" if facts.learning == "multiclass" else "len(train)"
    start = [
        "X_train, X_test = make_features(train), make_features(test)",
        f"oof = np.full({shape}, np.nan)",
    ]
    said = fold_line(facts)
    if facts.ordered or facts.brief.folds == 1:
        return Part(VALIDATE, "\n".join([*start, *_refit(facts, said.lines)]), said.imports)
    lines = [
        *start,
        "test_predictions = []",
        "for fold in sorted(set(folds[folds >= 0])):",
        "    fit_rows, valid_rows = folds != fold, folds == fold",
        "    X_fit, X_valid, X_out = encode(X_train[fit_rows], y[fit_rows], "
        "X_train[valid_rows], X_test)",
        "    oof[valid_rows], out = fit_predict(X_fit, y[fit_rows], X_valid, X_out)",
        "    test_predictions.append(out)",
        *(f"    {line}" for line in said.lines),
        "prediction = np.mean(test_predictions, axis=0)",
    ]
    return Part(VALIDATE, "\n".join(lines), said.imports)


def _refit(facts: Facts, said: Sequence[str]) -> list[str]:
    """Folds that validate only; the test rows are predicted by models of all training rows."""
    before, why = (
        ("folds < fold", "# Each fold is predicted from the rows before it.")
        if facts.ordered
        else ("folds != fold", "# One hold-out part to validate on.")
    )
    return [
        why,
        "for fold in sorted(set(folds[folds >= 0])):",
        f"    fit_rows, valid_rows = {before}, folds == fold",
        "    X_fit, X_valid = encode(X_train[fit_rows], y[fit_rows], X_train[valid_rows])",
        "    [oof[valid_rows]] = fit_predict(X_fit, y[fit_rows], X_valid)",
        *(f"    {line}" for line in said),
        "# The test rows are predicted from all training rows.",
        "X_fit, X_out = encode(X_train, y, X_test)",
        "[prediction] = fit_predict(X_fit, y, X_out)",
    ]


def finish(facts: Facts) -> Part:
    """``finish``: from model output to what the submission holds."""
    constants: list[str] = []
    steps: list[str] = []
    doc, value = "Last step from model output to what the submission holds.", "values"
    if facts.learning == "binary" and facts.labels:
        constants = ["THRESHOLD = 0.5", "", ""]
        doc = "The positive label wherever its probability reaches the threshold."
        value = "np.where(values >= THRESHOLD, CLASSES[1], CLASSES[0])"
        if zero_one(facts):
            value = "(values >= THRESHOLD).astype(int)"
    elif facts.learning == "multiclass" and facts.labels:
        doc = "The most probable label."
        value = "np.array(CLASSES)[np.argmax(values, axis=1)]"
    elif facts.learning == "multiclass":
        doc = "The probabilities of a row sum to one and none is zero."
        steps = ["    values = np.maximum(values, 1e-6)"]
        value = "values / values.sum(axis=1, keepdims=True)"
    elif facts.ordinal and facts.grades:
        low, high = facts.classes[0], facts.classes[-1]
        doc = "The nearest grade."
        value = f"np.clip(np.rint(values), {low}, {high})"
    elif facts.ordinal:
        doc = "The nearest class; the models learn its position in CLASSES."
        steps = ["    nearest = np.clip(np.rint(np.nan_to_num(values)), 0, len(CLASSES) - 1)"]
        value = "np.array(CLASSES)[nearest.astype(int)]"
    elif facts.logarithmic:
        doc = "The metric takes logarithms, so predictions can't be negative."
        value = "np.clip(values, 0, None)"
    softer = kept(facts)
    lines = [
        *softer,
        *([""] if softer and not constants else []),
        *constants,
        "def finish(values: np.ndarray) -> np.ndarray:",
        f'    """{doc}"""',
        *steps,
        f"    return {value}",
        "",
        "",
        "oof, prediction = finish(oof), finish(prediction)",
    ]
    return Part(FINISH, "\n".join(lines))


def write(facts: Facts) -> Part:
    """The score, the two files and the score line."""
    score = score_of(facts)
    whole = ".astype(int)" if facts.ordinal and facts.grades and _integers(facts) else ""
    lines = [
        "scored = folds >= 0",
        *score.lines,
        *_tables(facts, f"oof[scored]{whole}", f"prediction{whole}"),
        'validation.to_csv("final/oof.csv", index=False)',
        'submission.to_csv("final/submission.csv", index=False)',
        *written(facts),
        'print(f"Final Validation Performance: {score}")',
    ]
    return Part(WRITE, "\n".join(lines), score.imports)


def _tables(facts: Facts, oof: str, prediction: str) -> list[str]:
    """Lines that make the tables ``validation`` and ``submission``."""
    task = facts.brief.task
    key = task.id if task.id in task.submission_columns else None
    copied = [c for c in task.submission_columns if c not in task.prediction_columns]
    if len(task.prediction_columns) == 1:
        name = "TARGET" if task.prediction_columns == task.target else "PREDICTED[0]"
        sources = {c: f"test[{_column(c, key)}]" for c in copied} | {
            task.prediction_columns[0]: prediction
        }
        items = ", ".join(
            f"{name if c in task.prediction_columns else _column(c, key)}: {sources[c]}"
            for c in task.submission_columns
        )
        keyed = "ID: train.loc[scored, ID], " if key else ""
        return [
            f"validation = pd.DataFrame({{{keyed}{name}: {oof}}})",
            f"submission = pd.DataFrame({{{items}}})",
        ]
    names = "TARGETS" if task.prediction_columns == task.target else "PREDICTED"
    lines = [
        f"validation = pd.DataFrame({oof}, columns={names})",
        f"submission = pd.DataFrame({prediction}, columns={names})",
    ]
    if key:
        lines.append("validation.insert(0, ID, train.loc[scored, ID].to_numpy())")
    for column in copied:
        place = task.submission_columns.index(column)
        code = _column(column, key)
        lines.append(f"submission.insert({place}, {code}, test[{code}])")
    return lines


def _column(name: str, key: str | None) -> str:
    return "ID" if name == key else literal(name)


def _integers(facts: Facts) -> bool:
    return all(isinstance(label, int) for label in facts.classes)


__all__ = ["combine", "dictionary", "finish", "validate", "write"]
