"""One connection, and TLS that is not begun over one that is gone."""

from __future__ import annotations

import gc
import socket
import ssl
import struct
import sys

import pytest

from certify_automation.model.host import Connection
from certify_automation.remote.line import Line, endpoint_url, tls_context
from certify_automation.remote.symptoms import Noticed

LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("web01.example.com", "https://web01.example.com:5986/wsman"),
        ("10.0.0.1", "https://10.0.0.1:5986/wsman"),
        ("2001:db8::1", "https://[2001:db8::1]:5986/wsman"),
    ],
)
def test_url(address: str, url: str) -> None:
    assert endpoint_url(Connection(address)) == url


def test_a_trust_store_is_read_once() -> None:
    first, second = tls_context(Connection("web01")), tls_context(Connection("web02", username="x"))
    assert first is second
    assert tls_context(Connection("web01", verify=False)) is not first
    assert first.verify_mode is ssl.CERT_REQUIRED


def test_a_line_is_opened_once() -> None:
    line = Line(lambda: None)
    line.cut()
    with socket.socket() as one, socket.socket() as two:
        line.opened(one)
        with pytest.raises(Noticed, match="closed_idle"):
            line.opened(two)
        assert two.fileno() == -1


def test_a_reset_before_the_handshake_leaves_no_socket_open() -> None:
    context = tls_context(Connection("web01"))
    for _ in range(20):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            server.close()
            with client, pytest.raises(OSError), context.wrap_socket(client, server_hostname="web01"):  # noqa: PT011
                pass
    gc.collect()
