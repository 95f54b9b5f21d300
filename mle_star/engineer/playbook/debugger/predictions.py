"""Labels, splits and metrics that do not fit together."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger.names import IMPORTS
from mle_star.engineer.playbook.debugger.source import Failure, Source, name_of, with_lines_on_top

_RELATIVE = "HistGradientBoostingClassifier"
_KEPT = {"learning_rate", "max_depth", "random_state"}


def labels_from_zero(script: str, failure: Failure, brief: Brief) -> str | None:
    """XGBoost wants labels 0, 1, 2, ...; scikit-learn's boosting takes any."""
    if not re.search(r"Invalid classes inferred|label must be in \[0|Expected: \[0", failure.said):
        return None
    source = Source(script)
    edits = []
    for call in source.calls("XGBClassifier"):
        kept = [source.of(k) for k in call.keywords if k.arg in _KEPT]
        rounds = [
            f"max_iter={source.of(k.value)}" for k in call.keywords if k.arg == "n_estimators"
        ]
        edits.append((source.span(call), f"{_RELATIVE}({', '.join([*rounds, *kept])})"))
    for call in source.calls("fit") if edits else ():
        for keyword in ("eval_set", "verbose"):
            edit = source.without_keyword(call, keyword)
            edits += [edit] if edit else []
    return with_lines_on_top(source.edited(edits), IMPORTS[_RELATIVE]) if edits else None


def rare_classes(script: str, failure: Failure, brief: Brief) -> str | None:
    """A class has too few members to be stratified."""
    said = (
        r"least populated class|greater than the number of members in each class"
        r"|Supported target types are"
    )
    if not re.search(said, failure.said):
        return None
    source = Source(script)
    edits = [
        e for c in source.calls("train_test_split") if (e := source.without_keyword(c, "stratify"))
    ]
    repaired = source.edited(edits)
    return re.sub(r"\bStratifiedKFold\b", "KFold", repaired)


def metric_and_classes(script: str, failure: Failure, brief: Brief) -> str | None:
    """log_loss must know all classes; f1 must know which label is positive."""
    source = Source(script)
    classes = repr(list(brief.task.classes)).replace("'", '"')
    if (
        re.search(
            r"number of (classes|labels)|contains only one label|Only one class", failure.said
        )
        and brief.task.classes
    ):
        calls = [
            c for c in source.calls("log_loss") if not any(k.arg == "labels" for k in c.keywords)
        ]
        codes = "CLASSES" if "CLASSES" in script else classes
        if re.search(r"codes|LabelEncoder|argmax|searchsorted", script):
            codes = f"list(range({len(brief.task.classes)}))"
        return source.edited(
            [(source.span(c), f"{source.of(c).rstrip(')')}, labels={codes})") for c in calls]
        )
    if "pos_label" in failure.said and len(brief.task.classes) == 2:
        positive = repr(brief.task.classes[1]).replace("'", '"')
        names = (
            "f1_score",
            "precision_score",
            "recall_score",
            "average_precision_score",
            "brier_score_loss",
        )
        calls = [
            c for c in source.calls(*names) if not any(k.arg == "pos_label" for k in c.keywords)
        ]
        return source.edited(
            [(source.span(c), f"{source.of(c)[:-1]}, pos_label={positive})") for c in calls]
        )
    if "average='binary'" in failure.said:
        calls = [c for c in source.calls("f1_score", "precision_score", "recall_score")]
        return source.edited(
            [(source.span(c), f'{source.of(c)[:-1]}, average="macro")') for c in calls]
        )
    return None


def metric_and_values(script: str, failure: Failure, brief: Brief) -> str | None:
    """A metric of labels gets numbers, or a logarithmic one gets negative values."""
    source = Source(script)
    statement = source.statement_at(failure.line)
    calls = (
        [c for c in ast.walk(statement) if isinstance(c, ast.Call)]
        if statement
        else list(source.calls())
    )
    metrics = [
        c
        for c in calls
        if len(c.args) >= 2 and name_of(c.func).endswith(("score", "error", "kappa", "loss"))
    ]
    if re.search(r"cannot be used when (targets|y_pred)", failure.said):
        wrap = "np.maximum({}, 0)"
    elif re.search(r"mix of (binary|multiclass) and (continuous|multilabel)", failure.said):
        many = "continuous-multioutput" in failure.said or "multilabel" in failure.said
        wrap = "np.asarray({}).argmax(axis=1)" if many else "np.rint(np.asarray({})).astype(int)"
    else:
        return None
    return source.edited(
        [(source.span(c.args[1]), wrap.format(source.of(c.args[1]))) for c in metrics]
    )


def positive_column(script: str, failure: Failure, brief: Brief) -> str | None:
    """``predict_proba`` gives a column per class where one number per row is wanted."""
    said = (
        r"could not broadcast input array|shape mismatch|multilabel-indicator|must be "
        r"1-?d|should be a 1d array|1-dimensional|setting an array element"
    )
    if not re.search(said, failure.said, re.IGNORECASE) or len(brief.task.classes) > 2:
        return None
    source = Source(script)
    sliced = {id(n.value) for n in ast.walk(source.tree) if isinstance(n, ast.Subscript)}
    calls = [c for c in source.calls("predict_proba") if id(c) not in sliced]
    return (
        source.edited([(source.span(c), f"{source.of(c)}[:, 1]") for c in calls]) if calls else None
    )


RULES = (labels_from_zero, rare_classes, metric_and_classes, metric_and_values, positive_column)
