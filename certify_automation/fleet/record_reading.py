"""What the lines of a run's record come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certify_automation.fleet.record_lines import (
    ENDED,
    RESUMED,
    check_version,
    damaged,
    entry,
    events,
    items,
    moment,
    text,
    text_or_none,
    texts,
)
from certify_automation.fleet.records import VERSION, RecordedRequest, RecordedRun, RunStart, Stage
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.renewal import RenewalStatus


def read_record(path: Path) -> RecordedRun | None:
    """The run whose record is in this file; None when not even its first line was written.

    A line that was cut off counts as not written: the last one, and one after which the run was resumed.

    Raises:
        UsageError: CA3213 it is no record of a run, or damaged; CA3214 a newer version of this program wrote it.
        OSError: it cannot be read.
    """
    reading: _Reading | None = None
    for number, event in events(path):
        try:
            if reading is None:
                reading = _Reading.begin(path, event)
            else:
                reading.take(event)
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(path, number) from error
    return reading.run() if reading else None


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
        check_version(path, event["runs"], VERSION)
        start = RunStart(
            text(event["run_id"]),
            text(event["command"]),
            text(event["by"]),
            text_or_none(event["commit"]),
            texts(event["selection"]),
            text(event["waves"]),
            entry(event["options"]),
        )
        return cls(start, moment(event["at"]), moment(event["at"]))

    def take(self, event: Mapping[str, Any]) -> None:
        self.active_utc_ms = max(moment(event["at"]), self.active_utc_ms)
        match event["event"]:
            case "chosen":
                for one in map(entry, items(event["requests"])):
                    self._choose(_request(text(event["host"]), one), Stage(one["stage"]))
            case "asked":
                asked = text(event["host"])
                for host, item in [key for key, one in self.requests.items() if one.stage is Stage.RESERVED]:
                    if host == asked:
                        self._move(host, item, Stage.ASKED)
            case "result":
                for one in map(entry, items(event["results"])):
                    self._move(text(event["host"]), text(one["id"]), Stage.ENDED, RenewalStatus(one["status"]))
            case "released":
                for released in texts(event["ids"]):
                    self._move(text(event["host"]), released, Stage.RELEASED)
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


def _request(host: str, found: Mapping[str, Any]) -> CertificateRequest:
    staging, attempted = found["staging"], found["attempted"]
    if not isinstance(staging, bool):
        raise TypeError(staging)
    return CertificateRequest(
        host,
        text(found["id"]),
        text(found["name"]),
        text(found["authority"]),
        staging,
        texts(found["identifiers"]),
        text_or_none(found["thumbprint"]),
        None if attempted is None else moment(attempted),
    )
