"""Odd column names and odd cells, as they are found in other people's files."""

from __future__ import annotations

import random
from collections.abc import Callable

Column = Callable[[random.Random, int], list[str]]

PLAIN = ("age", "height", "colour", "city", "income", "score_1", "rooms", "Total Area (m2)")

ODD = (
    *(
        "fold",
        "index",
        "target",
        "id",
        "Unnamed: 0",
        "Unnamed: 3",
        "",
        " ",
        " leading",
        "trailing ",
    ),
    *("tab\there", "new\nline", "carriage\rreturn", "crlf\r\nhere", 'quo"te', "apo'strophe"),
    *('"""', "'''", "back\\slash", "\\", "\\n", "ends in \\", "{brace}", "{", "}}", "{0}", "%s"),
    *("%(x)s", "$x", "# hash", "# === write ===", "a\n# === write ===\nb", "emoji 🎉", "naïve"),
    *("日本", "e\u0301", "\u202eright to left", "\x1b[31mred", "bell\x07", "<script>", "../up"),
    *("a,b", "a;b", "a|b", "x" * 300, "class", "def", "None", "nan", "NaN", "NA", "null", "inf"),
    *("1", "1.5", "-1", "True", "__init__", "a", "A", "a.1", "row", "y", "label", "input", "train"),
    *("SEED", "np", "rows", "X", "[x]", "<", "]", "fold.1", "date seconds", "size topic 0", "ID"),
    *("members", "PassengerId", "row_id", "year", "date", "time", "prediction", "test", "0", "@"),
)


def name(chance: random.Random, oddness: float) -> str:
    """One column name."""
    return chance.choice(ODD) if chance.random() < oddness else chance.choice(PLAIN)


def _each(draw: Callable[[random.Random], str]) -> Column:
    return lambda chance, count: [draw(chance) for _ in range(count)]


def _of(*values: str) -> Column:
    return lambda chance, count: [chance.choice(values) for _ in range(count)]


def integers(chance: random.Random, count: int) -> list[str]:
    return [str(chance.randint(-50, 5000)) for _ in range(count)]


def floats(chance: random.Random, count: int) -> list[str]:
    return [f"{chance.uniform(-100, 900):.6f}" for _ in range(count)]


def amounts(chance: random.Random, count: int) -> list[str]:
    """Positive numbers that differ from each other."""
    return [f"{chance.randint(1, 999)}.{i:06d}7" for i in range(count)]


def categories(chance: random.Random, count: int) -> list[str]:
    return [chance.choice(("red", "green", "blue", "Red", "dark, grey")) for _ in range(count)]


def _decimal_comma(chance: random.Random) -> str:
    return f"{chance.randint(-99, 999)},{chance.randint(0, 99):02d}"


def _thousands(chance: random.Random) -> str:
    return f"{chance.randint(0, 9_999_999):,}"


def _money(chance: random.Random) -> str:
    amount = f"{chance.uniform(0, 9999):,.2f}"
    return chance.choice(("$", "€", "£", "-$", "USD ", "")) + amount + chance.choice(("", " €"))


def _percent(chance: random.Random) -> str:
    return f"{chance.randint(0, 100)}{chance.choice(('%', ' %', '.5%'))}"


def dates(chance: random.Random, count: int) -> list[str]:
    """Dates of one odd form."""
    forms = (
        "{y}-{m:02d}-{d:02d}",
        "{d:02d}.{m:02d}.{y}",
        "{m}/{d}/{y}",
        "{d}/{m}/{y}",
        "{y}{m:02d}{d:02d}",
        "{y}-{m:02d}-{d:02d}T{h:02d}:30:00Z",
        "{y}-{m:02d}-{d:02d} {h:02d}:05:00+02:00",
        "{h}:15 {d}-{m}-{y}",
        "0000-{m:02d}-{d:02d}",
        "{y}-13-45",
        "9999-{m:02d}-{d:02d}",
        "{y}/W{m}",
        "Q{d} {y}",
    )
    form = chance.choice(forms)
    return [
        form.format(
            y=chance.randint(1890, 2040),
            m=chance.randint(1, 12),
            d=chance.randint(1, 28),
            h=chance.randint(0, 23),
        )
        for _ in range(count)
    ]


def mixed_dates(chance: random.Random, count: int) -> list[str]:
    return [dates(chance, 1)[0] for _ in range(count)]


def words(chance: random.Random, count: int) -> list[str]:
    """Free text with quotes, line ends, separators and scripts of the world."""
    parts = (
        "the",
        "cat",
        "sat,",
        'on "it"',
        "\n",
        "\r\n",
        "naïve",
        "🎉",
        "{x}",
        "日本",
        "a;b",
        "\\",
    )
    return [
        " ".join(chance.choice(parts) for _ in range(chance.randint(0, 12))) for _ in range(count)
    ]


def codes(chance: random.Random, count: int) -> list[str]:
    """Category codes with leading zeros."""
    return [f"{chance.randint(1, 9):03d}" for _ in range(count)]


def _mixed(chance: random.Random) -> str:
    return chance.choice(("1", "2.5", "x", "", "True", "2020-01-01", "1e5", "-", "None", "[1, 2]"))


def counter(chance: random.Random, count: int) -> list[str]:
    start = chance.randint(0, 100)
    return [str(start + i) for i in range(count)]


FEATURES: dict[str, Column] = {
    "integers": integers,
    "floats": floats,
    "categories": categories,
    "decimal commas": _each(_decimal_comma),
    "thousands": _each(_thousands),
    "money": _each(_money),
    "percent": _each(_percent),
    "dates": dates,
    "mixed dates": mixed_dates,
    "words": words,
    "codes": codes,
    "counter": counter,
    "mixed": _each(_mixed),
    "all missing": _of(""),
    "markers": _of("?", "NA", "n/a", "-", "null", "None", " "),
    "numbers and markers": _of("1", "2", "3", "4", "5", "?", "7"),
    "constant": _of("7"),
    "constant text": _of("same"),
    "booleans": _of("True", "False"),
    "yes and no": _of("yes", "no"),
    "true and false": _of("true", "false", ""),
    "t and f": _of("t", "f"),
    "infinite": _of("1.5", "inf", "-inf", "2.5", "Infinity"),
    "huge integers": _of(str(2**63 - 1), str(2**63), str(2**64), "1" * 40, "-" + "9" * 25, "5"),
    "huge floats": _of("1e308", "-1e308", "1e309", "1e-320", "0"),
    "large integers": _of(str(2**53 + 1), str(2**62), str(-(2**63)), "12"),
    "blanks": _of("a", " a", "a ", " ", ""),
    "long text": _of("x" * 5000, "y " * 2000),
    "json": _of('{"a": [1, 2], "b": "c"}', "[]", "{}"),
    "markup": _of("<b>x</b>", "<script>alert(1)</script>", "&amp;"),
    "escapes": _of("\x1b[2J", "a\x07b", "\\x00", "\\"),
    "mostly missing": _of("", "", "", "", "", "", "1.5"),
    "one odd": lambda chance, count: ["0"] * (count - 1) + ["1"] * min(count, 1),
    "complex": _of("1+2j", "3j"),
    "hex": _of("0x1F", "0b11", "1_000"),
    "exponents": _of("1e3", "1E-5", "+4", "-0", ".5", "5."),
    "times": _of("12:30", "23:59:59", "1:05 PM"),
}

TARGETS: dict[str, Column] = {
    "amounts": amounts,
    "floats": floats,
    "integers": integers,
    "grades": _of("1", "2", "3", "4"),
    "zero and one": _of("0", "1"),
    "yes and no": _of("yes", "no"),
    "booleans": _of("True", "False"),
    "lower booleans": _of("true", "false"),
    "halves": _of("1.0", "2.0"),
    "animals": _of("cat", "dog", "bird"),
    "odd words": _of('a "b"', "c\nd", "{e}", "f'g", "\\", " h", "h", "H"),
    "zero padded": _of("01", "02", "1"),
    "missing words": _of("None", "NA", "some", "all"),
    "mixed": _of("1", "2", "x"),
    "numbers and text": _of("1", "1.0", "True"),
    "money": _each(_money),
    "percent": _each(_percent),
    "decimal commas": _each(_decimal_comma),
    "thousands": _each(_thousands),
    "infinite": _of("1.5", "inf", "2.5", "3"),
    "huge integers": _of(str(2**63), str(2**64 + 1), "5", "6"),
    "huge floats": _of("1e308", "-1e308", "0", "1"),
    "constant": _of("1"),
    "all missing": _of(""),
    "gaps": _of("1.5", "2.5", "", "7"),
    "gaps in classes": _of("a", "b", "", "c"),
    "one class once": lambda chance, count: (
        ["rare"] * min(count, 1) + [chance.choice(("a", "b")) for _ in range(count - 1)]
    ),
    "every row its class": lambda chance, count: [f"class {i}" for i in range(count)],
    "every row its number": lambda chance, count: [str(i) for i in range(count)],
    "dates": dates,
    "negative": _of("-1", "-2.5", "-3"),
    "plus and minus": _of("-1", "1"),
    "emoji": _of("🎉", "😀", "日本"),
    "markup": _of("<b>", "&"),
    "long": _of("x" * 400, "y" * 400),
}
