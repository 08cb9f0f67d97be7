"""This computer examined: what is seen of files, tickets, names, servers on the loopback interface, and clocks."""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from verify.pki import Identity, Wanted, authority, leaf

from certify_automation.controller import ExaminedController, examine_controller
from certify_automation.controller.network import Answer, NetworkLimits, clock, names
from certify_automation.model.host import Connection

NOW = datetime.now(UTC)
LIMITS = NetworkLimits(hosts=20, concurrency=8, seconds=5.0)
HOST = "127.0.0.1"
NTLM = 'auth: ntlm, password: "${env:CERTIFY_WINRM_PASSWORD}"'


@dataclass(frozen=True)
class Repository:
    """A fleet repository and the environment it is examined in."""

    folder: Path
    environ: dict[str, str]

    def write(self, *hosts: str) -> None:
        lines = "".join(f"  {line}\n" for line in hosts)
        text = f"version: 1\ndefaults: {{connection: {{username: ann}}}}\nhosts:\n{lines}"
        (self.folder / "inventory.yaml").write_text(text, "utf-8")

    def examined(self) -> ExaminedController:
        now = round(NOW.timestamp() * 1000)
        return examine_controller(self.folder, None, self.environ, now, LIMITS)

    def found(self) -> dict[str, str]:
        return {one.id: one.cause for one in self.examined().findings}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    environ = {
        "CERTIFY_AUTOMATION_STATE": str(tmp_path / "state"),
        "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}",
    }
    return Repository(tmp_path, environ)


@contextmanager
def server(date: datetime | None, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """An HTTP server that says this time, over TLS with a context; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(404)
            if date is not None:
                self.send_header("Date", format_datetime(date, usegmt=True))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass

    running = Quiet((HOST, 0), Handler)
    if context is not None:
        running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield running.server_address[1]
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def pem(folder: Path, name: str, identity: Identity, *, key: bool = False) -> Path:
    path = folder / name
    text = identity.certificate.public_bytes(Encoding.PEM)
    if key:
        text += identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(text)
    return path


def tls(folder: Path, identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem(folder, "server.pem", identity, key=True))
    return context


def over_https(port: int, ca_file: Path) -> str:
    return f"web01: {{address: {HOST}, connection: {{port: {port}, scheme: https, ca_file: {ca_file}, {NTLM}}}}}"


def over_http(name: str, port: int, login: str = NTLM) -> str:
    return f"{name}: {{address: {HOST}, connection: {{port: {port}, scheme: http, {login}}}}}"


def test_a_computer_with_which_nothing_is_wrong(repository: Repository) -> None:
    root = authority("Test root", NOW)
    own = leaf(Wanted((), (HOST,), NOW - timedelta(days=1), NOW + timedelta(days=30)), root)
    ca_file = pem(repository.folder, "ca.pem", root)
    with server(NOW, tls(repository.folder, own)) as port:
        repository.write(over_https(port, ca_file))
        examined = repository.examined()
    assert examined.findings == ()
    seen = {one.what: one.result for one in examined.checks}
    assert "1 certificate, valid until" in seen["CA file"]
    assert seen["names"] == "1 of 1 resolved"
    assert seen["servers"] == "1 of 1 answer"
    assert seen["Kerberos tickets"] == "no connection needs any"
    assert "made with the first run" in seen["state folder"]
    assert "1 server" in seen["clock"]
    assert not (repository.folder / "state").exists()


def test_a_listener_that_another_authority_has_signed(repository: Repository) -> None:
    own = leaf(Wanted((), (HOST,), NOW - timedelta(days=1), NOW + timedelta(days=30)), authority("Other", NOW))
    ca_file = pem(repository.folder, "ca.pem", authority("Test root", NOW))
    with server(NOW, tls(repository.folder, own)) as port:
        repository.write(over_https(port, ca_file))
        found = repository.found()
    assert set(found) == {"CA6905"}
    assert "local issuer certificate" in found["CA6905"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted((), (HOST,), NOW - timedelta(days=9), NOW - timedelta(days=1)), "expired"),
        (Wanted(("other.example.com",), (), NOW - timedelta(days=9), NOW + timedelta(days=9)), HOST),
    ],
    ids=["expired", "another name"],
)
def test_a_listener_whose_certificate_is_not_good(repository: Repository, wanted: Wanted, words: str) -> None:
    root = authority("Test root", NOW)
    with server(NOW, tls(repository.folder, leaf(wanted, root))) as port:
        repository.write(over_https(port, pem(repository.folder, "ca.pem", root)))
        found = repository.found()
    assert set(found) == {"CA6905"}
    assert words in found["CA6905"]


def test_a_listener_that_speaks_no_tls(repository: Repository) -> None:
    with server(NOW) as port:
        repository.write(over_https(port, pem(repository.folder, "ca.pem", authority("Test root", NOW))))
        assert set(repository.found()) == {"CA6905"}


def test_a_server_that_is_not_there_is_no_finding_of_this_computer(repository: Repository) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # bound and not listening: nobody else gets the port, and nobody answers there
        repository.write(over_http("web01", taken.getsockname()[1]))
        examined = repository.examined()
    assert examined.findings == ()
    assert any("not reached: 127.0.0.1" in one.result for one in examined.checks)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"nothing", "no certificate in PEM form"), (b"", "no certificate in PEM form")],
    ids=["missing", "no PEM", "empty"],
)
def test_a_ca_file_that_cannot_be_used(repository: Repository, content: bytes | None, words: str) -> None:
    path = repository.folder / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with server(NOW) as port:
        repository.write(over_https(port, path))
        found = repository.found()
    assert words in found["CA6902"]
    assert str(path) in found["CA6902"]


def test_a_ca_file_whose_authority_has_expired(repository: Repository) -> None:
    path = pem(repository.folder, "ca.pem", authority("Old root", NOW - timedelta(days=4000)))
    with server(NOW) as port:
        repository.write(over_https(port, path))
        assert "have expired" in repository.found()["CA6902"]


def test_clocks_that_agree_with_each_other_and_not_with_this_one(repository: Repository) -> None:
    later = NOW + timedelta(hours=1)
    with server(later) as first, server(later) as second:
        repository.write(over_http("web01", first), over_http("web02", second))
        found = repository.found()
    assert set(found) == {"CA6906"}
    assert "behind 2 servers" in found["CA6906"]


@pytest.mark.parametrize(
    ("ahead", "wrong"),
    [
        ([3600.0, 3601.0, 3599.0], True),
        ([-3600.0, -3601.0], True),
        ([3600.0, 0.0, 1.0], False),
        ([3600.0], False),
        ([3600.0, -3600.0], False),
        ([299.0, 299.0], False),
        ([3600.0, 7200.0, 10800.0], False),
        ([None, None], False),
        ([], False),
    ],
)
def test_whose_clock_is_wrong(ahead: list[float | None], wrong: bool) -> None:
    result = clock([Answer(f"host{number}", one) for number, one in enumerate(ahead)])
    assert bool(result.findings) == wrong
    assert result.seen


def test_a_name_that_cannot_be_resolved() -> None:
    known, bad = Connection("127.0.0.1"), Connection("no-such-host.invalid")
    label = Connection("x" * 64 + ".example")
    unknown, result = names([known, bad, label, bad], LIMITS)
    assert unknown == {bad.address, label.address}
    assert [one.subject for one in result.findings] == [bad.address, label.address]
    assert result.seen == ("1 of 3 resolved",)


def test_only_some_of_many_are_asked() -> None:
    connections = [Connection(f"127.0.0.{number}") for number in range(1, 9)]
    unknown, result = names(connections, NetworkLimits(hosts=3))
    assert unknown == frozenset()
    assert result.seen == ("3 of 3 resolved, of 8 in all",)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps tickets itself")
def test_tickets(repository: Repository) -> None:
    cache = repository.folder / "tickets"
    with server(NOW) as port:
        repository.write(over_http("web01", port, "auth: kerberos"))
        assert "there is no ticket cache" in repository.found()["CA6903"]
        cache.write_bytes(b"")
        assert "is empty" in repository.found()["CA6903"]
        cache.write_bytes(b"\x05\x04")
        assert repository.found() == {}
        old = (NOW - timedelta(days=8)).timestamp()
        os.utime(cache, (old, old))
        assert "longer ago than tickets last" in repository.found()["CA6903"]
        kept = Repository(repository.folder, {**repository.environ, "KRB5CCNAME": "KCM:1000"})
        assert kept.found() == {}


@pytest.mark.skipif(sys.platform == "win32", reason="krb5.conf of MIT Kerberos")
def test_where_tickets_are_looked_for(repository: Repository) -> None:
    config = repository.folder / "krb5.conf"
    config.write_text("[libdefaults]\n  default_ccache_name = FILE:/nowhere/krb5cc_%{uid}\n", "utf-8")
    environ = {**repository.environ, "KRB5_CONFIG": str(config)}
    del environ["KRB5CCNAME"]
    with server(NOW) as port:
        repository.write(over_http("web01", port, "auth: kerberos"))
        assert f"/nowhere/krb5cc_{os.getuid()}" in Repository(repository.folder, environ).found()["CA6903"]


def test_a_state_folder_that_is_a_file(repository: Repository) -> None:
    (repository.folder / "state").write_text("", "utf-8")
    with server(NOW) as port:
        repository.write(over_http("web01", port))
        assert "is no folder" in repository.found()["CA6907"]


@pytest.mark.parametrize("text", [None, "hosts: [", "version: 1\nhosts: {web01: {address: 3}}\n"])
def test_files_that_cannot_be_used(repository: Repository, text: str | None) -> None:
    if text is not None:
        (repository.folder / "inventory.yaml").write_text(text, "utf-8")
    examined = repository.examined()
    (one,) = examined.findings
    assert one.id == "CA6901"
    assert one.evidence
    assert "inventory.yaml" in one.evidence[0].source
    assert [check.what for check in examined.checks] == ["program", "packages", "configuration"]
