"""What another controller would find: a host's lock."""

from __future__ import annotations

from certify_automation.lab.fleet import LabHost
from certify_automation.lab.onhost.lock import LOCK


def holds_the_lock(host: LabHost) -> bool:
    """Whether a visit holds the lock of this host now."""
    files = host.computer.files
    return files.exists(LOCK) and files.holder(LOCK) is not None
