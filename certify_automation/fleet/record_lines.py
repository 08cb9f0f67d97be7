"""Records of runs as text: one JSON line an event, and what may stand in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from certify_automation.errors import UsageError

RESUMED, ENDED = "resumed", "ended"

_YEAR_10000_MS = 253_402_300_800_000


def line(event: Mapping[str, Any]) -> str:
    """An event as it is written."""
    return json.dumps(event, separators=(",", ":")) + "\n"


def resumed_line(now_utc_ms: int) -> str:
    """That a run goes on in another process; a line cut off before it counts as not written."""
    return line({"event": RESUMED, "at": now_utc_ms})


def ended_line(now_utc_ms: int) -> str:
    """That a run has come to its end."""
    return line({"event": ENDED, "at": now_utc_ms})


def events(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The events of a record with the numbers of their lines.

    A line that was cut off counts as not written: the last one, and one after which the run was resumed.

    Raises:
        UsageError: CA3213 it is no record of a run, or damaged.
        OSError: it cannot be read.
    """
    cut_off = 0
    lines = path.read_bytes().split(b"\n")
    for number, text_of_line in enumerate(lines, 1):
        event = _parsed(text_of_line)
        if event is None:
            if cut_off or (number == 1 < len(lines)):
                raise damaged(path, cut_off or number)
            cut_off = number
            continue
        if cut_off and event.get("event") != RESUMED:
            raise damaged(path, cut_off)
        cut_off = 0
        yield number, event


def check_version(path: Path, found: object, known: int) -> None:
    """Say that another version of this program wrote a record.

    Raises:
        UsageError: CA3214.
    """
    if found != known:
        raise UsageError(
            "CA3214",
            f"{path} was written by another version of certify-automation (record version {found})",
            hint="use that version, or name another folder with `state_directory` in certify-automation.yaml",
        )


def damaged(path: Path, number: int) -> UsageError:
    """That a line is not what a record has there (CA3213)."""
    return UsageError(
        "CA3213",
        f"{path}:{number}: this is no record of a run, or it is damaged",
        hint="repair it, or move it away: what was requested in that run does not count any longer then",
    )


def text(value: object) -> str:
    """A text.

    Raises:
        TypeError: it is something else; as the others here.
    """
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def text_or_none(value: object) -> str | None:
    """A text, or null."""
    return None if value is None else text(value)


def items(value: object) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(map(text, items(value)))


def entry(value: object) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def number_of(value: object) -> int:
    """A whole number from 0 up.

    Raises:
        TypeError: it is no number.
        ValueError: it is less than 0.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    if value < 0:
        raise ValueError(value)
    return value


def moment(value: object) -> int:
    """A time in milliseconds that calendars know.

    Raises:
        TypeError, ValueError: as number_of.
    """
    found = number_of(value)
    if found >= _YEAR_10000_MS:
        raise ValueError(found)
    return found


def _parsed(text_of_line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(text_of_line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
