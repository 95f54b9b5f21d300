"""The candidate writer: composes a script from blocks."""

from __future__ import annotations

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.blocks import data, flow
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.catalogue import Model, model_named
from mle_star.engineer.playbook.script import FINISH, find, replace
from mle_star.engineer.playbook.strategies import strategies_for
from mle_star.errors import NoAnswer

ASKED = 0.7
"""What a way to cut labels must promise to be in a script from the start."""


def write(brief: Brief, card: ModelCard) -> str:
    """A script in the canonical shape with exactly the card's model.

    Raises:
        NoAnswer: the card's model is not in the catalogue, does not fit the task, or the task is
        of a kind
            that the playbook has no script for.
    """
    facts = Facts(brief)
    model = model_named(card.name)
    if model.package not in brief.installed:
        raise NoAnswer(
            f"{model.name} needs the package {model.package!r}, which the scripts' interpreter "
            "lacks."
        )
    if not model.suits(facts):
        raise NoAnswer(f"{model.name} does not fit this task.")
    if not (facts.dense or facts.text):
        if brief.profile.picture_column is not None:
            raise NoAnswer(
                "The playbook reads images with pillow, which the scripts lack: "
                "pip install 'mle-star[images]'."
            )
        raise NoAnswer(
            "The training table has no column to learn from: the playbook reads tables, text and "
            "images, and for anything else a language model is needed."
        )
    return compose(facts, model)


def compose(facts: Facts, model: Model) -> str:
    """The whole script."""
    return _cut(facts, assemble(facts, model))


def assemble(facts: Facts, model: Model) -> str:
    """The script as its blocks are first written, labels cut half way."""
    parts: list[Part | None] = [
        data.load(facts),
        data.features(facts),
        data.encode(facts, topics=not model.reads_text),
        data.target(facts),
        model.block(facts),
        flow.combine(facts, [model.family]),
        flow.validate(facts),
        flow.finish(facts),
        flow.write(facts),
    ]
    used = [part for part in parts if part is not None]
    text = data.header(facts, model.title(facts), used) + "".join(part.text for part in used)
    return text.rstrip("\n") + "\n"


def _cut(facts: Facts, text: str) -> str:
    """The script with labels cut where the metric is best, where it asks for that.

    Half way is no good guess for F1 or kappa: scores of scripts that cut there say little about
    their models, and what they hand in can't be blended.
    """
    finish = find(text, FINISH)
    if finish is None:
        return text
    cuts = [item for item in strategies_for(FINISH) if item.kin == "threshold"]
    promises = {item.key: item.applies(facts.brief, finish.text) for item in cuts}
    best = max(cuts, key=lambda item: promises[item.key])
    if promises[best.key] < ASKED:
        return text
    return replace(text, finish.text, best.apply(finish.text, facts.brief))
