"""Writing WS-Man answers. Templates, not a tree: every answer is of a fixed form, and so costs microseconds only."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

from certify_automation.lab.winrm.envelope import CMD_RESOURCE, CONFIG_RESOURCE, IDENTIFY, SHELL, TRANSFER
from certify_automation.lab.winrm.wsman_faults import WsmanFault

ENVELOPE_OVERHEAD = 2048
"""Bytes of a Receive answer apart from the base64 text of its streams, rounded up."""

_ENVELOPE = (
    '<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    f' xmlns:x="{TRANSFER}" xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
    f' xmlns:rsp="{SHELL}" xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd">'
    "<s:Header><a:Action>{action}</a:Action><a:MessageID>uuid:{id}</a:MessageID>"
    "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>"
    "<a:RelatesTo>{relates_to}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
)
_CREATED = (
    "<x:ResourceCreated><a:Address>{address}</a:Address><a:ReferenceParameters>"
    f"<w:ResourceURI>{CMD_RESOURCE}</w:ResourceURI>"
    '<w:SelectorSet><w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet>'
    "</a:ReferenceParameters></x:ResourceCreated>"
    f"<rsp:Shell><rsp:ShellId>{{shell_id}}</rsp:ShellId><rsp:ResourceUri>{CMD_RESOURCE}</rsp:ResourceUri>"
    "<rsp:Owner>{owner}</rsp:Owner><rsp:ClientIP>{client}</rsp:ClientIP>"
    "<rsp:IdleTimeOut>PT{idle:.3f}S</rsp:IdleTimeOut><rsp:InputStreams>stdin</rsp:InputStreams>"
    "<rsp:OutputStreams>stdout stderr</rsp:OutputStreams><rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime>"
    "<rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>"
)
_STREAM = '<rsp:Stream Name="{name}" CommandId="{command_id}">{data}</rsp:Stream>'
_STREAM_END = '<rsp:Stream Name="{name}" CommandId="{command_id}" End="true"></rsp:Stream>'
_RUNNING = f'<rsp:CommandState CommandId="{{command_id}}" State="{SHELL}/CommandState/Running"></rsp:CommandState>'
_DONE = (
    f'<rsp:CommandState CommandId="{{command_id}}" State="{SHELL}/CommandState/Done">'
    "<rsp:ExitCode>{exit_code}</rsp:ExitCode></rsp:CommandState>"
)
_FAULT = (
    "<s:Fault><s:Code><s:Value>s:{side}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>'
)
_WSMAN_FAULT = (
    '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}" Machine={machine}>'
    "<f:Message>{text}</f:Message></f:WSManFault>"
)
_WMI_ERROR = (
    '<p:MSFT_WmiError xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"'
    ' xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xml:lang="en-US"><p:CIMStatusCode>27</p:CIMStatusCode>'
    "<p:Message>{text}</p:Message><p:MessageID>HRESULT 0x{code:x}</p:MessageID><p:error_Code>{code}</p:error_Code>"
    "</p:MSFT_WmiError>"
)
_CONFIG = (
    f'<cfg:Config xmlns:cfg="{CONFIG_RESOURCE}"><cfg:MaxEnvelopeSizekb>{{envelope}}</cfg:MaxEnvelopeSizekb>'
    "<cfg:MaxTimeoutms>{timeout}</cfg:MaxTimeoutms><cfg:MaxBatchItems>32000</cfg:MaxBatchItems></cfg:Config>"
)
_IDENTIFY = (
    f'<s:Envelope xml:lang="en-US" xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body>'
    f'<wsmid:IdentifyResponse xmlns:wsmid="{IDENTIFY}">'
    "<wsmid:ProtocolVersion>http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd</wsmid:ProtocolVersion>"
    "<wsmid:ProductVendor>Microsoft Corporation</wsmid:ProductVendor>"
    "<wsmid:ProductVersion>OS: 0.0.0 SP: 0.0 Stack: 3.0</wsmid:ProductVersion>"
    "</wsmid:IdentifyResponse></s:Body></s:Envelope>"
)
_FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"


@dataclass(frozen=True, slots=True)
class Output:
    """What one Receive brings: bytes by stream, and the exit code once the process has ended and all is read."""

    streams: tuple[tuple[str, bytes], ...]
    exit_code: int | None


def respond(action: str, relates_to: str, body: str) -> bytes:
    """The answer to a request of this action."""
    return _ENVELOPE.format(
        action=escape(f"{action}Response"), id=_message_id(), relates_to=escape(relates_to), body=body
    ).encode()


def respond_fault(fault: WsmanFault, relates_to: str, machine: str) -> bytes:
    """The answer that tells of a fault."""
    kind, text = fault.kind, escape(fault.text)
    template = _WMI_ERROR if kind.wmi else _WSMAN_FAULT
    body = _FAULT.format(
        side=kind.side,
        subcode=kind.subcode,
        text=text,
        detail=template.format(code=kind.code, machine=quoteattr(machine), text=text),
    )
    return _ENVELOPE.format(action=_FAULT_ACTION, id=_message_id(), relates_to=escape(relates_to), body=body).encode()


def created(address: str, shell_id: str, owner: str, client: str, idle: float) -> str:
    """The body that answers Create."""
    return _CREATED.format(address=address, shell_id=shell_id, owner=escape(owner), client=client, idle=idle)


def command_started(command_id: str) -> str:
    """The body that answers Command."""
    return f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"


def received(command_id: str, output: Output) -> str:
    """The body that answers Receive; after the last data each stream ends with an empty element."""
    parts = [
        _STREAM.format(name=name, command_id=command_id, data=b64encode(data).decode())
        for name, data in output.streams
        if data
    ]
    if output.exit_code is None:
        parts.append(_RUNNING.format(command_id=command_id))
    else:
        parts += [_STREAM_END.format(name=name, command_id=command_id) for name, _ in output.streams]
        parts.append(_DONE.format(command_id=command_id, exit_code=output.exit_code))
    return f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"


def configuration(max_envelope_kb: int, max_timeout: float) -> str:
    """The body that answers Get on the service's configuration."""
    return _CONFIG.format(envelope=max_envelope_kb, timeout=int(max_timeout * 1000))


def identified() -> bytes:
    """The answer to Identify; to one who has not logged in Windows does not tell its version either."""
    return _IDENTIFY.encode()


def _message_id() -> str:
    return str(uuid4()).upper()
