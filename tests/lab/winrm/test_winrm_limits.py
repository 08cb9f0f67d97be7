"""The limits of a real WinRM service, shrunk where reaching them would take long."""

from __future__ import annotations

import pytest
import raw_client as raw
from conftest import OTHER, Lab, MakeLab
from raw_client import RawClient

from certify_automation.lab.winrm import Limits


def test_the_defaults_are_those_of_windows() -> None:
    limits = Limits()
    assert (limits.max_envelope_kb, limits.max_timeout, limits.max_shells_per_user) == (500, 60, 30)
    assert (limits.command_line_characters, limits.idle_timeout, limits.packet_retrieval_time) == (8191, 7200, 120)


def test_the_31st_shell_of_a_user_is_refused(lab: Lab, client: RawClient) -> None:
    shells = [client.open_shell() for _ in range(30)]
    refused = client.call(raw.create())
    assert (refused.status, refused.code()) == (500, 2150859173)
    assert refused.find("<s:Subcode><s:Value>(.*?)<") == "w:QuotaLimit"
    with lab.logged_in(OTHER) as other:
        assert other.call(raw.create()).status == 200, "the quota is a user's"
    client.call(raw.delete(shells[0]))
    assert client.call(raw.create()).status == 200


def test_users_with_open_shells_are_counted(make_lab: MakeLab) -> None:
    lab = make_lab(limits=Limits(max_concurrent_users=1))
    with lab.logged_in() as first, lab.logged_in(OTHER) as second:
        shell = first.open_shell()
        assert first.call(raw.create()).status == 200
        assert second.call(raw.create()).code() == 2150859179
        assert first.call(raw.delete(shell)).status == 200


def test_processes_of_a_shell_are_counted_while_they_run(make_lab: MakeLab) -> None:
    with make_lab(limits=Limits(max_processes_per_shell=2)).logged_in() as client:
        shell = client.open_shell()
        running = [client.start(shell, "cat") for _ in range(2)]
        assert client.call(raw.command(shell, "cat")).code() == 2150859241
        client.call(raw.send(shell, running[0], b"", end="true"))
        client.finish(shell, running[0])
        assert client.call(raw.command(shell, "cat")).status == 200


def test_operations_are_not_given_back_for_the_life_of_a_shell(make_lab: MakeLab) -> None:
    with make_lab(limits=Limits(max_operations_per_shell=2)).logged_in() as client:
        shell = client.open_shell()
        for _ in range(2):
            started = client.start(shell, "exit 0")
            client.finish(shell, started)
            client.call(raw.signal(shell, started))
        refused = client.call(raw.command(shell, "exit 0"))
        assert refused.code() == 2150859174
        assert "MSFT_WmiError" in refused.text
        assert "WSManFault" not in refused.text
        assert client.run("exit 0").exit_code == 0, "another shell counts anew"


@pytest.mark.parametrize(("length", "runs"), [(8191, True), (8192, False)])
def test_a_command_line_is_at_most_8191_characters(lab: Lab, client: RawClient, length: int, *, runs: bool) -> None:
    received = client.run("echo ".ljust(length, "x"))
    assert received.exit_code == (0 if runs else 1)
    assert received.stderr == (b"" if runs else b"The command line is too long.\r\n")
    assert bool(lab.computer.started) is runs


def test_an_envelope_over_500_kb_is_413(lab: Lab, client: RawClient) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    assert client.call(raw.send(shell, started, b"x" * 380_000)).status == 200
    client.write(client.sealed(raw.send(shell, started, b"x" * 500_000)))
    response = client.response()
    assert (response.status, response.body) == (413, b"")
    with lab.logged_in() as second:
        second.call(raw.send(shell, started, b"", end="true"))
        assert len(second.finish(shell, started).stdout) == 380_000


def test_a_body_of_absurd_length_ends_the_connection(lab: Lab) -> None:
    with lab.connect() as client:
        client.write(b"POST /wsman HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n")
        assert client.response().status == 413
        assert client.read_to_end() == b""


def test_chunked_bodies_are_refused_with_fault_50(client: RawClient) -> None:
    client.write(b"POST /wsman HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    response = client.response()
    assert (response.status, response.code()) == (500, 50)
    assert client.read_to_end() == b""


def test_a_receive_waits_no_longer_than_the_service_allows(make_lab: MakeLab) -> None:
    with make_lab(limits=Limits(max_timeout=0.05)).logged_in() as client:
        shell = client.open_shell()
        started = client.start(shell, "cat")
        assert client.call(raw.receive(shell, started, timeout="PT600S")).code() == 2150858793


def test_a_receive_returns_when_there_is_something_to_return(lab: Lab, client: RawClient) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    client.write(client.sealed(raw.receive(shell, started, timeout="PT60S")))
    with lab.logged_in() as second:
        second.call(raw.send(shell, started, b"awaited", end="true"))
    assert raw.Received.of(client.opened(client.response())).stdout == b"awaited"


def test_an_idle_shell_is_deleted_with_what_runs_in_it(make_lab: MakeLab) -> None:
    lab = make_lab(limits=Limits(min_idle_timeout=0.02))
    body = "<shell:Shell><shell:IdleTimeOut>PT0.1S</shell:IdleTimeOut></shell:Shell>"
    with lab.logged_in() as client:
        shell = client.open_shell(body)
        started = client.start(shell, "hang")
        client.receive(shell, started)
        waiting = client.call(raw.receive(shell, started, timeout="PT0.2S"))
        assert waiting.code() == 2150858793, "a shell with a Receive outstanding is not idle"
        other = client.open_shell()
        idle = client.start(other, "cat")
        client.call(raw.receive(other, idle, timeout="PT0.15S"))
        assert client.call(raw.receive(shell, started)).code() == 2150858843
    lab.server.remove(lab.endpoint)
    assert lab.computer.cleaned_up == [False]


def test_a_request_must_arrive_whole_in_time(make_lab: MakeLab) -> None:
    lab = make_lab(limits=Limits(packet_retrieval_time=0.05))
    for begun in (b"POST", b"POST /wsman HTTP/1.1\r\nContent-Length: 9\r\n\r\n12"):
        with lab.connect() as client:
            client.write(begun)
            assert client.response().status == 408
            assert client.read_to_end() == b""


def test_a_connection_on_which_nothing_is_asked_is_closed(make_lab: MakeLab) -> None:
    with make_lab(limits=Limits(connection_idle=0.05)).connect() as client:
        assert client.read_to_end() == b""


def test_tls_spoken_to_the_plain_port_is_400_at_once(lab: Lab) -> None:
    with lab.connect() as client:
        client.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert client.response().status == 400
        assert client.read_to_end() == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /wsman\r\n\r\n", 400),
        (b"POST /wsman HTTP/2.0\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nName : x\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\n\r\n", 411),
        (b"POST /wsman HTTP/1.1\r\nX: " + b"x" * 17_000 + b"\r\n\r\n", 400),
        (b"POST /wsman HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", 400),
        (b"GET /wsman HTTP/1.1\r\n\r\n", 405),
        (b"POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        (b"POST /WSMAN/?x HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 401),
    ],
)
def test_http_that_is_not_for_winrm(lab: Lab, sent: bytes, status: int) -> None:
    with lab.connect() as client:
        client.write(sent)
        assert client.response().status == status


def test_a_client_that_wants_to_close_is_let_go(lab: Lab) -> None:
    with lab.connect() as client:
        assert client.post(b"", "Connection: close").status == 401
        assert client.read_to_end() == b""


def test_a_client_that_goes_in_the_middle_of_a_request_does_no_harm(lab: Lab) -> None:
    with lab.connect() as client:
        client.write(b"POST /wsman HTTP/1.1\r\nContent-Length: 9\r\n\r\n12")
    with lab.logged_in() as client:
        assert client.run("exit 0").exit_code == 0
