"""`sc.exe failure` and `sc.exe failureflag` on a simulated computer.

    sc.exe failure NAME reset= SECONDS|INFINITE actions= ACTION/MILLISECONDS[/ACTION/MILLISECONDS...]
    sc.exe failureflag NAME 0|1

An empty action is none. What it cannot read it answers with 1639, and with its usage.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify_automation.lab.windows import Computer, Win32Error

INVALID_COMMAND_LINE = 1639
_NEVER = 0xFFFFFFFF
_KINDS = {"": 0, "restart": 1, "reboot": 2, "run": 3}


def set_failure(computer: Computer, name: str, options: Sequence[str]) -> None:
    """Set what follows a failure; raises Win32Error 1060 or 1639."""
    given = dict(zip(options[::2], options[1::2], strict=False))
    if len(options) % 2 or set(given) != {"reset=", "actions="}:
        raise Win32Error(INVALID_COMMAND_LINE, name)
    parts = given["actions="].split("/")
    if len(parts) % 2 or any(word not in _KINDS for word in parts[::2]):
        raise Win32Error(INVALID_COMMAND_LINE, name)
    actions = [(_KINDS[word], int(delay or 0)) for word, delay in zip(parts[::2], parts[1::2], strict=True)]
    reset = _NEVER if given["reset="] == "INFINITE" else int(given["reset="])
    computer.services.set_failure_actions(name, reset, actions)


def set_failure_flag(computer: Computer, name: str, options: Sequence[str]) -> None:
    """Set whether a stop with an error counts; what is not 0 or 1 is ignored, and the end is good all the same."""
    if list(options) in (["0"], ["1"]):
        computer.services.set_failure_flag(name, on=options[0] == "1")
