"""What calls of library functions do to rows."""

from __future__ import annotations

from mle_star.engineer.playbook.leakage.fitting import (
    MILD_STATISTICS,
    STATISTICS,
    Arguments,
    Fitting,
)
from mle_star.engineer.playbook.leakage.values import (
    FIT,
    NONE,
    TEST,
    TRAIN,
    UNKNOWN,
    VALID,
    Column,
    Leak,
    Thing,
    Value,
    any_element,
    elements,
    sequence,
    spread,
    words,
)

_STACKS = words(
    "concat vstack hstack column_stack stack concatenate array asarray c_ r_ "
    "DataFrame Series dstack append"
)
_DATASETS = words("Dataset DMatrix QuantileDMatrix Pool")
_NAMES = {
    "table": "read_ loadtxt genfromtxt scan_csv",
    "nothing": "len range isinstance type id hash hasattr callable zeros ones full empty arange",
    "like": "zeros_like ones_like empty_like full_like",
    "printed": "print",
    "cross_validated": "cross_val_predict cross_validate cross_val_score",
    "one_split": "train_test_split",
    "where": "where nonzero",
    "same": "flatnonzero argwhere clone deepcopy copy iter",
    "iterator": "enumerate zip reversed sorted list tuple set map next tqdm",
    "trained": "train cv",
    "levels": "get_dummies factorize qcut",
}
_HANDLERS = {name: f"_{rule}" for rule, names in _NAMES.items() for name in names.split()}
"""Function -> method of :class:`Functions` that says what it does."""


class Functions(Fitting):
    """Evaluates calls of functions the script does not define."""

    def function(self, name: str, arguments: Arguments) -> Value:
        """A call of a library function or a built-in."""
        handler = _HANDLERS.get("read_" if name.startswith("read_") else name)
        if handler:
            result = getattr(self, handler)(name, arguments)
            assert isinstance(result, Value)
            return result
        if name in STATISTICS | MILD_STATISTICS:
            return self._summary(name, arguments.get(0), arguments)
        if name in _DATASETS and (len(arguments.positional) > 1 or "label" in arguments.named):
            self.features(arguments.get(0))
        self.run_closures(arguments)
        return self._unknown(name, arguments)

    def run_closures(self, arguments: Arguments) -> None:
        """Functions of the script that are passed to a library: they run with unknown arguments."""
        for value in arguments.all:
            if value.calls:
                self.enter(value, Arguments([UNKNOWN] * 3, {}))

    def _nothing(self, name: str, arguments: Arguments) -> Value:
        return UNKNOWN

    def _like(self, name: str, arguments: Arguments) -> Value:
        return Value(rows=spread(arguments.get(0)).rows)

    def _where(self, name: str, arguments: Arguments) -> Value:
        if len(arguments.positional) == 1:
            return sequence([arguments.get(0)])
        return self._unknown(name, arguments)

    def _same(self, name: str, arguments: Arguments) -> Value:
        first = arguments.get(0)
        return first.but(thing=Thing(**vars(first.thing))) if first.thing else first

    def _unknown(self, name: str, arguments: Arguments) -> Value:
        if name in _STACKS:
            return self.combine(*arguments.all)
        result = self.combine(*arguments.all)
        texts = [v for v in arguments.all if v.text is not None]
        if not result.rows and len(texts) == len(arguments.all) == 1 and name[:1].islower():
            return texts[0]
        if not result.rows and name in ("Path", "join", "str"):
            pieces = ["".join(sorted(v.text)) if v.text else "*" for v in arguments.positional]
            return Value(text=frozenset({"/".join(pieces)}))
        if not result.rows and not result.learned and result.mask is None:
            inner = [v.thing for v in arguments.all if v.thing and v.thing.learned]
            fitted = inner[0] if inner else Thing()
            constant = (
                name == "SimpleImputer"
                and arguments.named.get("strategy", UNKNOWN).const == "constant"
            )
            name = "constant" if constant else name
            thing = Thing(
                name, fitted.learned, fitted.target, origin=fitted.origin, leaks=result.leaks
            )
            return result.but(thing=thing)
        if result.rows and name[:1].isupper():
            return result.but(thing=Thing(name))
        return result

    def _table(self, name: str, arguments: Arguments) -> Value:
        path = "".join(sorted(arguments.get(0, "filepath_or_buffer", "path").text or ())).lower()
        name = path.rsplit("/", 1)[-1]
        if "sample" in name:
            return UNKNOWN
        if "fold" in name:
            return Value(rows=TRAIN, has=frozenset({Column("fold", "fold")}))
        if "oof" in name:
            return Value(rows=TRAIN, oof=True)
        if "train" in name:
            has = frozenset(Column(target, "target") for target in self.task.target)
            used = arguments.get(9, "usecols")
            table = Value(rows=TRAIN, has=has, shaped=self.lines)
            return self.pick(table, used) if used.text is not None else table
        if "submission" in name:
            return Value(rows=frozenset({TEST}), oof=True)
        if "test" in name:
            return Value(rows=frozenset({TEST}))
        return UNKNOWN

    def _printed(self, name: str, arguments: Arguments) -> Value:
        texts = [text for value in arguments.all for text in value.text or ()]
        if any("validation performance" in text.lower() for text in texts):
            self.flow(arguments.all)
        return UNKNOWN

    def _cross_validated(self, name: str, arguments: Arguments) -> Value:
        table, labels = arguments.get(1, "X"), arguments.get(2, "y")
        self.features(table)
        if not self.given_folds:
            self.flow([table, labels])
        leaks = self.split_leaks(arguments.named.get("cv", UNKNOWN), table, "KFold")
        leaks |= table.leaks | labels.leaks
        predicts = name == "cross_val_predict"
        return Value(rows=table.rows if predicts else NONE, oof=predicts, leaks=leaks)

    def _one_split(self, name: str, arguments: Arguments) -> Value:
        kept = arguments.named.get("shuffle", UNKNOWN).const is False
        leaks: frozenset[Leak] = frozenset()
        if arguments.positional and not kept:
            leaks = self.split_leaks(UNKNOWN, arguments.positional[0], "train_test_split")
        parts: list[Value] = []
        for value in arguments.positional:
            for rows in (frozenset({FIT}), frozenset({VALID})):
                parts.append(
                    self.at(value.but(index=False), Value(mask=rows, own=True, leaks=leaks))
                )
        return sequence(parts)

    def _iterator(self, name: str, arguments: Arguments) -> Value:
        first = arguments.get(0)
        if name == "enumerate":
            known = elements(first)
            if known is not None:
                return sequence(sequence([Value(const=i), part]) for i, part in enumerate(known))
            return Value(thing=Thing("list", item=sequence([UNKNOWN, any_element(first)])))
        if name == "zip":
            lists = [elements(v) for v in arguments.positional]
            if all(part is not None for part in lists):
                return sequence(
                    sequence(row) for row in zip(*(p or [] for p in lists), strict=False)
                )
            return Value(thing=Thing("list", item=sequence(map(any_element, arguments.positional))))
        if name == "map" and first.calls:
            over = [any_element(v) for v in arguments.positional[1:]]
            return Value(thing=Thing("list", item=self.enter(first, Arguments(over, {}))))
        if name == "map":
            return arguments.get(1)
        if name == "next":
            known = elements(first)
            return known[0] if known else any_element(first)
        if name in ("list", "set", "tuple", "sorted", "reversed") and first.rows and first.has:
            return Value(columns=True, listed=True, has=first.has)
        if not arguments.positional:
            return sequence([])
        return first

    def _trained(self, name: str, arguments: Arguments) -> Value:
        """``lgb.train(params, data)`` and ``xgb.train``."""
        if not any(v.rows for v in arguments.all):
            return self._unknown(name, arguments)
        data = next((v for v in arguments.all if v.rows), UNKNOWN)
        data = arguments.named.get("dtrain", arguments.named.get("train_set", data))
        thing = Thing(
            "booster", data.rows, True, on_oof=data.oof, origin=self.lines, leaks=data.leaks
        )
        return Value(thing=thing)

    def _levels(self, name: str, arguments: Arguments) -> Value:
        result = self.taken_levels(self.combine(*arguments.all))
        return sequence([result, UNKNOWN]) if name == "factorize" else result
