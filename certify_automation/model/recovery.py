"""What the service control manager does when a service fails: the registry's FailureActions, decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

_HEADER = struct.Struct("<5I")
_ACTION = struct.Struct("<2I")
_NEVER = 0xFFFFFFFF


class RecoveryAction(IntEnum):
    """SC_ACTION_TYPE of the Windows API."""

    NONE = 0
    RESTART = 1
    REBOOT = 2
    RUN = 3

    @property
    def word(self) -> str:
        """Its name in desired state and in plans: `none`, `restart`, `reboot`, `run`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class FailureAction:
    """One action and how long the service control manager waits before it, in milliseconds."""

    action: RecoveryAction
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """What happens at the first, the second and each later failure; the last action repeats.

    Attributes:
        reset_seconds: after so long without a failure the count starts again; None = never.
        actions: empty = nothing happens.
        on_stop_with_error: also when the service stops by itself with an error, not only when its process ends.
    """

    reset_seconds: int | None = None
    actions: tuple[FailureAction, ...] = ()
    on_stop_with_error: bool = False

    def same_as(self, other: Recovery) -> bool:
        """Whether the service control manager does the same.

        A repeated last action says nothing new, doing nothing has no delay, and nothing but that is like no action.
        """
        if not self._effective() and not other._effective():
            return True
        same = self._effective() == other._effective() and self.on_stop_with_error == other.on_stop_with_error
        return same and self.reset_seconds == other.reset_seconds

    def _effective(self) -> tuple[FailureAction, ...]:
        actions = [FailureAction(one.action, one.delay_ms if one.action else 0) for one in self.actions]
        while len(actions) > 1 and actions[-1] == actions[-2]:
            actions.pop()
        return () if all(one.action is RecoveryAction.NONE for one in actions) else tuple(actions)


def recovery_of(failure_actions: bytes | None, *, flag: bool) -> Recovery:
    """The recovery that a service's registry values say: FailureActions, FailureActionsOnNonCrashFailures.

    Layout (SERVICE_FAILURE_ACTIONS as the service control manager stores it, unsigned 32-bit little-endian): reset
    period in seconds, two words for a message and a command, the number of actions, the offset of the first, then a
    type and a delay in milliseconds for each.

    Raises:
        ValueError: the value is shorter than it says, or has an unknown action.
    """
    if not failure_actions:
        return Recovery(on_stop_with_error=flag)
    if len(failure_actions) < _HEADER.size:
        raise ValueError(f"FailureActions has {len(failure_actions)} bytes")
    reset, _, _, count, offset = _HEADER.unpack_from(failure_actions)
    if count and len(failure_actions) < offset + count * _ACTION.size:
        raise ValueError(f"FailureActions says {count} actions and has {len(failure_actions)} bytes")
    found = [_ACTION.unpack_from(failure_actions, offset + number * _ACTION.size) for number in range(count)]
    unknown = [str(kind) for kind, _ in found if kind not in set(RecoveryAction)]
    if unknown:
        raise ValueError(f"FailureActions has an action of an unknown type: {', '.join(unknown)}")
    actions = tuple(FailureAction(RecoveryAction(kind), delay) for kind, delay in found)
    return Recovery(None if reset == _NEVER else reset, actions, flag)
