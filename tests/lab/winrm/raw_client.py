"""A WinRM client of bare sockets, for tests that need to see every byte: nothing happens of its own accord."""

from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import uuid
from dataclasses import dataclass, field
from typing import Any, Self

import spnego

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
SPNEGO = "application/HTTP-SPNEGO-session-encrypted"

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"
 xmlns:addr="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:man="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:shell="{shell}">
<env:Header><addr:To>http://h/wsman</addr:To><addr:MessageID>{id}</addr:MessageID>
<addr:Action>{action}</addr:Action><man:ResourceURI>{resource}</man:ResourceURI>
<man:MaxEnvelopeSize>{size}</man:MaxEnvelopeSize><man:OperationTimeout>{timeout}</man:OperationTimeout>
{selector}{options}</env:Header><env:Body>{body}</env:Body></env:Envelope>"""


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode()

    def code(self) -> int:
        match = re.search(r'Code="(\d+)"|error_Code>(\d+)<', self.text)
        assert match, self.text
        return int(match[1] or match[2])

    def find(self, pattern: str) -> str:
        match = re.search(pattern, self.text, re.DOTALL)
        assert match, self.text
        return match[1]


@dataclass(frozen=True)
class Received:
    stdout: bytes
    stderr: bytes
    exit_code: int | None

    @classmethod
    def of(cls, response: Response) -> Received:
        streams = re.findall(r'<rsp:Stream Name="(\w+)" CommandId="[^"]*">([^<]*)<', response.text)
        data = {name: b"".join(base64.b64decode(text) for key, text in streams if key == name) for name, _ in streams}
        done = "CommandState/Done" in response.text
        if done:
            assert response.text.count(' End="true"') == 2, "each stream ends with an empty element"
        exit_code = int(response.find(r"<rsp:ExitCode>(\d+)<")) if done else None
        return cls(data.get("stdout", b""), data.get("stderr", b""), exit_code)


def envelope(action: str, body: str = "", shell_id: str | None = None, **fields: str) -> bytes:
    selector = f'<man:SelectorSet><man:Selector Name="ShellId">{shell_id}</man:Selector></man:SelectorSet>'
    values = {
        "shell": SHELL,
        "id": f"uuid:{uuid.uuid4()}",
        "resource": f"{SHELL}/cmd",
        "size": "153600",
        "timeout": "PT20S",
        "options": "",
        "selector": selector if shell_id else "",
    }
    return _ENVELOPE.format(action=action, body=body, **(values | fields)).encode()


CREATE_BODY = "<shell:Shell><shell:InputStreams>stdin</shell:InputStreams></shell:Shell>"


def create(body: str = CREATE_BODY, **fields: str) -> bytes:
    return envelope(f"{TRANSFER}/Create", body, **fields)


def command(shell_id: str, line: str, **fields: str) -> bytes:
    body = f"<shell:CommandLine><shell:Command>{line}</shell:Command></shell:CommandLine>"
    return envelope(f"{SHELL}/Command", body, shell_id, **fields)


def send(shell_id: str, command_id: str, data: bytes, *, end: str = "") -> bytes:
    last = f' End="{end}"' if end else ""
    text = base64.b64encode(data).decode()
    body = f'<shell:Send><shell:Stream Name="stdin" CommandId="{command_id}"{last}>{text}</shell:Stream></shell:Send>'
    return envelope(f"{SHELL}/Send", body, shell_id)


def receive(shell_id: str, command_id: str, **fields: str) -> bytes:
    stream = f'<shell:DesiredStream CommandId="{command_id}">stdout stderr</shell:DesiredStream>'
    return envelope(f"{SHELL}/Receive", f"<shell:Receive>{stream}</shell:Receive>", shell_id, **fields)


def signal(shell_id: str, command_id: str, code: str = f"{SHELL}/signal/terminate") -> bytes:
    body = f'<shell:Signal CommandId="{command_id}"><shell:Code>{code}</shell:Code></shell:Signal>'
    return envelope(f"{SHELL}/Signal", body, shell_id)


def delete(shell_id: str) -> bytes:
    return envelope(f"{TRANSFER}/Delete", "", shell_id)


def seal(context: Any, message: bytes, protocol: str = SPNEGO) -> bytes:
    wrapped = context.wrap_winrm(message)
    head = (
        f"--Encrypted Boundary\r\n\tContent-Type: {protocol}\r\n\tOriginalContent: "
        f"type=application/soap+xml;charset=UTF-8;Length={len(message) + wrapped.padding_length}\r\n"
        "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
    ).encode()
    return head + struct.pack("<I", len(wrapped.header)) + wrapped.header + wrapped.data


def unseal(context: Any, body: bytes) -> bytes:
    assert body.endswith(b"--Encrypted Boundary--\r\n")
    parts = re.split(rb"--Encrypted Boundary\r\n\tContent-Type: application/HTTP-\w+-session-encrypted\r\n", body[:-24])
    return b"".join(_unseal_part(context, part) for part in parts[1:])


def _unseal_part(context: Any, part: bytes) -> bytes:
    sealed = part[part.index(b"octet-stream\r\n") + 14 :]
    (length,) = struct.unpack("<I", sealed[:4])
    plain: bytes = context.unwrap_winrm(sealed[4 : 4 + length], sealed[4 + length :])
    expected = re.search(rb"Length=(\d+)\r\n", part)
    assert expected
    assert int(expected[1]) == len(plain)
    return plain


@dataclass
class RawClient:
    """One connection."""

    address: str
    port: int
    tls: ssl.SSLContext | None = None
    context: Any = None
    protocol: str = SPNEGO
    authorization: str = ""
    _socket: socket.socket = field(init=False)
    _buffer: bytes = b""

    def __enter__(self) -> Self:
        self._socket = socket.create_connection((self.address, self.port), timeout=30)
        if self.tls:
            self._socket = self.tls.wrap_socket(self._socket, server_hostname=self.address)
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read_to_end(self) -> bytes:
        data = self._buffer
        while piece := self._socket.recv(65536):
            data += piece
        return data

    def post(self, body: bytes = b"", *headers: str, path: str = "/wsman") -> Response:
        self.write(request(body, *headers, path=path))
        return self.response()

    def response(self) -> Response:
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        [length] = [int(value) for name, value in headers if name == "Content-Length"]
        while len(self._buffer) < length:
            self._fill()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Response(int(status.split(" ")[1]), headers, body)

    def _fill(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self._buffer += piece

    def login(
        self, user: str, password: str, mechanism: str = "ntlm", scheme: str = "Negotiate", **more: Any
    ) -> Response:
        options = spnego.NegotiateOptions.wrapping_winrm
        if mechanism != "credssp":
            options |= (
                spnego.NegotiateOptions.use_ntlm if mechanism == "ntlm" else spnego.NegotiateOptions.use_negotiate
            )
        self.context = spnego.client(user, password, protocol=mechanism, options=options, **more)
        if mechanism == "credssp":
            self.protocol = "application/HTTP-CredSSP-session-encrypted"
        token = self.context.step()
        while True:
            response = self.post(b"", f"Authorization: {scheme} {base64.b64encode(token).decode()}")
            answers = [value.partition(" ")[2] for value in response.all("WWW-Authenticate")]
            if response.status == 200 or not answers or not answers[0]:
                if response.status == 200 and answers and answers[0]:
                    self.context.step(base64.b64decode(answers[0]))
                return response
            token = self.context.step(base64.b64decode(answers[0]))

    def sealed(self, message: bytes) -> bytes:
        multipart = "multipart/encrypted"
        pieces = [message]
        if "CredSSP" in self.protocol and len(message) > 16384:
            multipart = "multipart/x-multi-encrypted"
            pieces = [message[at : at + 16384] for at in range(0, len(message), 16384)]
        body = b"".join(seal(self.context, piece, self.protocol) for piece in pieces) + b"--Encrypted Boundary--\r\n"
        return request(body, f'Content-Type: {multipart};protocol="{self.protocol}";boundary="Encrypted Boundary"')

    def call(self, message: bytes) -> Response:
        """Send a message as this connection must, sealed if there is a context, and return the answer in clear."""
        if self.context is None:
            return self.post(message, self.authorization, "Content-Type: application/soap+xml;charset=UTF-8")
        self.write(self.sealed(message))
        return self.opened(self.response())

    def open_shell(self, body: str = CREATE_BODY, **fields: str) -> str:
        return self.call(create(body, **fields)).find(r"<rsp:ShellId>(.*?)</rsp:ShellId>")

    def start(self, shell_id: str, line: str, **fields: str) -> str:
        return self.call(command(shell_id, line, **fields)).find(r"CommandId>(.*?)<")

    def receive(self, shell_id: str, command_id: str, **fields: str) -> Received:
        response = self.call(receive(shell_id, command_id, **fields))
        assert response.status == 200, response.text
        return Received.of(response)

    def finish(self, shell_id: str, command_id: str) -> Received:
        """Receive until the process has ended."""
        stdout, stderr = b"", b""
        while True:
            received = self.receive(shell_id, command_id)
            stdout, stderr = stdout + received.stdout, stderr + received.stderr
            if received.exit_code is not None:
                return Received(stdout, stderr, received.exit_code)

    def run(self, line: str) -> Received:
        """One command in a shell of its own, from Create to Delete."""
        shell = self.open_shell()
        started = self.start(shell, line)
        received = self.finish(shell, started)
        assert self.call(signal(shell, started)).status == 200
        assert self.call(delete(shell)).status == 200
        return received

    def opened(self, response: Response) -> Response:
        if not response.body:
            return response
        return Response(response.status, response.headers, unseal(self.context, response.body))


def request(body: bytes, *headers: str, path: str = "/wsman") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *(line for line in headers if line)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def message_id(message: bytes) -> str:
    match = re.search(rb"MessageID>(.*?)<", message)
    assert match
    return match[1].decode()
