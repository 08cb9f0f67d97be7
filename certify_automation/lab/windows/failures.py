"""What the service control manager does when a service fails: FailureActions, counted since the system started.

Sources: Microsoft's SERVICE_FAILURE_ACTIONS and SERVICE_FAILURE_ACTIONS_FLAG pages. Only restarts are carried out here;
rebooting and running a program are not.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from certify_automation.lab.windows import win32

RESTART = 1
NEVER_RESET = 0xFFFFFFFF

_HEADER = struct.Struct("<5I")
_ACTION = struct.Struct("<2I")
_ACTIONS_OFFSET = 20


def pack(reset_seconds: int, actions: Sequence[tuple[int, int]], *, message: int = 0, command: int = 0) -> bytes:
    """The registry value FailureActions.

    Args:
        reset_seconds: how long without a failure until the count starts again; `NEVER_RESET`.
        actions: SC_ACTION type and delay in milliseconds, in the order of the failures; the last one repeats.
        message: 1 = a reboot message is set.
        command: 1 = a command is set.
    """
    packed = b"".join(_ACTION.pack(*action) for action in actions)
    return _HEADER.pack(reset_seconds, message, command, len(actions), _ACTIONS_OFFSET) + packed


def unpack(value: bytes | None) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Reset period and actions of such a value; a damaged one has no actions."""
    if value is None or len(value) < _HEADER.size:
        return NEVER_RESET, ()
    reset, _, _, count, offset = _HEADER.unpack_from(value)
    if offset < _HEADER.size or len(value) < offset + count * _ACTION.size:
        return reset, ()
    found = [_ACTION.unpack_from(value, offset + number * _ACTION.size) for number in range(count)]
    return reset, tuple((kind, delay) for kind, delay in found)


@dataclass(slots=True)
class Failures:
    """The failures of one service since the system started.

    Attributes:
        on_error: FailureActionsOnNonCrashFailures as it was then: a later change waits for the next start.
        count: since the last reset.
        last: on the computer's stopwatch, when it failed last.
        restart_at: on the stopwatch, when it is started again; nothing but `Disabled` prevents that.
    """

    on_error: bool = False
    count: int = 0
    last: float = 0.0
    restart_at: float | None = None

    def ended(self, exit_code: int, actions: bytes | None, elapsed: float) -> None:
        """The service's process is gone: count it when that was a failure, and see what is to follow."""
        crashed = exit_code == win32.PROCESS_ABORTED
        if not crashed and not (self.on_error and exit_code not in (0, win32.SERVICE_REQUEST_TIMEOUT)):
            return
        reset, steps = unpack(actions)
        if reset != NEVER_RESET and elapsed - self.last >= reset:
            self.count = 0
        self.count, self.last = self.count + 1, elapsed
        if not steps:
            return
        kind, delay = steps[min(self.count, len(steps)) - 1]
        if kind == RESTART:
            self.restart_at = elapsed + delay / 1000

    def restart_due(self, elapsed: float) -> bool:
        """Whether it is to be started now; says so once."""
        if self.restart_at is None or self.restart_at > elapsed:
            return False
        self.restart_at = None
        return True
