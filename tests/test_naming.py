from __future__ import annotations

import pytest

from certify_automation.naming import some_of


@pytest.mark.parametrize(
    ("names", "most", "shown"),
    [
        ([], 3, ""),
        (["a"], 1, "a"),
        (["a", "b"], 1, "a and 1 more"),
        (["a", "b", "c"], 3, "a, b, c"),
        (["a", "b", "c", "d", "e"], 3, "a, b, c and 2 more"),
    ],
)
def test_names_on_one_line(names: list[str], most: int, shown: str) -> None:
    assert some_of(names, most) == shown
