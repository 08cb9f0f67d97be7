"""Listeners: where they may be, what they leave behind, and a host that is cut off."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import psutil
import pytest
import raw_client as raw
from conftest import LAB, Computer, Lab, MakeLab

from certify_automation.errors import UsageError
from certify_automation.lab.authority import Authority
from certify_automation.lab.winrm import BackgroundServer, Endpoint, Server


def endpoint(address: str = "127.0.0.1", **fields: object) -> Endpoint:
    values: dict[str, object] = {"http_port": 0, "https_port": None, "accounts": (LAB,)}
    return Endpoint(Computer(), address, **(values | fields))  # type: ignore[arg-type]


def descriptors() -> int:
    process = psutil.Process()
    count: int = process.num_handles() if os.name == "nt" else process.num_fds()
    return count


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::", "localhost", "", "127.0.0.1 "])  # noqa: S104
def test_only_loopback_addresses_are_served(server: BackgroundServer, address: str) -> None:
    with pytest.raises(UsageError) as caught:
        server.add(endpoint(address))
    assert caught.value.id == "CA5060"


def test_https_needs_a_certificate(server: BackgroundServer) -> None:
    with pytest.raises(UsageError) as caught:
        server.add(endpoint(https_port=0))
    assert caught.value.id == "CA5062"


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open(
    server: BackgroundServer, authority: Authority
) -> None:
    certificate = authority.issue_server(addresses=["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        before = descriptors()
        with pytest.raises(UsageError) as caught:
            server.add(endpoint(https_port=port, certificate=certificate))
        assert caught.value.id == "CA5061"
        assert str(port) in str(caught.value)
        assert descriptors() == before


def test_ipv6_loopback_is_served(server: BackgroundServer) -> None:
    try:
        [listening] = server.add(endpoint("::1"))
    except UsageError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with raw.RawClient("::1", listening.http_port or 0) as client:
        assert client.login(LAB.name, LAB.password).status == 200


def test_a_host_without_http_listens_on_https_only(make_lab: MakeLab) -> None:
    lab = make_lab(http_port=None)
    assert lab.listening.http_port is None
    with lab.connect(secure=True) as client:
        assert client.login(LAB.name, LAB.password).status == 200


@pytest.mark.parametrize("secure", [False, True])
def test_a_host_that_is_cut_off_resets_old_and_new_connections(lab: Lab, *, secure: bool) -> None:
    with lab.logged_in(secure=secure) as client:
        lab.computer.up = False
        # Python's ssl reports a reset in the midst of a TLS session as its plain end.
        with pytest.raises(ConnectionError if secure else ConnectionResetError):
            client.call(raw.create())
    with pytest.raises(ConnectionResetError), lab.connect(secure=secure) as client:
        client.post()
    lab.computer.up = True
    with lab.connect(secure=secure) as client:
        assert client.login(LAB.name, LAB.password).status == 200


def test_a_command_that_cuts_its_host_off_gets_no_answer_through(lab: Lab) -> None:
    with lab.logged_in() as client:
        shell = client.open_shell()
        started = client.start(shell, "unplug")
        with pytest.raises(ConnectionResetError):
            client.finish(shell, started)
    lab.computer.up = True
    with lab.logged_in() as client:
        assert client.finish(shell, started).exit_code == 0, "the process itself went on"


def test_a_connection_that_waits_is_reset_soon_after_the_cut(lab: Lab) -> None:
    with lab.logged_in() as client:
        shell = client.open_shell()
        client.write(client.sealed(raw.receive(shell, client.start(shell, "cat"))))
        lab.computer.up = False
        with pytest.raises(ConnectionResetError):
            client.response()


def test_connections_can_be_reset_from_outside(lab: Lab) -> None:
    with lab.logged_in() as client:
        lab.server.reset_connections(lab.endpoint)
        with pytest.raises(ConnectionResetError):
            client.post()


def test_an_endpoint_that_is_removed_is_gone(lab: Lab) -> None:
    with lab.logged_in() as client:
        shell = client.open_shell()
        client.receive(shell, client.start(shell, "hang"))
        lab.server.remove(lab.endpoint)
        lab.server.remove(lab.endpoint)
        with pytest.raises(ConnectionResetError):
            client.post()
    with pytest.raises(ConnectionRefusedError), lab.connect():
        pass
    assert lab.computer.cleaned_up == [False]


def test_a_broken_tls_handshake_does_not_stop_the_listener(lab: Lab) -> None:
    for first in (b"GET / HTTP/1.1\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", lab.listening.https_port or 0)) as plain:
            plain.sendall(first)
    with lab.connect(secure=True) as client:
        assert client.login(LAB.name, LAB.password).status == 200


def test_400_hosts_start_answer_and_close_without_a_trace(authority: Authority) -> None:
    addresses = [f"127.0.{100 + number // 250}.{1 + number % 250}" for number in range(400)]
    try:
        socket.create_server((addresses[0], 0)).close()
    except OSError:
        pytest.skip("only 127.0.0.1 can be listened on here")
    certificate = authority.issue_server(addresses=addresses)
    before = descriptors()
    with BackgroundServer() as server:
        endpoints = [endpoint(address, https_port=0, certificate=certificate) for address in addresses]
        listening = server.add(*endpoints)
        clients = [raw.RawClient(place.address, place.http_port or 0) for place in listening[::8]]
        for client in clients:
            client.__enter__()
            assert client.login(LAB.name, LAB.password).status == 200
            client.start(client.open_shell(), "hang")
    for client in clients:
        client.__exit__()
    assert descriptors() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_credentials_are_in_a_private_file_only_while_the_server_runs() -> None:
    with BackgroundServer() as server:
        [listening] = server.add(endpoint())
        with raw.RawClient("127.0.0.1", listening.http_port or 0) as client:
            client.login(LAB.name, LAB.password)
        file = Path(os.environ["NTLM_USER_FILE"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert LAB.password not in file.read_text("utf-8")
    assert not file.parent.exists()


def test_a_server_outside_its_with_block_says_so() -> None:
    with pytest.raises(RuntimeError, match="outside"):
        BackgroundServer().add(endpoint())


def test_the_server_runs_in_a_loop_of_the_caller_too() -> None:
    async def visit() -> bytes:
        async with Server() as server:
            listening = await server.add(endpoint())
            reader, writer = await asyncio.open_connection(listening.address, listening.http_port)
            writer.write(raw.request(b""))
            answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return answer

    assert asyncio.run(visit()).startswith(b"HTTP/1.1 401 ")
