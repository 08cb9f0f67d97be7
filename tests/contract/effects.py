"""Which commands change the host, and what those that have parts leave behind when they are cut off in their middle."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from certify_automation.lab.windows import Computer

_VERBS = {
    "netsh.exe": {"add", "delete"},
    "sc.exe": {"start", "stop", "config", "failure", "failureflag", "create", "delete"},
    "icacls.exe": None,
    "schtasks.exe": {"/create", "/run", "/end", "/delete"},
}
"""Program -> the words among its arguments that make it one with an effect; None = it always has one."""

_FUNCTIONS = {
    "New-ProtectedFolder", "Set-FolderAccess", "Write-NewFile", "Copy-SharedFile", "Switch-File", "Rename-NewFile",
    "Remove-OldFile", "Add-FileLine", "Remove-WholeFolder", "Write-EventEntry",
}  # fmt: skip


def has_effect(command: str, arguments: Any) -> bool:
    """Whether this command changes anything on the host."""
    if command not in _VERBS:
        return command in _FUNCTIONS
    verbs = _VERBS[command]
    return verbs is None or any(str(word).lower() in verbs for word in arguments)


def is_divisible(command: str) -> bool:
    """Whether the command can be cut off in its middle; the others happen or do not."""
    return command in _HALVES


def do_half(computer: Computer, command: str, arguments: Any) -> None:
    """What such a command has done when its process is killed in its middle."""
    _HALVES[command](computer, arguments)


def _half_of_a_file(computer: Computer, arguments: dict[str, Any]) -> None:
    content = base64.b64decode(arguments["content"])
    computer.files.write(arguments["path"], content[: len(content) // 2])


def _half_of_a_copy(computer: Computer, arguments: dict[str, Any]) -> None:
    content = computer.files.read(arguments["path"])
    computer.files.write(arguments["new"], content[: len(content) // 2])


def _half_of_a_line(computer: Computer, arguments: dict[str, Any]) -> None:
    files, path = computer.files, arguments["path"]
    known = files.read(path) if files.exists(path) else b""
    line = base64.b64decode(arguments["content"])
    files.write(path, known[: known.rfind(b"\n") + 1] + line[: len(line) // 2])


def _first_step_of_an_exchange(computer: Computer, arguments: dict[str, Any]) -> None:
    """ReplaceFile renames twice (Win32 1177): the old file has the backup's name, the new one its own."""
    computer.files.move(arguments["old"], arguments["backup"], overwrite=True)


def _part_of_a_folder(computer: Computer, arguments: dict[str, Any]) -> None:
    first = next((one for one in computer.files.entries(arguments["path"]) if not one.is_folder), None)
    if first is not None:
        computer.files.delete(f"{arguments['path']}\\{first.name}")


_HALVES: dict[str, Callable[[Computer, dict[str, Any]], None]] = {
    "Write-NewFile": _half_of_a_file,
    "Copy-SharedFile": _half_of_a_copy,
    "Add-FileLine": _half_of_a_line,
    "Switch-File": _first_step_of_an_exchange,
    "Remove-WholeFolder": _part_of_a_folder,
}
