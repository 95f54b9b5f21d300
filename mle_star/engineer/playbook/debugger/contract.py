"""Output that breaks the contract: files, columns, ids, gaps, ranges, the score line."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import literal
from mle_star.engineer.playbook.debugger.source import Failure, Source, name_of

_SCORE = "Final Validation Performance"
_MARK = "# === mend ==="


def wrong_folder(script: str, failure: Failure, brief: Brief) -> str | None:
    """oof.csv or submission.csv is written, but not into ./final."""
    if failure.type or not re.search(r"(oof|submission)\.csv", failure.said):
        return None
    source = Source(script)
    edits = []
    for call in source.calls("to_csv"):
        for part in [*call.args[:1], *(k.value for k in call.keywords if k.arg == "path_or_buf")]:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                name = part.value.rsplit("/", 1)[-1]
                wanted = (
                    "final/oof.csv"
                    if "oof" in name
                    else "final/submission.csv"
                    if "submission" in name
                    else ""
                )
                if wanted and part.value not in (wanted, f"./{wanted}"):
                    edits.append((source.span(part), f'"{wanted}"'))
    return source.edited(edits) if edits else None


def oof_not_written(script: str, failure: Failure, brief: Brief) -> str | None:
    """Out-of-fold or test predictions are computed but not written."""
    if failure.type or not re.search(
        r"(is missing|without writing|not written|did not write|left .* empty)", failure.said
    ):
        return None
    source = Source(script)
    names = _assigned(source)
    added = ""
    for file, words in (
        ("oof", r"oof|valid_?pred|val_pred"),
        ("submission", r"test_?pred|prediction|y_test|preds?|sub"),
    ):
        if f"{file}.csv" not in failure.said or f"final/{file}.csv" in script:
            continue
        found = [
            n
            for n in names
            if re.search(words, n, re.IGNORECASE) and not (file == "submission" and "oof" in n)
        ]
        if not found:
            continue
        added += _writing(brief, file, found[-1])
    if not added:
        return None
    as_text = f", dtype={{{literal(brief.task.id)}: str}}" if brief.task.id else ""
    tables = "".join(f'_{n} = pd.read_csv("input/{n}.csv"{as_text})\n' for n in ("train", "test"))
    return f"{script.rstrip()}\n\n# === write what was missing ===\n{tables}{added}"


def _assigned(source: Source) -> list[str]:
    names = []
    for statement in source.tree.body:
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Name)
                and isinstance(node.ctx, ast.Store)
                and node.id not in names
            ):
                names.append(node.id)
    return names


def _writing(brief: Brief, file: str, name: str) -> str:
    task = brief.task
    columns = literal(list(task.prediction_columns))
    table = "_train" if file == "oof" else "_test"
    lines = [
        f"_written = pd.DataFrame(np.asarray({name}).reshape(len({table}), -1), columns={columns})"
    ]
    if task.id:
        lines.append(
            f"_written.insert(0, {literal(task.id)}, {table}[{literal(task.id)}].to_numpy())"
        )
    if file == "oof":
        lines.append(
            '_written = _written[(pd.read_csv("input/folds.csv")["fold"] >= 0).to_numpy()]'
        )
    lines.append(f'_written.to_csv("final/{file}.csv", index=False)')
    return "\n".join(lines) + "\n"


def score_line(script: str, failure: Failure, brief: Brief) -> str | None:
    """The score is not printed as it should be."""
    if failure.type or not re.search(
        rf"score line|{_SCORE}|score was printed|printed no", failure.said, re.IGNORECASE
    ):
        return None
    source = Source(script)
    words = r"(^|_)(score|rmse|mae|auc|metric|rmsle|loss|accuracy|kappa|f1|r2|mse|cv|result)(s|$|_)"
    names = [n for n in _assigned(source) if re.search(words, n, re.IGNORECASE)]
    if names and _SCORE not in script:
        return f'{script.rstrip()}\nprint(f"{_SCORE}: {{float(np.mean({names[-1]}))}}")\n'
    if "_truth" in script:
        return None
    return f"{script.rstrip()}\n\n# === score ===\n{_own_score(brief)}"


def _own_score(brief: Brief) -> str:
    """A plain score of the written file; the real one is the harness's."""
    task = brief.task
    target, column = literal(task.target[0]), literal(task.prediction_columns[0])
    lines = [
        "import pandas as pd",
        "",
        '_folds = pd.read_csv("input/folds.csv")["fold"]',
        (
            '_truth = pd.read_csv("input/train.csv").loc[_folds >= 0, '
            f"{target}].reset_index(drop=True)"
        ),
        '_oof = pd.read_csv("final/oof.csv")',
    ]
    if task.per_class:
        columns = literal(list(task.prediction_columns))
        lines.append(f"_score = (_oof[{columns}].idxmax(axis=1) == _truth.astype(str)).mean()")
    elif task.prediction == "label":
        lines.append(f"_score = (_oof[{column}] == _truth).mean()")
    elif task.prediction == "probability":
        lines.append(
            f"_score = (((_truth == {literal(task.classes[1])}) - _oof[{column}]) "
            "** 2).mean() ** 0.5"
        )
    else:
        lines.append(f"_score = ((_truth - _oof[{column}]) ** 2).mean() ** 0.5")
    return "\n".join([*lines, f'print(f"{_SCORE}: {{_score}}")']) + "\n"


def mended_files(script: str, failure: Failure, brief: Brief) -> str | None:
    """The files are there but wrong: a last block mends columns, rows, gaps and ranges."""
    if failure.type or not re.search(r"(oof|submission)\b", failure.said) or _MARK in script:
        return None
    if "final" not in script or "same prediction" in failure.said:
        return None
    return f"{script.rstrip()}\n\n\n{_MARK}\n{_mending(brief)}"


def _mending(brief: Brief) -> str:
    task = brief.task
    columns = literal(list(task.prediction_columns))
    order = literal([c for c in task.submission_columns]) if task.submission_columns else "None"
    key = literal(task.id) if task.id else "None"
    values = _values(brief)
    as_text = ", dtype={KEY: str}" if task.id else ""
    return f'''import numpy as np
import pandas as pd

COLUMNS_TO_HAND_IN, KEY, ORDER = {columns}, {key}, {order}


def mend(path, rows):
    """Columns, rows and values as the contract wants them."""
    table = pd.read_csv(path{as_text})
    table = table.loc[:, ~table.columns.str.startswith("Unnamed")]
    others = [c for c in table.columns if c not in (KEY, *COLUMNS_TO_HAND_IN)]
    absent = [c for c in COLUMNS_TO_HAND_IN if c not in table.columns]
    table = table.rename(columns=dict(zip(others[-len(absent) :], absent))) if absent else table
    if KEY in table.columns and KEY in rows.columns:
        table = table.drop_duplicates(KEY).set_index(KEY).reindex(rows[KEY]).reset_index()
    elif len(table) == len(rows) and KEY in rows.columns:
        table.insert(0, KEY, rows[KEY].to_numpy())
    table = table.reset_index(drop=True)
    for column in COLUMNS_TO_HAND_IN:
        values = table[column]
{values}
    return table


_folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()
_train, _test = (pd.read_csv(f"input/{{name}}.csv"{as_text}) for name in ("train", "test"))
_whole = len(pd.read_csv("final/oof.csv")) == len(_train)
_oof = mend("final/oof.csv", _train if _whole else _train[_folds >= 0])
if len(_oof) == len(_train):
    _oof = _oof[_folds >= 0]
_out = mend("final/submission.csv", _test)
for _column in ORDER or []:
    if _column not in _out.columns and _column in _test.columns:
        _out[_column] = _test[_column].to_numpy()
{_normalised(brief)}_oof.to_csv("final/oof.csv", index=False)
(_out[ORDER] if ORDER else _out).to_csv("final/submission.csv", index=False)
'''


def _values(brief: Brief) -> str:
    task = brief.task
    if task.prediction == "label":
        classes = literal(list(task.classes))
        return (
            f"        classes = {classes}\n"
            "        if not values.dropna().isin(classes).all():\n"
            '            numbers = pd.to_numeric(values, errors="coerce")\n'
            "            codes = np.rint(numbers.fillna(0)).clip(0, len(classes) - 1).astype(int)\n"
            "            values = values.where(values.isin(classes), "
            "np.array(classes, dtype=object)[codes])\n"
            "        table[column] = values.fillna(values.mode().iloc[0])"
        )
    clip = ".clip(0, 1)" if task.prediction == "probability" else ""
    return (
        "        values = pd.to_numeric(values, "
        'errors="coerce").replace([np.inf, -np.inf], np.nan)\n'
        f"        table[column] = values.fillna(values.median()){clip}"
    )


def _normalised(brief: Brief) -> str:
    if not brief.task.per_class:
        return ""
    return (
        "for _table in (_oof, _out):\n"
        "    _sums = _table[COLUMNS_TO_HAND_IN].clip(lower=1e-9).sum(axis=1)\n"
        "    _table[COLUMNS_TO_HAND_IN] = "
        "_table[COLUMNS_TO_HAND_IN].clip(lower=1e-9).div(_sums, axis=0)\n"
    )


def interrupted(script: str, failure: Failure, brief: Brief) -> str | None:
    """The script leaves early with ``exit()``, or asks for input."""
    if failure.type not in ("SystemExit", "EOFError") and "exit" not in failure.said:
        return None
    source = Source(script)
    gone = [
        s
        for s in source.statements()
        if isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and name_of(s.value.func) in ("exit", "quit", "_exit", "input")
    ]
    for statement in sorted(gone, key=lambda s: -s.lineno):
        script = Source(script).lines_replaced(statement, " " * statement.col_offset + "pass\n")
    return script if gone else None


RULES = (wrong_folder, oof_not_written, score_line, mended_files, interrupted)
