"""Setting what the service control manager does when a service fails, as `sc.exe failure` and `failureflag` do it."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

from certify_automation.lab.onhost.journal import carry_out
from certify_automation.lab.onhost.service import named_service, recovery_facts
from certify_automation.lab.onhost.visit import ChangeFailed, Json
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Computer, Win32Error

_WORDS = ("none", "restart", "reboot", "run")
_NEVER = 0xFFFFFFFF
_NO_ACTION = ((0, 0),)
Actions = tuple[tuple[int, int], ...]
Meaning = tuple[bool, int, Actions] | None


def set_recovery(run: Run, name: str, recovery: dict[str, Any]) -> None:
    """Set the recovery of a service; a command and a message that are set stay. Raises ChangeFailed `service_config`.

    Without any action one is set that does nothing, which the service control manager takes for the same.
    """
    services = run.visit.computer.services
    actions = tuple((_WORDS.index(one["action"]), int(one["delay_ms"])) for one in recovery["actions"])
    reset = _NEVER if recovery["reset_seconds"] is None else int(recovery["reset_seconds"])
    flag = bool(recovery["on_stop_with_error"])
    wanted = _meaning(flag, reset, actions)
    if _now(run.visit.computer, name) == wanted:
        return
    words = f"reset= {'INFINITE' if reset == _NEVER else reset} actions= {_spelled(actions or _NO_ACTION)}"
    _control(run, f"failure {name} {words}", lambda: services.set_failure_actions(name, reset, actions or _NO_ACTION))
    _control(run, f"failureflag {name} {int(flag)}", lambda: services.set_failure_flag(name, on=flag))
    now = _now(run.visit.computer, name)
    if now != wanted:
        raise ChangeFailed("service_config", f"The recovery of {name} reads '{now}'.")


def _now(computer: Computer, name: str) -> Meaning:
    """What the registry says, None when it cannot be understood."""
    service = computer.services.get(name)
    facts: Json = recovery_facts(named_service(computer, name)) if service else {"failure_actions": None}
    flag = bool(facts.get("failure_flag"))
    if facts["failure_actions"] is None:
        return _meaning(flag, 0, ())
    value = base64.b64decode(facts["failure_actions"])
    try:
        reset, _, _, count, at = struct.unpack_from("<5I", value)
        actions = tuple(struct.unpack_from("<2I", value, at + 8 * number) for number in range(count))
    except struct.error:
        return None
    if any(kind >= len(_WORDS) for kind, _ in actions):
        return None
    return _meaning(flag, reset, actions)


def _meaning(flag: bool, reset: int, actions: Actions) -> Meaning:
    """The last action repeats itself, and without any action there is no period."""
    while len(actions) > 1 and actions[-1] == actions[-2]:
        actions = actions[:-1]
    if not any(kind for kind, _ in actions):
        return (flag, 0, ())
    return (flag, reset, actions)


def _spelled(actions: Actions) -> str:
    return "/".join(f"{_WORDS[kind] if kind else ''}/{delay}" for kind, delay in actions)


def _control(run: Run, command: str, act: Callable[[], None]) -> None:
    try:
        carry_out(run, f"sc.exe {command}", act)
    except Win32Error as error:
        raise ChangeFailed("service_config", f"sc.exe {command}: {error.code}") from error
    run.acted = True
