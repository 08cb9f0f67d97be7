"""The seam to one host: a script and its parameters go in, the script's value comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from certify_automation.onhost import Script


class Session(Protocol):
    """One host. A session holds no connection: every run is a visit of its own, so it may be shared and kept."""

    def run(self, script: Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        """Run a script on the host, one PowerShell and one reply.

        Args:
            script: from `certify_automation.onhost.script`.
            parameters: what docs/contract.md says the script takes; any JSON, no secret.
            acts: the script may change the host. It is then started once and never repeated.

        Returns:
            The `value` of the script's reply.

        Raises:
            OutcomeUnknown: `acts`, the request was sent, and what became of it cannot be told.
            Unreachable: nothing ran (with `acts`), or there was no answer (without).
            AuthenticationRefused: the credential was refused here, or by another host before.
            NotTrusted: the server's certificate does not verify.
            ScriptRefused: the host cannot run the script.
            ProtocolError: what came back is not what a WinRM service or a script answers.
            UsageError: this computer lacks what the connection needs.
        """


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a visit may take, in seconds.

    Attributes:
        read: a whole visit that only reads, retries included.
        act: a whole visit that acts. The host is told to be done `undo` and `start` seconds earlier.
        undo: what a host needs to put everything back; no visit is cut short while that may be going on.
        start: what PowerShell may take to start, and the reply to travel.
        connect: for a TCP connection to come about.
        close: for closing the remote shell when the visit is over, whatever became of it.
        pause: before the first retry; each further one waits twice as long.
    """

    read: float = 120.0
    act: float = 360.0
    undo: float = 150.0
    start: float = 15.0
    connect: float = 15.0
    close: float = 5.0
    pause: float = 0.5

    def visit(self, *, acts: bool) -> float:
        """Seconds for the whole visit."""
        return self.act if acts else self.read

    def on_host(self, remaining: float, *, acts: bool) -> int:
        """Whole seconds the script may take when the visit has `remaining` left; below 1 = too late to start."""
        kept = self.undo + self.start if acts else min(self.start, remaining / 4)
        return int(remaining - kept)


class Deadline:
    """A point in time, by the clock that nobody can set."""

    def __init__(self, seconds: float) -> None:
        self.at = monotonic() + seconds
        self.seconds = seconds

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at - monotonic()
