"""The merger: grafts the reference's models into the base script and averages all predictions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace as changed

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook import script as shape
from mle_star.engineer.playbook.blocks import data
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.flow import dictionary
from mle_star.engineer.playbook.blocks.part import import_lines
from mle_star.engineer.playbook.script import Block
from mle_star.errors import NoAnswer
from mle_star.parsing import parse

PATIENCE = 0.5
"""Share of a script's time that a merged script may take."""
_TITLE = re.compile(r'(?<= with )[^"\n]*(?= \()')


def merge(brief: Brief, base: str, reference: str) -> str:
    """The base script with the reference's models in its weighted mean.

    Takes over the model blocks (renamed where the base has another model of that name), the
    imports and constants they need, and the reference's ``encode`` where the base has only the
    plain one.

    Raises:
        NoAnswer: a script is not of the playbook's shape, the base has all those models already,
            or the merged script would take too long or is known not to be better.
    """
    _check_worth(brief)
    blocks, others = _blocks(base), _blocks(reference)
    grafts = _grafts(blocks, others)
    if not grafts:
        raise NoAnswer("The base script already has the reference's model.")
    taken = dict(grafts)
    encoding = _encoding(brief, blocks, others)
    if encoding:
        blocks[shape.ENCODE] = encoding
        taken[shape.ENCODE] = encoding
    blocks[shape.COMBINE] = _combined(blocks[shape.COMBINE], grafts)
    _supply(blocks, others, taken.values())
    blocks[shape.HEADER] = _titled(blocks[shape.HEADER], others[shape.HEADER])
    return shape.join(_ordered(blocks, grafts))


def _check_worth(brief: Brief) -> None:
    """A merged script averages, so its score and its time are known before it runs.

    What is slow is not refined often, and the ensemble averages anyway at the end.
    """
    average, before = brief.average_score, brief.base_score
    if average is not None and before is not None:
        gain = average - before if brief.task.maximize else before - average
        if gain <= 0:
            raise NoAnswer(
                f"The average of both scores {average:.6g}, no better than {before:.6g}."
            )
    seconds = brief.base_seconds + brief.reference_seconds
    if brief.base_seconds and seconds > PATIENCE * brief.script_seconds:
        raise NoAnswer(f"The merged script would take {seconds:.0f} seconds, too long to refine.")


def _blocks(text: str) -> dict[str, Block]:
    """Blocks by name, checked for what merging needs."""
    blocks = {block.name: block for block in shape.split(text)}
    needed = {shape.HEADER, shape.LOAD, shape.ENCODE, shape.COMBINE, shape.VALIDATE, shape.WRITE}
    try:
        for block in blocks.values():
            parse(block.text)
    except SyntaxError:
        needed = set()
    if not needed or needed - set(blocks) or not any(block.family for block in blocks.values()):
        raise NoAnswer("One of the scripts is not of the playbook's shape, so it can't be merged.")
    return blocks


def _grafts(base: dict[str, Block], reference: dict[str, Block]) -> dict[str, Block]:
    """Model blocks to add, by the name they get in the base."""
    grafts = {}
    for block in reference.values():
        if not block.family or any(block.text.strip() == own.text.strip() for own in base.values()):
            continue
        family, number = block.family, 1
        while shape.MODEL + family in base:
            number += 1
            family = f"{block.family}_{number}"
        text = block.text.replace(shape.marker(block.name), shape.marker(shape.MODEL + family))
        text = re.sub(rf"\bfit_{re.escape(block.family)}\b", f"fit_{family}", text)
        grafts[shape.MODEL + family] = Block(shape.MODEL + family, text)
    return grafts


def _encoding(brief: Brief, base: dict[str, Block], reference: dict[str, Block]) -> Block | None:
    """The reference's ``encode``, where it does more than the base's plain one."""
    plain = data.encode(Facts(brief), topics=False).text.strip()
    own, other = base[shape.ENCODE], reference[shape.ENCODE]
    return other if own.text.strip() == plain and other.text.strip() != plain else None


def _combined(block: Block, grafts: dict[str, Block]) -> Block:
    """The combine block with the new models, each with weight one."""
    tree = parse(block.text)
    models, weights = _dictionary(tree, "MODELS"), _dictionary(tree, "WEIGHTS")
    if models is None or weights is None:
        raise NoAnswer("The base script has no MODELS and WEIGHTS to add a model to.")
    families = [graft.family for graft in grafts.values()]
    edits = [
        (models, "MODELS", {family: f"fit_{family}" for family in families}),
        (weights, "WEIGHTS", dict.fromkeys(families, "1.0")),
    ]
    text = block.text
    for node, name, new in edits:
        old = ast.get_source_segment(block.text, node)
        assert isinstance(node.value, ast.Dict)
        items = {
            str(ast.literal_eval(key)): ast.unparse(value)
            for key, value in zip(node.value.keys, node.value.values, strict=True)
            if key is not None
        }
        text = shape.replace(text, old or "", dictionary(name, items | new))
    return changed(block, text=text)


def _dictionary(tree: ast.Module, name: str) -> ast.Assign | None:
    """The statement ``name = {...}``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            first = node.targets[0]
            if isinstance(first, ast.Name) and first.id == name:
                return node
    return None


def _supply(base: dict[str, Block], reference: dict[str, Block], taken: Iterable[Block]) -> None:
    """Bring imports and constants of the reference that the taken blocks use and the base lacks."""
    known = {name for block in base.values() for name in _defined(parse(block.text))}
    wanted = {name for block in taken for name in _mentioned(parse(block.text))} - known
    imports: list[ast.stmt] = []
    for place in (shape.HEADER, shape.LOAD):
        text = reference[place].text
        for node in parse(text).body:
            if not wanted & set(_names(node)):
                continue
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports.append(node)
                continue
            wanted |= set(_mentioned(node)) - known
            line = ast.get_source_segment(text, node) or ""
            base[place] = changed(base[place], text=f"{base[place].text.rstrip()}\n{line}\n\n\n")
    _import(base, reference, wanted, imports)


def _import(
    base: dict[str, Block], reference: dict[str, Block], wanted: set[str], imports: list[ast.stmt]
) -> None:
    """Sort the wanted imports, and those that taken constants mention, into the base's header."""
    header = base[shape.HEADER]
    for node in parse(reference[shape.HEADER].text).body:
        if isinstance(node, ast.Import | ast.ImportFrom) and wanted & set(_names(node)):
            imports.append(node)
    own = [n for n in parse(header.text).body if isinstance(n, ast.Import | ast.ImportFrom)]
    own = [n for n in own if not (isinstance(n, ast.ImportFrom) and n.module == "__future__")]
    statements = {line for node in own for line in _import_statements(node, None)}
    statements |= {line for node in imports for line in _import_statements(node, wanted)}
    lines = header.text.splitlines(keepends=True)
    start = own[0].lineno - 1 if own else 0
    end = (own[-1].end_lineno or start) if own else 0
    text = "".join(lines[:start]) + import_lines(statements) + "\n" + "".join(lines[end:])
    base[shape.HEADER] = changed(header, text=text)


def _import_statements(node: ast.stmt, wanted: set[str] | None) -> Iterator[str]:
    """One line per imported name."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return
    for alias in node.names:
        if wanted is None or (alias.asname or alias.name) in wanted:
            name = alias.name + (f" as {alias.asname}" if alias.asname else "")
            origin = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
            yield f"{origin}import {name}"


def _names(node: ast.stmt) -> list[str]:
    """Names a top-level statement defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.For):
        return [
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        ]
    return []


def _defined(tree: ast.Module) -> list[str]:
    return [name for node in tree.body for name in _names(node)]


def _mentioned(tree: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _titled(header: Block, reference: Block) -> Block:
    """The header with both scripts' models in its first line."""
    first, _, rest = header.text.partition("\n")
    other = _TITLE.search(reference.text.partition("\n")[0])
    if other:
        first = _TITLE.sub(lambda own: f"{own.group()} + {other.group()}", first, count=1)
    return changed(header, text=f"{first}\n{rest}")


def _ordered(blocks: dict[str, Block], grafts: dict[str, Block]) -> list[Block]:
    """Blocks in script order, the new models after the base's own."""
    last = [name for name, block in blocks.items() if block.family][-1]
    ordered = []
    for name, block in blocks.items():
        ordered.append(block)
        if name == last:
            ordered += grafts.values()
    return ordered
