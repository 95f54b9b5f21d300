"""Parts of a script that averages soft predictions: what :mod:`.soft_blend` computes, as text."""

from __future__ import annotations

import inspect
import re

from mle_star.scoring import cutting
from mle_star.scoring.soft import first_grade, soft_form
from mle_star.scoring.soft_blend import PARTS, Cut
from mle_star.tasks.spec import TaskSpec

_ALIAS = re.compile(r"(?<=: )(Criterion|Learn|Apply)\b")


def cut_functions(cut: Cut) -> str:
    """Source of the functions that cut labels; they need numpy and ``Callable``."""
    functions = (
        cut.criterion, cutting.count, cut.learn, cut.apply, cutting.learn_from, cutting.cross_cut,
    )  # fmt: skip
    sources = [inspect.getsource(function).rstrip() for function in functions]
    return _ALIAS.sub("Callable", "\n\n\n".join(sources))


def half_way_code(spec: TaskSpec, values: str) -> str:
    """Expression for the classes, (rows, targets), of soft predictions cut half way."""
    form, count = soft_form(spec), len(spec.classes)
    if form == "classes" and count > 2:
        return f"{values}.argmax(axis=1)[:, None]"
    start = (first_grade(spec) if form == "grades" else 0.0) + 0.5
    return f'np.searchsorted({start} + np.arange({count - 1}), {values}, side="right")'


def soft_clean(spec: TaskSpec) -> list[str]:
    """Lines that bring ``table``, a member's soft predictions, into the form that is averaged."""
    if soft_form(spec) == "grades":
        return ["table = table.astype(float)"]
    lines = ["table = table.astype(float).clip(0, 1)"]
    if soft_form(spec) == "classes":
        lines.append("table = table.div(table.sum(axis=1), axis=0)")
        if len(spec.classes) == 2:
            lines.append("table = table[SOFT[1:]]  # the other column says the same")
    return lines


def soft_combine(spec: TaskSpec, cut: Cut | None) -> str:
    """The block that sets ``oof`` and ``prediction``, tables of labels.

    ``read_member``, ``WEIGHTS``, ``CLASSES``, ``COLUMNS``, ``train``, ``test``, ``folds`` and
    ``scored`` are there.
    """
    parts = [
        f"{cut_functions(cut)}\n\n\n" if cut else "",
        _BLEND,
        _cut(cut) if cut else _half_way(spec),
    ]
    return "# === combine ===\n" + "".join(parts)


_BLEND = '''\
def blend(name: str, rows: pd.DataFrame) -> np.ndarray:
    """Weighted mean of the members' soft predictions; nothing is learnt here."""
    total = sum(WEIGHTS.values())
    return np.sum([w / total * read_member(n, name, rows) for n, w in WEIGHTS.items()], axis=0)


def labelled(classes: np.ndarray) -> pd.DataFrame:
    """Labels from places among the classes."""
    return pd.DataFrame(np.array(CLASSES)[classes], columns=COLUMNS)


mean, test_mean = blend("oof_soft", train[scored]), blend("submission_soft", test)
'''


def _half_way(spec: TaskSpec) -> str:
    return (
        f"oof = labelled({half_way_code(spec, 'mean')})\n"
        f"prediction = labelled({half_way_code(spec, 'test_mean')})"
    )


def _cut(cut: Cut) -> str:
    learn, apply, criterion = (f.__name__ for f in (cut.learn, cut.apply, cut.criterion))
    return f"""\
place = {{label: i for i, label in enumerate(CLASSES)}}
truth = train.loc[scored, TARGETS].apply(lambda column: column.map(place)).to_numpy(dtype=int)
parts = folds[scored]
if parts.max() == parts.min():  # a single hold-out
    parts = np.arange(len(parts)) % {PARTS}
# A fold's labels are cut by what the other folds teach, those of the test rows by all.
classes = len(CLASSES)
codes = cross_cut({learn}, {apply}, mean, truth, parts, classes, {criterion})
learnt = learn_from({learn}, mean, truth, classes, {criterion})
oof, prediction = labelled(codes), labelled({apply}(test_mean, learnt))"""
