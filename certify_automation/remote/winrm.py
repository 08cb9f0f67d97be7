"""A Session over WinRM: one remote shell, one command and one connection a visit, by pywinrm's Protocol."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from secrets import token_hex
from time import sleep

from certify_automation import onhost
from certify_automation.errors import AuthenticationRefused, HostError, OutcomeUnknown, ProtocolError
from certify_automation.model.host import Connection, Scheme
from certify_automation.remote.authentication import check_connection
from certify_automation.remote.credentials import Credentials
from certify_automation.remote.faults import Retry, Symptom, error_of, explained, fault_of
from certify_automation.remote.line import endpoint_url, speaks_tls
from certify_automation.remote.reply import Output, value_of
from certify_automation.remote.session import Deadline, Deadlines
from certify_automation.remote.shell import Shell, Trouble
from certify_automation.remote.symptoms import Noticed

_log = logging.getLogger(__name__)
_PIECE = 250_000
"""Bytes of standard input in one Send: as base64 well below the 500 kB that Windows takes in one message."""
_MOST_OUTPUT = 16 * 1024 * 1024
_ATTEMPTS = 4
_REFUSED_UNDONE = {Retry.RETRY_SAME, Retry.BACKOFF_HOST}
_ANOTHER_VISIT = {*_REFUSED_UNDONE, Retry.RECONNECT, Retry.NEW_SHELL, Retry.POLL}
_WAIT = {Retry.POLL, Retry.UNKNOWN_OUTCOME}
_NOT_SENT = {"closed_idle", "undecryptable", "logon_broken_off", "refused", "name_not_resolved", "connect_timeout",
             "refused_elsewhere"}  # fmt: skip
"""Symptoms that come before the message has gone out, or before the host could read it."""
_TURNED_AWAY = {401, 403, 404, 405, 413, 503}
"""HTTP statuses with which a request ends before anybody has read its body."""
_NEXT_RUN = "run `status` to see what is there, then `apply`: it first brings what was cut off to its end"


@dataclass(frozen=True, slots=True)
class WinRmSession:
    """One host by WinRM. `credentials` is shared by all sessions of a run."""

    connection: Connection
    deadlines: Deadlines
    credentials: Credentials

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        """As `Session.run`."""
        check_connection(self.connection)
        self.credentials.check(self.connection)
        return _Visit(self, acts=acts).run(script, parameters)


class _Visit:
    """One run of one script. Until the last piece of the request is on its way nothing can have run."""

    def __init__(self, session: WinRmSession, *, acts: bool) -> None:
        self._connection = session.connection
        self._deadlines = session.deadlines
        self._credentials = session.credentials
        self._acts = acts
        self._deadline = Deadline(session.deadlines.visit(acts=acts))
        self._sent = False
        self._mended = 0
        self._shells = 0

    def run(self, script: onhost.Script, parameters: Mapping[str, object]) -> Mapping[str, object]:
        attempt = 0
        while True:
            try:
                return self._visit(script, parameters)
            except Trouble as trouble:
                # What is raised keeps neither the connection nor the request alive: reports hold it to the run's end.
                _log.debug("%s: %s", self._url, trouble.symptom, exc_info=True)
                fault, symptom = trouble.fault, trouble.symptom
            attempt += 1
            final = self._sent and self._acts
            if final or fault.retry not in _ANOTHER_VISIT or not self._pause(attempt):
                raise self._error(self._diagnosed(symptom), script)

    def _visit(self, script: onhost.Script, parameters: Mapping[str, object]) -> Mapping[str, object]:
        nonce = token_hex(16)
        with ExitStack() as logon:
            shell = Shell(self._connection, self._deadlines, self._deadline, lambda: self._admit(logon))
            try:
                self._log_on(shell)
                logon.close()
                shell.start(onhost.command_line())
                output = self._exchange(shell, self._request(script, parameters, nonce))
            except Trouble as trouble:
                if trouble.fault.error is AuthenticationRefused:
                    self._turned_away(trouble.symptom)
                    shell.abandon()  # closing it would log on once more
                raise
            finally:
                shell.close()
        return self._value(output, nonce)

    def _admit(self, logon: ExitStack) -> None:
        try:
            logon.enter_context(self._credentials.trial(self._connection))
        except AuthenticationRefused as error:
            raise Noticed("refused_elsewhere", self._credentials.refusal(self._connection)) from error

    def _turned_away(self, symptom: Symptom) -> None:
        if not symptom.name:  # neither for want of a scheme or a ticket, nor because of another host's refusal
            self._credentials.refused(self._connection)

    def _log_on(self, shell: Shell) -> None:
        try:
            shell.open()
        except Trouble as trouble:
            if trouble.symptom.code is not None and trouble.fault.error is not AuthenticationRefused:
                self._credentials.accepted(self._connection)
            raise
        self._shells += 1
        self._credentials.accepted(self._connection)

    def _request(self, script: onhost.Script, parameters: Mapping[str, object], nonce: str) -> bytes:
        seconds = self._deadlines.on_host(self._deadline.remaining(), acts=self._acts)
        if seconds < 1:
            raise Trouble(Symptom("deadline"))
        return onhost.request(script, parameters, nonce=nonce, deadline_seconds=seconds)

    def _exchange(self, shell: Shell, request: bytes) -> Output:
        pieces = [request[start : start + _PIECE] for start in range(0, len(request), _PIECE)]
        for piece in pieces[:-1]:
            shell.send(piece, end=False)
        self._send_last(shell, pieces[-1])
        return self._collect(shell)

    def _send_last(self, shell: Shell, piece: bytes) -> None:
        """From here on the script may run.

        Where it cannot be told whether the piece arrived, it is sent to the same process again: the first to arrive
        closes the standard input, so that the request is read once whatever becomes of the second.
        """
        in_doubt = False
        while True:
            try:
                shell.send(piece, end=True)
            except Trouble as trouble:
                away = _was_turned_away(trouble)
                in_doubt = self._sent = in_doubt or not away
                if self._acts and in_doubt and (trouble.fault.retry in _WAIT or trouble.symptom.code is not None):
                    return  # what the script writes will tell
                if (away or self._acts) and self._mend(trouble):
                    continue
                raise
            self._sent = True
            return

    def _collect(self, shell: Shell) -> Output:
        stdout, stderr = bytearray(), bytearray()
        while True:
            try:
                chunk = shell.receive()
            except Trouble as trouble:
                if trouble.fault.retry is not Retry.POLL and not self._mend(trouble):
                    raise
                continue
            stdout += chunk.stdout
            stderr += chunk.stderr
            if len(stdout) + len(stderr) > _MOST_OUTPUT:
                raise Trouble(Symptom("too_much"))
            if chunk.exit_code is not None:
                return Output(bytes(stdout), bytes(stderr), chunk.exit_code)

    def _mend(self, trouble: Trouble) -> bool:
        """Whether a message of this shell may be sent again, over a new connection; waits before it."""
        again = trouble.fault.retry in {*_REFUSED_UNDONE, Retry.RECONNECT} or trouble.symptom.name == "read_timeout"
        self._mended += again
        return again and self._pause(self._mended)

    def _pause(self, attempt: int) -> bool:
        seconds = self._deadlines.pause * 2 ** (attempt - 1)
        if attempt >= _ATTEMPTS or seconds >= self._deadline.remaining():
            return False
        sleep(seconds)
        return True

    def _value(self, output: Output, nonce: str) -> Mapping[str, object]:
        try:
            return value_of(output, nonce)
        except ProtocolError as error:
            if self._acts:
                raise OutcomeUnknown("CA2032", f"{self._url}: {error.message}", hint=_NEXT_RUN) from error
            if self._mended:  # a piece of the output was lost with a connection; reading twice does no harm
                raise Trouble(Symptom("connection_lost", detail=error.message)) from error
            raise

    def _diagnosed(self, symptom: Symptom) -> Symptom:
        """A listener for https closes a connection that speaks http without a word: look whether that is it."""
        silent = symptom.name == "connection_lost" and not self._shells
        if silent and self._connection.scheme is Scheme.HTTP and speaks_tls(self._connection, self._deadlines.close):
            return Symptom("plain_to_tls")
        return symptom

    def _error(self, symptom: Symptom, script: onhost.Script) -> HostError:
        if not (self._sent and self._acts):
            return error_of(symptom, self._url)
        what = f"{fault_of(symptom).message}{explained(symptom)}"
        number = "CA2031" if symptom.name == "deadline" else "CA2030"
        return OutcomeUnknown(
            number, f"{self._url}: {script.name} was sent, and what became of it is unknown: {what}", hint=_NEXT_RUN
        )

    @property
    def _url(self) -> str:
        return endpoint_url(self._connection)


def _was_turned_away(trouble: Trouble) -> bool:
    """Whether the host has certainly not carried the message out: it says so, or was never asked."""
    if trouble.symptom.name:
        return trouble.symptom.name in _NOT_SENT
    answered = trouble.symptom.code is not None or trouble.symptom.http_status in _TURNED_AWAY
    return answered and trouble.fault.retry not in {Retry.POLL, Retry.UNKNOWN_OUTCOME}
