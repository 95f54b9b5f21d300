from __future__ import annotations

from mle_star.cli.drawing import mermaid


def test_the_plain_drawing_has_the_phases_of_the_run() -> None:
    text = mermaid()
    for name in ("prepare", "solution", "select", "blend", "ensemble", "submit"):
        assert f"\t{name}({name})" in text
    assert "ablate" not in text


def test_xray_unfolds_every_subgraph() -> None:
    text = mermaid(xray=True)
    for name in ("subgraph solution", "subgraph candidate", "ablate", "check_leakage", "debug"):
        assert name in text
