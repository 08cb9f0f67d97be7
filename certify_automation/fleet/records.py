"""A run's record: one JSON line an event, and what they come to; `record_reading` reads it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from certify_automation.fleet.record_lines import line
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.config_files import JsonValue
from certify_automation.model.renewal import RenewalResult, RenewalStatus

VERSION = 1

_SUCCEEDED: Mapping[RenewalStatus | None, bool] = {RenewalStatus.RENEWED: True, RenewalStatus.FAILED: False}
_NEVER_REQUESTED = frozenset({RenewalStatus.MOVED, RenewalStatus.MISSING, RenewalStatus.NOT_RUN})
_TO_BE_REPEATED = frozenset({RenewalStatus.NOT_RUN, RenewalStatus.NOT_STARTED})


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a run is, and everything of its call that must be the same when it goes on later.

    Attributes:
        by: account and computer: `alice@ctl01`; commit: of the repository, None = not in git.
        selection: hosts and filters, as written.
        waves: as written, empty = all hosts at once.
        options: what else was asked for; nothing secret.
    """

    run_id: str
    command: str
    by: str
    commit: str | None = None
    selection: tuple[str, ...] = ()
    waves: str = ""
    options: Mapping[str, JsonValue] = field(default_factory=dict)


class Stage(StrEnum):
    """How far a request of a run has come."""

    HELD = "held"
    RESERVED = "reserved"
    ASKED = "asked"
    RELEASED = "released"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request of a run; at_utc_ms is the time of its last event, status None until it has ended."""

    request: CertificateRequest
    stage: Stage
    at_utc_ms: int
    status: RenewalStatus | None = None

    @property
    def remains(self) -> bool:
        """Whether it is still to be made when the run goes on."""
        return self.stage is not Stage.ENDED or self.status in _TO_BE_REPEATED


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run as its record has it; the requests in the order in which they were chosen.

    Attributes:
        active_utc_ms: the time of its last event.
        ended: it came to its end, though requests may have been held or left over.
    """

    start: RunStart
    started_utc_ms: int
    active_utc_ms: int
    ended: bool
    requests: tuple[RecordedRequest, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the run in order: what its waves are parts of."""
        return tuple(dict.fromkeys(one.request.host for one in self.requests))

    @property
    def remaining(self) -> tuple[CertificateRequest, ...]:
        """What is still to be requested; of what is in `cut_off` only what the host has not requested meanwhile."""
        return tuple(one.request for one in self.requests if one.remains)

    @property
    def cut_off(self) -> tuple[CertificateRequest, ...]:
        """Of which nothing was heard once their host was asked: they may have been requested."""
        return tuple(one.request for one in self.requests if one.stage is Stage.ASKED)

    def past(self, repeated: Container[tuple[str, str]] = ()) -> Iterator[PastRequest]:
        """What counts against limits, each at the latest time at which it can have been requested.

        Args:
            repeated: host and id of what is requested again, as far as it remains: only the new request counts.
        """
        for one in self.requests:
            if one.remains and (one.request.host, one.request.id) in repeated:
                continue
            if one.stage in {Stage.RESERVED, Stage.ASKED}:
                yield PastRequest(one.request, self.active_utc_ms, None)
            elif one.stage is Stage.ENDED and one.status not in _NEVER_REQUESTED:
                yield PastRequest(one.request, one.at_utc_ms, _SUCCEEDED.get(one.status))


def start_line(start: RunStart, now_utc_ms: int) -> str:
    """The first line of a record."""
    return line(
        {
            "runs": VERSION,
            "event": "started",
            "at": now_utc_ms,
            "run_id": start.run_id,
            "command": start.command,
            "by": start.by,
            "commit": start.commit,
            "selection": list(start.selection),
            "waves": start.waves,
            "options": dict(start.options),
        }
    )


def chosen_lines(requests: Sequence[tuple[CertificateRequest, bool]], now_utc_ms: int) -> str:
    """What was chosen, each with whether it was admitted; one line for the neighbours of one host."""
    hosts: dict[str, list[dict[str, Any]]] = {}
    for request, admitted in requests:
        hosts.setdefault(request.host, []).append(
            {
                "id": request.id,
                "name": request.name,
                "authority": request.authority,
                "staging": request.staging,
                "identifiers": request.identifiers,
                "thumbprint": request.thumbprint,
                "attempted": request.attempted_utc_ms,
                "stage": Stage.RESERVED if admitted else Stage.HELD,
            }
        )
    return "".join(
        line({"event": "chosen", "at": now_utc_ms, "host": host, "requests": entries})
        for host, entries in hosts.items()
    )


def asked_line(host: str, now_utc_ms: int) -> str:
    """That a host is about to be asked for what is reserved for it."""
    return line({"event": "asked", "at": now_utc_ms, "host": host})


def result_line(host: str, results: Iterable[RenewalResult], now_utc_ms: int) -> str:
    """What became of requests of a host; the product's messages are not kept."""
    entries = [{"id": result.id, "status": result.status} for result in results]
    return line({"event": "result", "at": now_utc_ms, "host": host, "results": entries})


def released_line(host: str, ids: Iterable[str], now_utc_ms: int) -> str:
    """That requests of a host were surely not made."""
    return line({"event": "released", "at": now_utc_ms, "host": host, "ids": list(ids)})
