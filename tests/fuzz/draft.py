"""A task as somebody might have put it together: tables of odd columns, with odd mistakes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from tests.fuzz import odd

NUMBER_METRICS = ("rmse", "mae", "rmsle", "r2", "mape", "smape", "spearman", "pearson", "median_ae")
CLASS_METRICS = ("accuracy", "roc_auc", "log_loss", "f1_macro", "mcc", "balanced_accuracy", "brier")
OTHER_METRICS = ("quadratic_weighted_kappa", "f1", "average_precision", "pinball", "mse")
NUMBERS = {
    *("amounts", "floats", "integers", "gaps", "negative", "infinite", "huge integers"),
    *("huge floats", "money", "percent", "decimal commas", "thousands", "every row its number"),
}
"""Kinds of target that a person would call numbers."""


@dataclass
class Grid:
    """A table as text: names may repeat."""

    names: list[str]
    columns: list[list[str]]

    @property
    def rows(self) -> list[list[str]]:
        return [list(row) for row in zip(*self.columns, strict=True)]

    @property
    def count(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def taken(self, order: list[int]) -> Grid:
        return Grid(list(self.names), [[c[i] for i in order] for c in self.columns])

    def without(self, name: str) -> Grid:
        kept = [i for i, n in enumerate(self.names) if n != name]
        return Grid([self.names[i] for i in kept], [self.columns[i] for i in kept])


@dataclass
class Draft:
    """A task folder before it is written."""

    train: Grid
    test: Grid | None
    sample: Grid | None
    targets: list[str]
    key: str | None
    numbers: bool
    description: str = ""
    toml: dict[str, object] = field(default_factory=dict)


def draw(chance: random.Random) -> Draft:
    """A task that may be odd in any of many ways; most are not odd in all of them."""
    oddness = chance.choice((0.0, 0.15, 0.6))
    count = _rows(chance)
    test_count = chance.choice((0, 1, 2, 3, 7, 20, 45)) if chance.random() < 0.25 else 12
    shared = _features(chance, oddness, count + test_count)
    key = None
    if chance.random() < 0.7:
        key = "id" if chance.random() > oddness else odd.name(chance, 0.8)
        place = 0 if chance.random() < 0.8 else len(shared.names)
        shared.names.insert(place, key)
        shared.columns.insert(place, _ids(chance, count + test_count))
    train = shared.taken(list(range(count)))
    test: Grid | None = shared.taken(list(range(count, count + test_count)))
    kinds = [_target_kind(chance)]
    kinds *= chance.choice((2, 3)) if chance.random() < 0.08 else 1
    targets = _target_names(chance, oddness, len(kinds))
    for name, kind in zip(targets, kinds, strict=True):
        place = chance.choice((0, len(train.names), len(train.names)))
        train.names.insert(place, name)
        train.columns.insert(place, odd.TARGETS[kind](chance, count))
    if chance.random() < 0.08:
        test = None
    draft = Draft(train, test, None, targets, key, kinds[0] in NUMBERS)
    if test is not None and chance.random() < 0.65:
        draft.sample = _sample(chance, draft, test)
    _describe(chance, draft)
    if chance.random() < 0.35:
        draft = _mistake(chance, draft)
    return draft


def _rows(chance: random.Random) -> int:
    ways = ((0, 1, 2, 3, 4, 5, 6), (10, 25, 40), (60, 120), (500, 640))
    [sizes] = chance.choices(ways, (0.08, 0.48, 0.34, 0.1))
    return chance.choice(sizes)


def _features(chance: random.Random, oddness: float, count: int) -> Grid:
    wide = chance.random()
    width = chance.randint(0 if chance.random() < 0.1 else 1, 6)
    if wide < 0.004:
        width = 300 if wide > 0.001 else 5000
    names = [odd.name(chance, oddness) for _ in range(width)]
    if width > 6:
        names = [f"{name} {i}" for i, name in enumerate(names)]
    elif chance.random() > 0.1:
        names = list(dict.fromkeys(names))
    usual = ("integers", "floats", "categories")
    kinds = [chance.choice(usual if chance.random() < 0.4 else list(odd.FEATURES)) for _ in names]
    return Grid(names, [odd.FEATURES[kind](chance, count) for kind in kinds])


def _ids(chance: random.Random, count: int) -> list[str]:
    plain = [str(i) for i in range(count)]
    ways: dict[str, list[str]] = {
        "plain": plain,
        "padded": [f"{i:05d}" for i in range(count)],
        "words": [f"row {i}" for i in range(count)],
        "fractions": [f"{i}.0" for i in range(count)],
        "halves": [f"{i}.5" for i in range(count)],
        "huge": [str(10**20 + i) for i in range(count)],
        "large": [str(2**60 + i) for i in range(count)],
        "negative": [str(-i) for i in range(count)],
        "repeated": [str(i // 2) for i in range(count)],
        "gaps": ["" if i % 5 == 0 else str(i) for i in range(count)],
        "one gap": ["" if i == count - 1 else str(i) for i in range(count)],
        "hex": [f"{i:08x}" for i in range(count)],
        "odd": [f'{i} "x", {{y}}\n' for i in range(count)],
        "case": [("a" if i % 2 else "A") + str(i // 2) for i in range(count)],
        "blanks": [f" {i} " for i in range(count)],
        "mixed": [str(i) if i % 2 else f"r{i}" for i in range(count)],
        "dates": [f"2020-01-01 {i // 60:02d}:{i % 60:02d}" for i in range(count)],
        "missing words": ["NA" if i == 3 else f"k{i}" for i in range(count)],
        "overflow": [f"{i}e400" if i == 2 else str(i) for i in range(count)],
    }
    way = "plain" if chance.random() < 0.5 else chance.choice(list(ways))
    ids = ways[way]
    if chance.random() < 0.3:
        chance.shuffle(ids)
    return ids


def _target_kind(chance: random.Random) -> str:
    usual = ("amounts", "floats", "zero and one", "yes and no", "animals", "integers", "grades")
    return chance.choice(usual if chance.random() < 0.55 else list(odd.TARGETS))


def _target_names(chance: random.Random, oddness: float, count: int) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        name = chance.choice(("target", "y", "price"))
        if names or chance.random() < max(oddness, 0.1):
            name = odd.name(chance, 0.7)
        if name not in names:
            names.append(name)
    return names


def _sample(chance: random.Random, draft: Draft, test: Grid) -> Grid:
    """A sample submission that fits, with one column per class now and then."""
    names, columns = [], []
    if draft.key is not None:
        names.append(draft.key)
        columns.append(list(test.columns[test.names.index(draft.key)]))
    predicted = draft.targets
    if len(predicted) == 1 and not draft.numbers and chance.random() < 0.25:
        labels = draft.train.columns[draft.train.names.index(predicted[0])]
        predicted = list(dict.fromkeys(labels))
    for name in predicted:
        names.append(name)
        columns.append([chance.choice(("0", "0.5", "1"))] * test.count)
    order = list(range(test.count))
    if chance.random() < 0.3:
        chance.shuffle(order)
    return Grid(names, columns).taken(order)


def _describe(chance: random.Random, draft: Draft) -> None:
    fitting: tuple[str, ...] = NUMBER_METRICS if draft.numbers else CLASS_METRICS
    if chance.random() < 0.15:
        fitting = NUMBER_METRICS + CLASS_METRICS + OTHER_METRICS
    metric = chance.choice(fitting)
    draft.description = f"# Task\n\nPredict `{draft.targets[0]}`.\n\n# Metric\n\n{metric}\n"
    if chance.random() < 0.35 or len(draft.targets) > 1:
        draft.toml["metric"] = metric
    if chance.random() < 0.3 or len(draft.targets) > 1:
        draft.toml["target"] = draft.targets


def _mistake(chance: random.Random, draft: Draft) -> Draft:
    """One thing that does not fit: between the tables, or within one."""
    train, test, sample = draft.train, draft.test, draft.sample
    ways = [
        "train twice",
        "key missing in train",
        "key missing in test",
        "column missing in test",
        "more in test",
        "target in test",
        "sample rows",
        "sample columns",
        "sample keys",
        "copied column",
        "same name twice",
        "only the target",
        "row twice",
    ]
    way = chance.choice(ways)
    name = chance.choice(train.names)
    if way == "train twice":
        return replace(draft, test=train)
    if way == "key missing in train" and draft.key:
        return replace(draft, train=train.without(draft.key))
    if way == "key missing in test" and test and draft.key:
        return replace(draft, test=test.without(draft.key))
    if way == "column missing in test" and test:
        return replace(draft, test=test.without(name))
    if way == "more in test" and test:
        extra = Grid([*test.names, "extra"], [*test.columns, ["1"] * test.count])
        return replace(draft, test=extra)
    if way == "target in test" and test and draft.targets[0] not in test.names:
        filled = chance.choice(("", "1"))
        more = Grid([*test.names, draft.targets[0]], [*test.columns, [filled] * test.count])
        return replace(draft, test=more)
    if way == "sample rows" and sample:
        return replace(draft, sample=sample.taken(list(range(sample.count // 2))))
    if way == "sample columns" and sample:
        sample.names[-1] = odd.name(chance, 0.7)
    if way == "sample keys" and sample:
        sample.columns[0] = [f"{value}9" for value in sample.columns[0]]
    if way == "copied column" and sample and test and test.names:
        sample.names.append(test.names[-1])
        sample.columns.append(list(test.columns[-1]))
    if way == "same name twice":
        train.names[chance.randrange(len(train.names))] = name
    if way == "only the target":
        kept = [train.names.index(t) for t in draft.targets]
        train = Grid(list(draft.targets), [train.columns[i] for i in kept])
        return replace(draft, train=train)
    if way == "row twice" and train.count:
        return replace(draft, train=train.taken([*range(train.count), 0, 0]))
    return draft
