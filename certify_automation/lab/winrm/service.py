"""The WinRM service of one host: a request that has been let in, and what it answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import ssl
from collections.abc import Awaitable, Callable

from certify_automation.lab.winrm import answers
from certify_automation.lab.winrm.accounts import Accounts, CredentialFolder
from certify_automation.lab.winrm.authentication import Login
from certify_automation.lab.winrm.commands import Session
from certify_automation.lab.winrm.envelope import (
    CMD_RESOURCE,
    CONFIG_RESOURCE,
    Envelope,
    child_texts,
    environment_variables,
    parse_duration,
)
from certify_automation.lab.winrm.faults import Occasions, WireFaultKind, WsmanOperation
from certify_automation.lab.winrm.host import Endpoint
from certify_automation.lab.winrm.shells import Shell, ShellTable, new_id
from certify_automation.lab.winrm.wsman_faults import (
    ACCESS_DENIED,
    ENCODING_LIMIT,
    INVALID_ACTION,
    INVALID_RESOURCE_URI,
    MAX_SHELLS,
    OPERATION_TIMED_OUT,
    SCHEMA_VALIDATION,
    WsmanFault,
)

_DEFAULT_ENVELOPE = 153600
_DEFAULT_TIMEOUT = 60.0
_STREAMS = ("stdout", "stderr")
_COMMAND_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_SIGNALS = {"terminate", "ctrl_c", "ctrl_break"}


class Service:
    """One host's service: its accounts, its shells, and the counts of its faults."""

    def __init__(self, endpoint: Endpoint, folder: CredentialFolder) -> None:
        self.endpoint = endpoint
        self.limits = endpoint.limits
        self.accounts = Accounts(endpoint.accounts, endpoint.machine.name, folder)
        self.occasions = Occasions(endpoint.machine.name, endpoint.address)
        self.certificate = (
            ssl.PEM_cert_to_DER_cert(endpoint.certificate.certificate_pem.decode()) if endpoint.certificate else None
        )
        self.shells = ShellTable(endpoint.limits, asyncio.get_running_loop().time)
        self._operations: dict[WsmanOperation, Callable[[Envelope, Shell], Awaitable[str]]] = {
            WsmanOperation.COMMAND: self._command,
            WsmanOperation.SEND: self._send,
            WsmanOperation.RECEIVE: self._receive,
            WsmanOperation.SIGNAL: self._signal,
            WsmanOperation.DELETE: self._delete,
        }

    async def close(self) -> None:
        """End every shell."""
        await self.shells.close()

    async def perform(self, envelope: Envelope, login: Login, client: str) -> bytes:
        """Carry out one request.

        Args:
            envelope: the request.
            login: who asks.
            client: the address the request comes from.

        Returns:
            The SOAP answer.

        Raises:
            WsmanFault: the answer is this fault.
        """
        if envelope.max_envelope_size is not None and envelope.max_envelope_size < self.limits.min_client_envelope:
            raise WsmanFault(ENCODING_LIMIT)
        match envelope.operation:
            case None:
                raise WsmanFault(INVALID_ACTION)
            case WsmanOperation.IDENTIFY:
                return answers.identified()
            case WsmanOperation.GET:
                body = self._get(envelope)
            case _ if envelope.resource_uri != CMD_RESOURCE:
                raise WsmanFault(INVALID_RESOURCE_URI)
            case WsmanOperation.CREATE:
                body = self._create(envelope, login, client)
            case operation:
                body = await self._in_shell(self._operations[operation], envelope, login)
        return answers.respond(envelope.action, envelope.message_id, body)

    async def _in_shell(
        self, operation: Callable[[Envelope, Shell], Awaitable[str]], envelope: Envelope, login: Login
    ) -> str:
        shell = self.shells.get(envelope.shell_id, login.account)
        shell.in_use += 1
        try:
            return await operation(envelope, shell)
        finally:
            shell.in_use -= 1
            self.shells.touch(shell)

    def _get(self, envelope: Envelope) -> str:
        if envelope.resource_uri != CONFIG_RESOURCE:
            raise WsmanFault(INVALID_RESOURCE_URI)
        return answers.configuration(self.limits.max_envelope_kb, self.limits.max_timeout)

    def _create(self, envelope: Envelope, login: Login, client: str) -> str:
        if not login.account.administrator:
            raise WsmanFault(ACCESS_DENIED)
        if self.endpoint.faults.strike(WireFaultKind.SHELL_QUOTA, self.occasions):
            raise WsmanFault(MAX_SHELLS)
        self.shells.check_quota(login.account)
        asked = envelope.required("Shell")
        codepage = envelope.options.get("WINRS_CODEPAGE", "")
        idle = parse_duration("".join(child_texts(asked, "IdleTimeOut")[:1]).strip()) or self.limits.idle_timeout
        idle = min(max(idle, self.limits.min_idle_timeout), self.limits.idle_timeout)
        session = Session(
            owner=login.account,
            logon=login.logon,
            environment=environment_variables(asked),
            working_directory="".join(child_texts(asked, "WorkingDirectory")[:1]),
            codepage=int(codepage) if codepage.isascii() and codepage.isdigit() else 0,
        )
        shell = Shell(new_id(), session, idle)
        self.shells.add(shell)
        return answers.created(self.endpoint.address, shell.id, login.account.name, client, idle)

    async def _command(self, envelope: Envelope, shell: Shell) -> str:
        asked = envelope.required("CommandLine")
        words = [*child_texts(asked, "Command")[:1], *child_texts(asked, "Arguments")]
        if not words:
            raise WsmanFault(SCHEMA_VALIDATION, "The element Command is missing.")
        line = " ".join(words)
        command_id = asked.get("CommandId") or new_id()
        if not _COMMAND_ID.fullmatch(command_id):
            raise WsmanFault(SCHEMA_VALIDATION, "The CommandId is malformed.")
        command = shell.new_command(command_id, line, self.limits)
        if len(line) > self.limits.command_line_characters:
            command.refuse_line()
        else:
            slow = self.endpoint.faults.strike(WireFaultKind.SLOW_START, self.occasions)
            command.start(self.endpoint.machine, slow.seconds if slow else 0.0)
        return answers.command_started(command.id)

    async def _send(self, envelope: Envelope, shell: Shell) -> str:
        for stream in envelope.required("Send"):
            try:
                data = base64.b64decode("".join((stream.text or "").split()), validate=True)
            except binascii.Error:
                raise WsmanFault(SCHEMA_VALIDATION, "A stream is not base64.") from None
            shell.command(stream.get("CommandId")).send(data, end=stream.get("End", "").lower() in {"true", "1"})
        return "<rsp:SendResponse></rsp:SendResponse>"

    async def _receive(self, envelope: Envelope, shell: Shell) -> str:
        desired = envelope.required("DesiredStream")
        command = shell.command(desired.get("CommandId"))
        streams = tuple(name for name in (desired.text or "").split() if name in _STREAMS)
        if not streams:
            raise WsmanFault(SCHEMA_VALIDATION, "No stream is desired.")
        asked = _DEFAULT_TIMEOUT if envelope.operation_timeout is None else envelope.operation_timeout
        timeout = min(asked, self.limits.max_timeout)
        fault = self.endpoint.faults.strike(WireFaultKind.OPERATION_TIMEOUT, self.occasions)
        if fault:
            await asyncio.sleep(min(fault.seconds, timeout))
            raise WsmanFault(OPERATION_TIMED_OUT)
        size = min(envelope.max_envelope_size or _DEFAULT_ENVELOPE, self.limits.max_envelope_kb * 1024)
        budget = (size - answers.ENVELOPE_OVERHEAD) // 4 * 3 - len(streams) * 3
        output = await command.receive(streams, budget, timeout)
        return answers.received(command.id, output)

    async def _signal(self, envelope: Envelope, shell: Shell) -> str:
        asked = envelope.required("Signal")
        code = "".join(child_texts(asked, "Code")[:1]).strip().rpartition("/")[2].lower()
        if code not in _SIGNALS:
            raise WsmanFault(SCHEMA_VALIDATION, "The signal is unknown.")
        command = shell.command(asked.get("CommandId"))
        if code == "terminate":
            shell.forget(command)
            await command.ended()
        else:
            command.interrupt()
        return "<rsp:SignalResponse></rsp:SignalResponse>"

    async def _delete(self, envelope: Envelope, shell: Shell) -> str:  # noqa: ARG002 - one signature for all operations
        self.shells.delete(shell)
        return ""
