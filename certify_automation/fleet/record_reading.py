"""What the lines of a run's record come to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certify_automation.errors import UsageError
from certify_automation.fleet.records import (
    ENDED,
    RESUMED,
    VERSION,
    RecordedRequest,
    RecordedRun,
    RunStart,
    Stage,
)
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.renewal import RenewalStatus

_YEAR_10000_MS = 253_402_300_800_000


def read_record(path: Path) -> RecordedRun | None:
    """The run whose record is in this file; None when not even its first line was written.

    A line that was cut off counts as not written: the last one, and one after which the run was resumed.

    Raises:
        UsageError: CA3213 it is no record of a run, or damaged; CA3214 a newer version of this program wrote it.
        OSError: it cannot be read.
    """
    reading: _Reading | None = None
    for number, event in _events(path):
        try:
            if reading is None:
                reading = _Reading.begin(path, event)
            else:
                reading.take(event)
        except (LookupError, TypeError, ValueError) as error:
            raise _damaged(path, number) from error
    return reading.run() if reading else None


def _events(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    cut_off = 0
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        event = _parsed(line)
        if event is None:
            if cut_off or (number == 1 < len(lines)):
                raise _damaged(path, cut_off or number)
            cut_off = number
            continue
        if cut_off and event.get("event") != RESUMED:
            raise _damaged(path, cut_off)
        cut_off = 0
        yield number, event


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


@dataclass(slots=True)
class _Reading:
    start: RunStart
    started_utc_ms: int
    active_utc_ms: int
    ended: bool = False
    requests: dict[tuple[str, str], RecordedRequest] = field(default_factory=dict)

    @classmethod
    def begin(cls, path: Path, event: Mapping[str, Any]) -> _Reading:
        if event["event"] != "started":
            raise ValueError(event["event"])
        if event["runs"] != VERSION:
            raise UsageError(
                "CA3214",
                f"{path} was written by another version of certify-automation (record version {event['runs']})",
                hint="use that version, or name another folder with `state_directory` in certify-automation.yaml",
            )
        start = RunStart(
            _text(event["run_id"]),
            _text(event["command"]),
            _text(event["by"]),
            _text_or_none(event["commit"]),
            _texts(event["selection"]),
            _text(event["waves"]),
            _entry(event["options"]),
        )
        return cls(start, _time(event["at"]), _time(event["at"]))

    def take(self, event: Mapping[str, Any]) -> None:
        self.active_utc_ms = max(_time(event["at"]), self.active_utc_ms)
        match event["event"]:
            case "chosen":
                for entry in map(_entry, _list(event["requests"])):
                    self._choose(_request(_text(event["host"]), entry), Stage(entry["stage"]))
            case "asked":
                asked = _text(event["host"])
                for host, item in [key for key, one in self.requests.items() if one.stage is Stage.RESERVED]:
                    if host == asked:
                        self._move(host, item, Stage.ASKED)
            case "result":
                for entry in map(_entry, _list(event["results"])):
                    self._move(_text(event["host"]), _text(entry["id"]), Stage.ENDED, RenewalStatus(entry["status"]))
            case "released":
                for released in _texts(event["ids"]):
                    self._move(_text(event["host"]), released, Stage.RELEASED)
            case _:
                self.ended = {RESUMED: False, ENDED: True}[event["event"]]

    def _choose(self, request: CertificateRequest, stage: Stage) -> None:
        known = self.requests.get((request.host, request.id))
        # That it waits now does not undo that it may have been requested before.
        if stage is not Stage.HELD or known is None or known.stage not in {Stage.ASKED, Stage.ENDED}:
            self.requests[request.host, request.id] = RecordedRequest(request, stage, self.active_utc_ms)

    def _move(self, host: str, item: str, stage: Stage, status: RenewalStatus | None = None) -> None:
        if known := self.requests.get((host, item)):
            self.requests[host, item] = RecordedRequest(known.request, stage, self.active_utc_ms, status)

    def run(self) -> RecordedRun:
        return RecordedRun(
            self.start, self.started_utc_ms, self.active_utc_ms, self.ended, tuple(self.requests.values())
        )


def _request(host: str, entry: Mapping[str, Any]) -> CertificateRequest:
    staging, attempted = entry["staging"], entry["attempted"]
    if not isinstance(staging, bool):
        raise TypeError(staging)
    return CertificateRequest(
        host,
        _text(entry["id"]),
        _text(entry["name"]),
        _text(entry["authority"]),
        staging,
        _texts(entry["identifiers"]),
        _text_or_none(entry["thumbprint"]),
        None if attempted is None else _time(attempted),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _entry(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(value)
    return value


def _time(value: object) -> int:
    """A time in milliseconds that calendars know."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(value)
    if not 0 <= value < _YEAR_10000_MS:
        raise ValueError(value)
    return value


def _damaged(path: Path, line: int) -> UsageError:
    return UsageError(
        "CA3213",
        f"{path}:{line}: this is no record of a run, or it is damaged",
        hint="repair it, or move it away: what was requested in that run does not count any longer then",
    )
