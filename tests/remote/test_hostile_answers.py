"""What a client must not do or believe: clear text, answers of somebody else, answers of something else."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

import pytest
from relay import Relay, Tls, http_answer, read_message
from scripted_host import SCRIPT, Host
from scripted_machine import echo

from certify_automation import onhost
from certify_automation.errors import CertifyAutomationError, HostError, OutcomeUnknown, ProtocolError, Unreachable
from certify_automation.lab.authority import IssuedCertificate
from certify_automation.lab.winrm import Process
from certify_automation.model.host import Auth

SOAP = b"http://www.w3.org/2003/05/soap-envelope"


def refused(host: Host, kind: type[CertifyAutomationError], **changes: Any) -> CertifyAutomationError:
    with pytest.raises(kind) as caught:
        host.visit(**changes)
    return caught.value


@pytest.fixture
def tls(certificate: IssuedCertificate, tmp_path: Any) -> Tls:
    (tmp_path / "relay.pem").write_bytes(certificate.certificate_pem + certificate.key_pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "relay.pem")
    return Tls(server, ssl.create_default_context(cadata=certificate.authority_pem.decode()))


# --- encryption ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", range(1, 10))
@pytest.mark.parametrize("status", [503, 500, 400, None])
def test_no_soap_ever_leaves_in_clear(host: Host, failing: int, status: int | None) -> None:
    def fail(number: int, request: bytes, answer: bytes) -> bytes | None:
        del request
        if number != failing:
            return answer
        return None if status is None else http_answer(status)

    with Relay(host.http.port, fail) as relay, suppress(HostError):
        host.visit(port=relay.port)
    assert len(relay.sent) >= failing
    assert not [request for request in relay.sent if SOAP in request or b"Correct-Horse" in request]
    assert all(b"multipart/encrypted" in request for request in relay.sent if b"Content-Length: 0" not in request)


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_in_clear_is_an_error(host: Host, status: int) -> None:
    def in_clear(number: int, request: bytes, answer: bytes) -> bytes:
        del request
        envelope = b"<s:Envelope xmlns:s='" + SOAP + b"'><s:Body/></s:Envelope>"
        return http_answer(status, envelope) if number == 4 else answer

    with Relay(host.http.port, in_clear) as relay:
        assert refused(host, ProtocolError, port=relay.port).id == "CA2022"


def test_an_answer_that_was_tampered_with_is_an_error(host: Host) -> None:
    def flip(number: int, request: bytes, answer: bytes) -> bytes:
        del request
        return answer[:-60] + bytes([answer[-60] ^ 1]) + answer[-59:] if number == 4 else answer

    with Relay(host.http.port, flip) as relay:
        assert refused(host, ProtocolError, port=relay.port).id == "CA2022"


def test_an_old_answer_sent_again_is_an_error(host: Host) -> None:
    kept: list[bytes] = []

    def repeat(number: int, request: bytes, answer: bytes) -> bytes:
        del request
        kept.append(answer)
        return kept[number - 2] if number == 5 else answer

    with Relay(host.http.port, repeat) as relay:
        assert refused(host, ProtocolError, port=relay.port).id == "CA2022"


# --- whose answer it is --------------------------------------------------------------------------------------------


def test_an_answer_to_another_message_is_an_error(host: Host, tls: Tls) -> None:
    def another(number: int, request: bytes, answer: bytes) -> bytes:
        del number, request
        wrong = re.sub(rb"(RelatesTo>)uuid:[0-9a-f]{8}", rb"\1uuid:00000000", answer, flags=re.IGNORECASE)
        assert len(wrong) == len(answer)
        return wrong

    with Relay(host.https.port, another, tls) as relay:
        error = refused(host, ProtocolError, connection=host.https, auth=Auth.BASIC, port=relay.port)
    assert error.id == "CA2023"
    assert "another message" in error.message


def test_an_answer_that_is_cut_short_is_an_error(host: Host, tls: Tls) -> None:
    def cut(number: int, request: bytes, answer: bytes) -> bytes:
        del number, request
        relates = re.search(rb"<\w+:RelatesTo>.*?</\w+:RelatesTo>", answer)
        assert relates
        return http_answer(200, b"<x>" + relates[0] + b"</x>")

    with Relay(host.https.port, cut, tls) as relay:
        error = refused(host, ProtocolError, connection=host.https, auth=Auth.BASIC, port=relay.port)
    assert error.id == "CA2023"


QUOTA_OF_OPERATIONS = 2150859174


def fault(code: int) -> bytes:
    where = f"<f:WSManFault xmlns:f='http://schemas.microsoft.com/wbem/wsman/1/wsmanfault' Code='{code}'/>"
    if code == QUOTA_OF_OPERATIONS:  # Windows puts this one somewhere else
        space = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
        where = f"<p:MSFT_WmiError xmlns:p='{space}'><p:error_Code>{code}</p:error_Code></p:MSFT_WmiError>"
    return (
        f"<s:Envelope xmlns:s='{SOAP.decode()}'><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode>"
        "<s:Value>w:InternalError</s:Value></s:Subcode></s:Code><s:Reason><s:Text>Schade\nEs ging nicht.</s:Text>"
        f"</s:Reason><s:Detail>{where}</s:Detail></s:Fault></s:Body></s:Envelope>"
    ).encode()


CREATE, COMMAND, SEND, RECEIVE = 1, 2, 3, 4


async def answers_later(request: dict[str, Any], process: Process) -> int:
    """Nothing by the first Receive, which ends with this first piece of noise."""
    process.emit_stdout(b"noise\r\n")
    await asyncio.sleep(0.2)
    return await echo(request, process)


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (CREATE, 170),
        (CREATE, 2150859173),
        (COMMAND, 2150858843),
        (COMMAND, 2147943418),
        (COMMAND, 2150859174),
        (COMMAND, 2150858793),
        (RECEIVE, 2150858793),
    ],
)
@pytest.mark.parametrize("acts", [False, True])
def test_a_fault_that_may_be_repeated_is(host: Host, tls: Tls, at: int, code: int, acts: bool) -> None:
    def once(number: int, request: bytes, answer: bytes) -> bytes:
        del request
        return http_answer(500, fault(code)) if number == at else answer

    with Relay(host.https.port, once, tls) as relay:
        session = host.session(host.https, auth=Auth.BASIC, port=relay.port)
        if at == RECEIVE:  # what the relay takes away is then nothing that is needed
            host.machine.behave = answers_later
        assert session.run(SCRIPT, {}, acts=acts)["script"] == "Observe"
    assert len(host.machine.requests) == 1


@pytest.mark.parametrize(
    ("at", "code", "ids"),
    [
        (CREATE, 5, ("CA2102", "CA2102")),
        (CREATE, 2150859180, ("CA2103", "CA2103")),
        (CREATE, 995, ("CA2039", "CA2039")),
        (COMMAND, 2150858817, ("CA2029", "CA2029")),
        (SEND, 2150858790, ("CA2024", "CA2024")),
        (RECEIVE, 1115, ("CA2039", "CA2030")),
        (RECEIVE, 5, ("CA2102", "CA2030")),
    ],
)
def test_a_fault_that_may_not_be_repeated_is_not(
    host: Host, tls: Tls, at: int, code: int, ids: tuple[str, str]
) -> None:
    def always(number: int, request: bytes, answer: bytes) -> bytes:
        del request
        return http_answer(500, fault(code)) if number == at else answer

    script = onhost.Script("Apply", "act", "0" * 64)
    for acts, number in zip((False, True), ids, strict=True):
        with Relay(host.https.port, always, tls) as relay, pytest.raises(HostError) as caught:
            host.session(host.https, auth=Auth.BASIC, port=relay.port).run(script, {}, acts=acts)
        assert caught.value.id == number
        assert "Schade Es ging nicht." in caught.value.message
        assert relay.connections == 1 + (at > CREATE)  # the visit's, and one to close the shell


def test_a_shell_that_the_host_deleted_while_it_acted_is_unknown(host: Host, tls: Tls) -> None:
    def gone(number: int, request: bytes, answer: bytes) -> bytes:
        del request
        return http_answer(500, fault(2150858843)) if number >= RECEIVE else answer

    with Relay(host.https.port, gone, tls) as relay, pytest.raises(OutcomeUnknown, match="CA2030"):
        host.session(host.https, auth=Auth.BASIC, port=relay.port).run(SCRIPT, {}, acts=True)
    assert len(host.machine.requests) == 1


# --- what is no WinRM service --------------------------------------------------------------------------------------

PAGE = b"<!doctype html><title>It works!</title>"


@pytest.mark.parametrize(
    ("answer", "kind", "number"),
    [
        (http_answer(200, PAGE, "text/html"), ProtocolError, "CA2021"),
        (http_answer(404, PAGE, "text/html"), ProtocolError, "CA2021"),
        (http_answer(405), ProtocolError, "CA2021"),
        (http_answer(403), Unreachable, "CA2025"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", ProtocolError, "CA2021"),
        (http_answer(407), Unreachable, "CA2026"),
        (http_answer(502, PAGE, "text/html"), Unreachable, "CA2026"),
        (http_answer(200, b"", "text/plain"), ProtocolError, "CA2021"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", ProtocolError, "CA2021"),
        (http_answer(401), CertifyAutomationError, "CA2010"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"0" * 5_000_000, ProtocolError, "CA2027"),
    ],
    ids=range(11),
)
def test_something_else_answers(host: Host, answer: bytes, kind: type[CertifyAutomationError], number: str) -> None:
    with AnswersAlways(answer) as port:
        assert refused(host, kind, port=port).id == number


def test_a_page_over_https(host: Host, tls: Tls) -> None:
    def page(number: int, request: bytes, answer: bytes) -> bytes:
        del number, request, answer
        return http_answer(200, PAGE, "text/html")

    with Relay(host.https.port, page, tls) as relay:
        error = refused(host, ProtocolError, connection=host.https, auth=Auth.BASIC, port=relay.port)
    assert error.id == "CA2021"


class AnswersAlways:
    """A server that says one thing to every request, and closes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *about: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                with client, client.makefile("rb") as asks:
                    read_message(asks)
                    client.sendall(self._answer)
            except OSError:
                if self._listener.fileno() < 0 or not self._alive():
                    return

    def _alive(self) -> bool:
        try:
            self._listener.getsockname()
        except OSError:
            return False
        return self._listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
