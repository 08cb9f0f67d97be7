"""WinRS shells: what clients open on one host, and the commands in them. They belong to a user, not to a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from certify_automation.lab.winrm.commands import Command, Session
from certify_automation.lab.winrm.host import Account
from certify_automation.lab.winrm.limits import Limits
from certify_automation.lab.winrm.wsman_faults import (
    CONCURRENCY,
    DIFFERENT_AUTHZ_TOKEN,
    MAX_OPERATIONS,
    MAX_PROCESSES,
    MAX_SHELL_USERS,
    MAX_SHELLS,
    UNEXPECTED_SELECTORS,
    WsmanFault,
)


@dataclass(slots=True, eq=False)
class Shell:
    """An open shell; `deadline` is the loop time at which it is deleted unless it is used before."""

    id: str
    session: Session
    idle_timeout: float
    deadline: float = 0.0
    commands: dict[str, Command] = field(default_factory=dict)
    operations: int = 0
    in_use: int = 0

    def command(self, command_id: str | None) -> Command:
        """The command with this id.

        Raises:
            WsmanFault: there is none.
        """
        command = self.commands.get((command_id or "").upper())
        if command is None:
            raise WsmanFault(UNEXPECTED_SELECTORS)
        return command

    def new_command(self, command_id: str, command_line: str, limits: Limits) -> Command:
        """Register a command, not yet running.

        Raises:
            WsmanFault: a quota is exhausted, or the id is taken.
        """
        if sum(command.running for command in self.commands.values()) >= limits.max_processes_per_shell:
            raise WsmanFault(MAX_PROCESSES)
        if self.operations >= limits.max_operations_per_shell:
            raise WsmanFault(MAX_OPERATIONS)
        if command_id.upper() in self.commands:
            raise WsmanFault(CONCURRENCY)
        self.operations += 1
        command = self.commands[command_id.upper()] = Command(command_id, command_line, self.session)
        return command

    def forget(self, command: Command) -> None:
        """Terminate a command; its id is unknown from now on."""
        command.terminate()
        self.commands.pop(command.id.upper(), None)


class ShellTable:
    """The shells of one host."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._shells: dict[str, Shell] = {}

    def check_quota(self, owner: Account) -> None:
        """Whether this user may open one more shell.

        Raises:
            WsmanFault: no.
        """
        self.expire()
        owners = [shell.session.owner.name for shell in self._shells.values()]
        if owners.count(owner.name) >= self._limits.max_shells_per_user:
            raise WsmanFault(MAX_SHELLS)
        if owner.name not in owners and len(set(owners)) >= self._limits.max_concurrent_users:
            raise WsmanFault(MAX_SHELL_USERS)

    def add(self, shell: Shell) -> None:
        """Keep a new shell; its idle time begins."""
        self.touch(shell)
        self._shells[shell.id] = shell

    def get(self, shell_id: str | None, user: Account) -> Shell:
        """The user's shell with this id.

        Raises:
            WsmanFault: it does not exist (any more), or is another user's.
        """
        self.expire()
        shell = self._shells.get((shell_id or "").upper())
        if shell is None:
            raise WsmanFault(UNEXPECTED_SELECTORS)
        if shell.session.owner is not user:
            raise WsmanFault(DIFFERENT_AUTHZ_TOKEN)
        return shell

    def touch(self, shell: Shell) -> None:
        """Count the shell's idle time anew."""
        shell.deadline = self._clock() + shell.idle_timeout

    def delete(self, shell: Shell) -> None:
        """End a shell and everything that runs in it."""
        self._shells.pop(shell.id, None)
        for command in shell.commands.values():
            command.terminate()

    def expire(self) -> None:
        """Delete the shells that nobody has used for their idle time."""
        now = self._clock()
        for shell in [shell for shell in self._shells.values() if not shell.in_use and shell.deadline <= now]:
            self.delete(shell)

    async def close(self) -> None:
        """Delete every shell and wait until their processes are gone."""
        shells = list(self._shells.values())
        for shell in shells:
            self.delete(shell)
        for shell in shells:
            for command in shell.commands.values():
                await command.ended()


def new_id() -> str:
    """An id for a shell or a command, as Windows writes it."""
    return str(uuid4()).upper()
