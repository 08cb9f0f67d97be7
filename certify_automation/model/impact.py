"""What a change means: for those who use the host, and for an undo."""

from __future__ import annotations

from enum import StrEnum


class Reversal(StrEnum):
    """What an undo does with a change."""

    REVERSIBLE = "reversible"
    KEPT = "kept"
    AFTER_COMMIT = "after_commit"


class Impact(StrEnum):
    """What a change means for those who use the host; the value is the label shown."""

    FILE = "file only"
    DATA = "database replaced"
    SETTING = "setting only"
    LISTENER = "listener change"
    START = "service start"
    STOP = "service stop"
    RESTART = "service restart"
    LOCKOUT = "lockout risk"
    RENEWAL = "renewal"
