"""Exceptions that sockets on one machine do not produce on demand."""

from __future__ import annotations

import errno
import ssl
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from typing import Any

import pytest
import requests
import urllib3.exceptions
from spnego.exceptions import BadMICError, InvalidTokenError
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WinRMTransportError, WSManFaultError

from certify_automation.remote.faults import Symptom
from certify_automation.remote.symptoms import Noticed, shown, symptom_of


class GSSError(Exception):
    """As pykerberos calls it."""


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] something")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "connection_lost"),
        (BrokenPipeError(errno.EPIPE, "pipe"), "connection_lost"),
        (OSError(errno.EHOSTUNREACH, "no route"), "no_route"),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), "no_route"),
        (RemoteDisconnected("Remote end closed connection without response"), "connection_lost"),
        (IncompleteRead(b"x", 10), "connection_lost"),
        (BadStatusLine("\x15\x03\x01\x00\x02\x02\x16"), "plain_to_tls"),
        (BadStatusLine("SSH-2.0"), "not_winrm"),
        (tls("WRONG_VERSION_NUMBER"), "tls_to_plain"),
        (tls("TLSV1_ALERT_PROTOCOL_VERSION"), "tls_failed"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "connection_lost"),
        (requests.ReadTimeout("slow"), "read_timeout"),
        (requests.ConnectTimeout("slow"), "connect_timeout"),
        (caused(requests.ConnectionError("x"), ConnectionRefusedError(111, "refused")), "refused"),
        (
            requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError())),
            "connection_lost",
        ),
        (BadMICError(), "unsealed"),
        (InvalidTokenError(), "unsealed"),
        (GSSError("Server not found in Kerberos database"), "no_ticket"),
        (Noticed("closed_idle"), "closed_idle"),
        (
            requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", Noticed("closed_idle"))),
            "closed_idle",
        ),
        (StopIteration(), "malformed"),
        (AssertionError(), "malformed"),
        (KeyError("Name"), "malformed"),
    ],
    ids=repr,
)
def test_name(error: BaseException, name: str) -> None:
    assert symptom_of(error).name == name


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (WinRMOperationTimeoutError(), {"code": 2150858793}),
        (WinRMTransportError("http", 503, ""), {"http_status": 503}),
        (InvalidCredentialsError("no"), {"http_status": 401}),
        (
            caused(
                WSManFaultError(500, "x", "<xml/>", "Warum\r\n nicht", "s:Receiver", "w:TimedOut", 2150858843),
                WinRMTransportError("http", 500, ""),
            ),
            {"code": 2150858843, "subcode": "TimedOut", "detail": "Warum nicht"},
        ),
        (
            WSManFaultError(500, "x", "<xml/>", "quota", wmierror_code=0x803381A6),
            {"code": 2150859174, "subcode": "unnamed", "detail": "quota"},
        ),
        (WSManFaultError(500, "x", "", "?", "s:Sender", "w:AccessDenied"), {"subcode": "AccessDenied", "detail": "?"}),
    ],
    ids=repr,
)
def test_answer(error: BaseException, expected: dict[str, Any]) -> None:
    assert symptom_of(error) == Symptom(**expected)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (62, "name_mismatch"),
        (64, "name_mismatch"),
        (10, "expired"),
        (9, "expired"),
        (18, "untrusted"),
        (20, "untrusted"),
    ],
)
def test_certificate(code: int, name: str) -> None:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code, error.verify_message = code, "because"
    assert symptom_of(requests.exceptions.SSLError(urllib3.exceptions.SSLError(error))) == Symptom(
        name, detail="because"
    )


def test_foreign_words_are_made_fit_for_a_terminal() -> None:
    assert shown("a\x1b[31m\r\n b\t c\x00") == "a [31m b c"
    assert len(shown("x" * 10_000)) < 400
