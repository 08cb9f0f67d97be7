"""What a run must not request because it, or another run, may have requested it already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from certify_automation.fleet.records import RecordedRequest, RecordedRun, Stage
from certify_automation.guard.counting import HeldRequest
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.renewal import Hold, RenewalStatus

_LATEST_MS = 60 * 60 * 1000
"""How long the product may take to begin with what it was asked: after that it has forgotten, or stands still."""

_NOT_KNOWN = frozenset({RenewalStatus.REQUESTED, RenewalStatus.RUNNING})


def under_way(
    requests: Sequence[CertificateRequest], runs: Iterable[RecordedRun], run_id: str, now_utc_ms: int
) -> tuple[HeldRequest, ...]:
    """Those of the requests that may have been made within the last hour, with no sign yet of what became of them.

    The sign is that the item has moved: it has another certificate, or the time of its last attempt is another. What
    another run is about to request is left to it, as long as there are signs of that run.

    Args:
        requests: as the items are now.
        runs: as they are recorded.
        run_id: of the run that wants to request; what it has merely reserved is its own.
        now_utc_ms: the time.
    """
    wanted = {(request.host, request.id): request for request in requests}
    held: dict[CertificateRequest, HeldRequest] = {}
    for run in runs:
        for one, at in _doubtful(run, own=run.start.run_id == run_id):
            request = wanted.get((one.request.host, one.request.id))
            if request is not None and _same(request, one.request) and at + _LATEST_MS > now_utc_ms:
                hold = Hold.OTHER_RUN if one.stage is Stage.RESERVED else Hold.RUNNING
                held[request] = HeldRequest(request, None, _text(run, one), at + _LATEST_MS, hold)
    return tuple(held.values())


def _doubtful(run: RecordedRun, *, own: bool) -> Iterator[tuple[RecordedRequest, int]]:
    for one in run.requests:
        if one.stage is Stage.ASKED or (one.stage is Stage.ENDED and one.status in _NOT_KNOWN):
            yield one, one.at_utc_ms
        elif one.stage is Stage.RESERVED and not own:
            yield one, run.active_utc_ms


def _same(wanted: CertificateRequest, made: CertificateRequest) -> bool:
    return (wanted.thumbprint, wanted.attempted_utc_ms) == (made.thumbprint, made.attempted_utc_ms)


def _text(run: RecordedRun, one: RecordedRequest) -> str:
    name = f"run {run.start.run_id} by {run.start.by}"
    if one.stage is not Stage.RESERVED:
        return f"{name} has requested it, or may have, and nothing is known of it yet"
    go_on = f"; if it was cut off, `renew --resume {run.start.run_id}` goes on" if run.start.command == "renew" else ""
    return f"{name} is about to request it{go_on}"
