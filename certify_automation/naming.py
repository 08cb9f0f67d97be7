"""Many things named in one line."""

from __future__ import annotations

from collections.abc import Sequence


def some_of(names: Sequence[str], most: int) -> str:
    """The first names, and how many there are besides: `a, b, c and 4 more`.

    Args:
        names: in the order in which they are shown.
        most: how many are named at most.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
