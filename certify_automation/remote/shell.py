"""One WinRS shell with one command in it, through pywinrm's Protocol, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from winrm.exceptions import WinRMOperationTimeoutError
from winrm.protocol import Protocol

from certify_automation.errors import AuthenticationRefused, InternalError
from certify_automation.model.host import Connection
from certify_automation.remote.faults import Fault, Symptom, fault_of
from certify_automation.remote.line import endpoint_url
from certify_automation.remote.session import Deadline, Deadlines
from certify_automation.remote.symptoms import OPERATION_TIMED_OUT, WIRE_ERRORS, symptom_of
from certify_automation.remote.transport import VisitTransport
from certify_automation.remote.watchdog import watchdog

_UTF8 = 65001
_IDLE = "PT300S"
"""After so long without a message the host deletes a shell that its visitor could not close."""
_LONG_POLL = 20
"""Seconds a Receive waits on the host; it never waits longer than 60."""
_GRACE = 10
"""Seconds an answer may take beyond that."""

T = TypeVar("T")


class Trouble(Exception):
    """A message of the visit did not get its answer.

    Attributes:
        symptom: what was seen.
        fault: what it means.
    """

    def __init__(self, symptom: Symptom) -> None:
        super().__init__(symptom)
        self.symptom = symptom
        self.fault: Fault = fault_of(symptom)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one Receive brought; exit_code is None while the command runs."""

    stdout: bytes
    stderr: bytes
    exit_code: int | None


class VisitProtocol(Protocol):
    """pywinrm's Protocol over a VisitTransport."""

    transport: VisitTransport

    def __init__(self, connection: Connection, deadlines: Deadlines, admit: Callable[[], None]) -> None:
        url = endpoint_url(connection)
        unused = "-"  # the transport that pywinrm makes for itself is replaced before anything is sent
        super().__init__(
            url, "ntlm", unused, unused, operation_timeout_sec=_LONG_POLL, read_timeout_sec=_LONG_POLL + _GRACE
        )
        self.transport = VisitTransport(connection, self.read_timeout_sec, deadlines, admit)


class Shell:
    """Open, start, send, receive, close, in that order; each may raise Trouble, except close.

    A Protocol is used until its first exception and never after it: what it would send next might go out in clear.
    """

    def __init__(
        self, connection: Connection, deadlines: Deadlines, deadline: Deadline, admit: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._admit = admit
        self._deadlines = deadlines
        self._deadline = deadline
        self._protocol: VisitProtocol | None = None
        self._shell_id = ""
        self._command_id = ""

    def open(self) -> None:
        """Log on and create the shell."""
        self._shell_id = self._ask(lambda p: p.open_shell(codepage=_UTF8, noprofile=True, idle_timeout=_IDLE))

    def start(self, command_line: str) -> None:
        """Start the command; it waits for its standard input.

        Raises:
            InternalError: CA9020 control characters, which XML cannot carry.
        """
        if not command_line.isprintable():
            raise InternalError("CA9020", "the command line holds control characters")
        self._command_id = self._ask(
            lambda p: p.run_command(self._shell_id, command_line, console_mode_stdin=False, skip_cmd_shell=False)
        )

    def send(self, data: bytes, *, end: bool) -> None:
        """Hand over a piece of standard input; `end` closes it."""
        self._ask(lambda p: p.send_command_input(self._shell_id, self._command_id, data, end=end))

    def receive(self) -> Chunk:
        """Wait for output or for the end; Trouble with Retry.POLL when neither came in a while."""

        def ask(protocol: VisitProtocol) -> tuple[bytes, bytes, int, bool]:
            protocol.operation_timeout_sec = max(1, min(_LONG_POLL, int(self._deadline.remaining())))
            return protocol.get_command_output_raw(self._shell_id, self._command_id)

        stdout, stderr, exit_code, done = self._ask(ask)
        return Chunk(stdout, stderr, exit_code if done else None)

    def close(self) -> None:
        """End the command and the shell, as well as it can be done in a short time; never raises Trouble.

        What cannot be closed ends by itself when its idle time-out passes.
        """
        self._deadline = Deadline(self._deadlines.close)
        steps = [self._end_command] if self._command_id else []
        steps += [self._delete] if self._shell_id else []
        for step in steps:
            try:
                step()
            except Trouble as trouble:
                if trouble.fault.error is AuthenticationRefused:
                    break
        self._drop()

    def abandon(self) -> None:
        """Leave the shell to its idle time-out: close will no longer ask the host."""
        self._shell_id = self._command_id = ""

    def _end_command(self) -> None:
        self._ask(lambda p: p.cleanup_command(self._shell_id, self._command_id))

    def _delete(self) -> None:
        self._ask(lambda p: p.close_shell(self._shell_id, close_session=False))

    def _ask(self, call: Callable[[VisitProtocol], T]) -> T:
        with self._protocol_in_use() as protocol:
            return call(protocol)

    @contextmanager
    def _protocol_in_use(self) -> Iterator[VisitProtocol]:
        protocol = self._protocol or VisitProtocol(self._connection, self._deadlines, self._admit)
        transport = protocol.transport
        transport.deadline = self._deadline
        self._protocol = None
        try:
            with watchdog().watching(self._deadline, transport.line.cut):
                yield protocol
        except WinRMOperationTimeoutError:  # an answer like any other, properly encrypted
            self._protocol = protocol
            raise Trouble(Symptom(code=OPERATION_TIMED_OUT)) from None
        except WIRE_ERRORS as error:
            transport.close_session()
            late = self._deadline.remaining() <= 0
            raise Trouble(Symptom("deadline") if late else symptom_of(error)) from error
        except BaseException:
            transport.close_session()
            raise
        self._protocol = protocol

    def _drop(self) -> None:
        if self._protocol is not None:
            self._protocol.transport.close_session()
            self._protocol = None
