"""Whether the product has stopped renewing while its service runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from certify_automation.due import Rule, back_off, due, moment_text
from certify_automation.model.certificate import (
    ACME_ITEM,
    CertificateInventory,
    ManagedCertificate,
    RequestState,
)
from certify_automation.model.config_files import JsonValue
from certify_automation.naming import some_of

_HOUR_MS = 3_600_000
_SINGLE_SITE = 10
_NAMES_SHOWN = 3
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stall:
    """The product makes no renewal passes although some are called for.

    Attributes:
        since_utc_ms: from when on the first of the certificates should have been requested.
        ids: of the certificates that wait.
        evidence: sentences that together show it.
    """

    since_utc_ms: int
    ids: tuple[str, ...]
    evidence: tuple[str, ...]


def stalled(inventory: CertificateInventory, now_utc_ms: int) -> Stall | None:
    """Evidence that the product's renewals stand still, or None where there is not all of it.

    The product makes a pass every 5 minutes and leaves one out while another runs; an exception in a pass leaves it
    marked as running until the service is restarted, while the API goes on answering. It is taken for that when the
    service has run for more than an hour, certificates have been due for longer, and in the last hour none of any kind
    was attempted and no pass was logged.

    Args:
        inventory: what a visit learned; without certificates, preferences or the start of the service it is no
            evidence.
        now_utc_ms: by the host's clock.
    """
    preferences, started = inventory.preferences, inventory.service_started_utc_ms
    limit = now_utc_ms - _HOUR_MS
    if inventory.certificates is None or preferences is None or started is None or started > limit:
        return None
    attempts = [one.attempted_utc_ms for one in inventory.certificates if one.attempted_utc_ms is not None]
    passes = [at for at in map(_logged, inventory.passes) if at is not None]
    if any(at > limit for at in (*attempts, *passes)):
        return None
    since = {one.id: _waits_since(one, preferences, started, now_utc_ms) for one in inventory.certificates}
    waiting = {name: at for name, at in since.items() if at is not None and at <= limit}
    if not waiting:
        return None
    names = [one.name or one.id for one in inventory.certificates if one.id in waiting]
    evidence = (
        _waiting_text(names),
        f"the service has been running since {moment_text(started)}",
        f"the last attempt of any was made at {moment_text(max(attempts))}" if attempts else "none was ever attempted",
        f"the last pass in session.log is of {moment_text(max(passes))}" if passes else "session.log shows no pass",
    )
    return Stall(min(waiting.values()), tuple(waiting), evidence)


def _waits_since(
    certificate: ManagedCertificate, preferences: Mapping[str, JsonValue], started_utc_ms: int, now_utc_ms: int
) -> int | None:
    """From when on the running service should have requested it and has not; None = that cannot be said."""
    own, attempted = due(certificate, preferences, now_utc_ms), certificate.attempted_utc_ms
    # Nothing tells when an item that was never tried came into being.
    since = attempted if own.rule is Rule.NEVER_RENEWED else own.due_utc_ms
    if not own.due or since is None or not _is_renewed(certificate, preferences):
        return None
    if back_off(certificate, now_utc_ms).holds:
        return None
    tried = since if attempted is None else back_off(certificate, attempted).until_utc_ms or attempted
    return max(since, started_utc_ms, tried)


def _is_renewed(certificate: ManagedCertificate, preferences: Mapping[str, JsonValue]) -> bool:
    """Whether a pass that finds it due requests it in every build of the product.

    It leaves out the item of a single site that is stopped, and whether that is so the API does not say. Version 7 may
    have maintenance windows, outside of which it leaves out all.
    """
    stopped_sites_count = preferences.get("ignoreStoppedSites") is False
    may_be_stopped = certificate.deployment == _SINGLE_SITE and bool(certificate.site) and not stopped_sites_count
    return (
        certificate.item_type == ACME_ITEM
        and certificate.auto_renew
        and not certificate.skip_request
        and certificate.status != RequestState.PAUSED
        and not may_be_stopped
        and not preferences.get("maintenanceWindows")
    )


def _logged(line: str) -> int | None:
    """When a line of session.log was written; None when it does not begin with that."""
    found = _STAMP.match(line)
    if found is None:
        return None
    try:
        return round(datetime.strptime(found[0], "%Y-%m-%d %H:%M:%S.%f %z").timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _waiting_text(names: list[str]) -> str:
    subject = "1 certificate has" if len(names) == 1 else f"{len(names)} certificates have"
    return f"{subject} been due for more than an hour without an attempt: {some_of(sorted(names), _NAMES_SHOWN)}"
