"""Replacing one block of a script.

The only way an engineer's answer changes code that already runs.
"""

from __future__ import annotations


def replace_once(script: str, block: str, new: str) -> str:
    """The script with ``block`` replaced by ``new``.

    Raises:
        ValueError: the block is empty, or does not occur exactly once; the text says which.
    """
    if not block.strip():
        raise ValueError("the block is empty")
    count = script.count(block)
    if count != 1:
        where = (
            "does not occur in the script" if not count else f"occurs {count} times in the script"
        )
        raise ValueError(f"the block {where}; it must occur exactly once")
    return script.replace(block, new)
