"""Handshakes with real listeners on this machine: what is sent, and what stands in the way."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.model.endpoint import NotReached, Obstacle, Presented, Target
from certify_automation.remote.endpoint import Patience, look_at_endpoints

NAME = "www.example.test"
PATIENCE = Patience(concurrency=20, seconds=5)
QUICK = Patience(seconds=0.3)


@pytest.fixture(scope="module")
def issued() -> IssuedCertificate:
    return Authority(datetime.now(UTC)).issue_server([NAME])


def context_of(issued: IssuedCertificate, folder: Path) -> ssl.SSLContext:
    pem = folder / "server.pem"
    pem.write_bytes(issued.certificate_pem + issued.authority_pem + issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@contextmanager
def listener(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port on which each connection is answered by a function."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=200))

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@contextmanager
def each_alone(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """As `listener`, each connection in a thread of its own."""
    with (
        ThreadPoolExecutor(40) as pool,
        listener(lambda connection: pool.submit(closing_after, answer, connection.dup())) as port,
    ):
        yield port


def closing_after(answer: Callable[[socket.socket], object], connection: socket.socket) -> None:
    with connection:
        answer(connection)


def test_the_whole_chain_comes_home_and_the_name_is_asked_for(issued: IssuedCertificate, tmp_path: Path) -> None:
    context, asked = context_of(issued, tmp_path), []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with listener(lambda connection: context.wrap_socket(connection, server_side=True).close()) as port:
        targets = [Target("127.0.0.1", port, NAME), Target("127.0.0.1", port, "")]
        shown = look_at_endpoints(targets, Patience(concurrency=1))
    expected = tuple(map(ssl.PEM_cert_to_DER_cert, (issued.certificate_pem.decode(), issued.authority_pem.decode())))
    assert [one.chain for one in shown if isinstance(one, Presented)] == [expected, expected]
    assert asked == [NAME, None]


@pytest.mark.parametrize(
    ("answer", "obstacle"),
    [
        (lambda _connection: None, Obstacle.CLOSED),
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Obstacle.NOT_TLS),
        (lambda connection: connection.sendall(bytes.fromhex("15030300020228")), Obstacle.HANDSHAKE),
    ],
)
def test_what_is_no_tls_server(answer: Callable[[socket.socket], object], obstacle: Obstacle) -> None:
    def heard(connection: socket.socket) -> None:
        connection.recv(4096)
        answer(connection)

    with listener(heard) as port:
        (shown,) = look_at_endpoints([Target("127.0.0.1", port, NAME)], PATIENCE)
    assert isinstance(shown, NotReached)
    assert shown.obstacle is obstacle
    assert shown.text


def test_a_server_that_says_nothing_is_left_after_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (shown,) = look_at_endpoints([Target("127.0.0.1", server.getsockname()[1], NAME)], QUICK)
    assert shown == NotReached(Obstacle.TIMED_OUT, "no handshake within 0.3 s")


def test_a_port_on_which_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (shown,) = look_at_endpoints([Target("127.0.0.1", port, NAME)], PATIENCE)
    assert isinstance(shown, NotReached)
    assert shown.obstacle is Obstacle.REFUSED
    assert str(port) not in shown.text


def test_a_name_with_several_addresses_at_none_of_which_anything_listens() -> None:
    every = "*"  # glibc resolves it to both addresses of this computer
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(every, 443)}
    except socket.gaierror:
        addresses = set()
    if len(addresses) < 2:
        pytest.skip("no name here has two addresses")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert look_at_endpoints([Target(every, port, NAME)], PATIENCE) == (
        NotReached(Obstacle.REFUSED, os.strerror(errno.ECONNREFUSED)),
    )


@pytest.mark.parametrize("host", ["a" * 70 + ".example.test", "..", "no-such-host.invalid"])
def test_a_name_that_is_none(host: str) -> None:
    (shown,) = look_at_endpoints([Target(host, 443, NAME)], PATIENCE)
    assert isinstance(shown, NotReached)
    assert shown.obstacle is Obstacle.NAME


@pytest.mark.parametrize("sni", ["a" * 300, "ä" * 80, "."])
def test_a_name_that_cannot_be_asked_for_is_no_traceback(sni: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (shown,) = look_at_endpoints([Target("127.0.0.1", server.getsockname()[1], sni)], QUICK)
    assert isinstance(shown, NotReached)


def test_many_are_looked_at_together_and_come_home_in_their_order() -> None:
    together = threading.Barrier(20)

    def meet(connection: socket.socket) -> None:
        connection.recv(1)
        together.wait(5)

    with each_alone(meet) as port:
        targets = [Target("127.0.0.1", port, NAME), Target("..", 1, NAME)] * 20
        shown = look_at_endpoints(targets, Patience(concurrency=40, seconds=10))
    assert [one.obstacle for one in shown if isinstance(one, NotReached)] == [Obstacle.CLOSED, Obstacle.NAME] * 20
