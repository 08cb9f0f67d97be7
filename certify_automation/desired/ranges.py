"""Host ranges as Ansible writes them: `web[01:40].example.com`, `db-[a:c]`, `n[0:10:2]`."""

from __future__ import annotations

import re
from itertools import product

LARGEST = 20_000
_LONGEST_NUMBER = 18
_RANGE = re.compile(r"\[(?P<first>[0-9]+|[A-Za-z]):(?P<last>[0-9]+|[A-Za-z])(?::(?P<step>[0-9]+))?\]")


def is_range(name: str) -> bool:
    """Whether a name stands for several hosts."""
    return bool(_RANGE.search(name))


def expand(name: str) -> tuple[str, ...]:
    """Every name a range stands for, in counting order; the name itself if it holds no range.

    Raises:
        ValueError: the range cannot be counted; the text says why.
    """
    literals, choices, end = [], [], 0
    for match in _RANGE.finditer(name):
        literals.append(name[end : match.start()])
        choices.append(_count(match["first"], match["last"], int(match["step"] or 1)))
        end = match.end()
    size = 1
    for choice in choices:
        size *= len(choice)
    if size > LARGEST:
        raise ValueError(f"{size} hosts in one range; at most {LARGEST} are allowed")
    rest = name[end:]
    return tuple(
        "".join(part for pair in zip(literals, combination, strict=True) for part in pair) + rest
        for combination in product(*choices)
    )


def _count(first: str, last: str, step: int) -> list[str]:
    if step < 1:
        raise ValueError("the step of a range must be 1 or more")
    if first.isdigit() != last.isdigit():
        raise ValueError(f"a range goes from number to number or from letter to letter, not from {first} to {last}")
    if first.isdigit():
        if len(first) > 1 and first.startswith("0") and len(first) != len(last):
            raise ValueError(f"both ends of a range with leading zeros need the same length: {first} and {last}")
        if max(len(first), len(last)) > _LONGEST_NUMBER:
            raise ValueError(f"the numbers of the range from {first} to {last} are too large")
        low, high, width = int(first), int(last), len(first)
        if (high - low) // step >= LARGEST:
            raise ValueError(f"{(high - low) // step + 1} hosts in one range; at most {LARGEST} are allowed")
        names = [str(n).zfill(width) for n in range(low, high + 1, step)]
    else:
        if first.islower() != last.islower():
            raise ValueError(f"both ends of a letter range need the same case: {first} and {last}")
        names = [chr(n) for n in range(ord(first), ord(last) + 1, step)]
    if not names:
        raise ValueError(f"the range goes backwards, from {first} to {last}")
    return names
