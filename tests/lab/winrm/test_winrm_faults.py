"""Each fault of the wire, where and as often as its rule says."""

from __future__ import annotations

import pytest
import raw_client as raw
from conftest import LAB, Computer, Lab, MakeLab
from raw_client import RawClient

from certify_automation.lab.winrm import Faults, WireFault, WireFaultKind, WsmanOperation

Kind = WireFaultKind
GONE = (ConnectionError, OSError)


def faulty(make_lab: MakeLab, *rules: WireFault) -> Lab:
    return make_lab(faults=Faults(rules))


def works(lab: Lab) -> bool:
    with lab.connect() as client:
        return client.login(LAB.name, LAB.password).status == 200 and client.run("exit 0").exit_code == 0


def test_connection_refused(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.CONNECTION_REFUSED))
    with pytest.raises(ConnectionRefusedError), lab.connect():
        pass


@pytest.mark.parametrize("secure", [False, True])
def test_connection_reset(make_lab: MakeLab, *, secure: bool) -> None:
    lab = faulty(make_lab, WireFault(Kind.CONNECTION_RESET, times=2))
    for _ in range(2):
        with pytest.raises(ConnectionResetError), lab.connect(secure=secure) as client:
            client.post()
    assert works(lab)


def test_refuse_authentication(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.REFUSE_AUTHENTICATION, times=1))
    with lab.connect() as client:
        assert client.login(LAB.name, LAB.password).status == 401
    assert works(lab)


def test_503_on_the_first_post(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.SERVICE_UNAVAILABLE, at=1, times=1))
    with lab.connect() as client:
        response = client.post()
        assert (response.status, response.body) == (503, b"")
        assert client.post().status == 401
    assert works(lab)


def test_drop_at_the_nth_request_of_each_connection(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.DROP, at=4, times=2))
    for _ in range(2):
        with lab.logged_in() as client:
            shell = client.open_shell()
            with pytest.raises(ConnectionResetError):
                client.call(raw.command(shell, "echo never"))
    assert not lab.computer.started
    assert works(lab)


@pytest.mark.parametrize(("kind", "started"), [(Kind.DROP, []), (Kind.DROP_ANSWER, ["echo hi"])])
def test_a_connection_lost_before_or_after_the_command(make_lab: MakeLab, kind: Kind, started: list[str]) -> None:
    lab = faulty(make_lab, WireFault(kind, operation=WsmanOperation.COMMAND, times=1))
    with lab.logged_in() as client:
        shell = client.open_shell()
        with pytest.raises(ConnectionResetError):
            client.call(raw.command(shell, "echo hi"))
    assert lab.computer.started == started
    with lab.logged_in() as client:
        assert client.call(raw.delete(shell)).status == 200, "the shell outlives the connection"


def test_a_connection_closed_while_idle(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.CLOSE_IDLE, operation=WsmanOperation.CREATE, times=1))
    with lab.logged_in() as client:
        response = client.call(raw.create())
        assert response.status == 200
        assert not response.all("Connection"), "without notice"
        assert client.read_to_end() == b""
    assert works(lab)


def test_413_for_one_operation(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.TOO_LARGE, operation=WsmanOperation.SEND))
    with lab.logged_in() as client:
        shell = client.open_shell()
        started = client.start(shell, "cat")
        assert client.call(raw.send(shell, started, b"x", end="true")).status == 413
        timed_out = client.call(raw.receive(shell, started, timeout="PT0.05S"))
        assert timed_out.code() == 2150858793, "nothing of it reached the process"


@pytest.mark.parametrize("operation", [None, WsmanOperation.CREATE])
def test_a_message_sealed_in_another_context(make_lab: MakeLab, operation: WsmanOperation | None) -> None:
    lab = faulty(make_lab, WireFault(Kind.UNDECRYPTABLE, at=1, times=1, operation=operation))
    with lab.logged_in() as client:
        assert client.call(raw.create()).status == 400
        client.write(client.sealed(raw.create()))
        assert client.response().status == 401, "the context is gone"
    assert works(lab)


def test_shell_quota(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.SHELL_QUOTA, times=1))
    with lab.logged_in() as client:
        assert client.call(raw.create()).code() == 2150859173
        assert client.call(raw.create()).status == 200


def test_operation_timeouts_lose_nothing(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.OPERATION_TIMEOUT, times=3, seconds=0.01))
    with lab.logged_in() as client:
        shell = client.open_shell()
        started = client.start(shell, "echo kept")
        for _ in range(3):
            assert client.call(raw.receive(shell, started)).code() == 2150858793
        assert client.finish(shell, started).stdout == b"echo kept"


def test_slow_start(make_lab: MakeLab) -> None:
    lab = faulty(make_lab, WireFault(Kind.SLOW_START, seconds=0.1))
    with lab.logged_in() as client:
        shell = client.open_shell()
        started = client.start(shell, "echo late")
        assert client.call(raw.receive(shell, started, timeout="PT0.02S")).code() == 2150858793
        assert client.finish(shell, started).stdout == b"echo late"
        never = client.start(shell, "echo never")
        assert client.call(raw.signal(shell, never)).status == 200
    assert lab.computer.started == ["echo late"]


@pytest.mark.parametrize(
    ("hosts", "meant"),
    [(("*",), True), (("web*",), True), (("127.0.0.1",), True), (("WEB02", "web01"), True), (("WEB02",), False)],
)
def test_a_rule_is_for_the_hosts_it_names(make_lab: MakeLab, hosts: tuple[str, ...], *, meant: bool) -> None:
    lab = faulty(make_lab, WireFault(Kind.REFUSE_AUTHENTICATION, hosts=hosts))
    with lab.connect() as client:
        assert client.login(LAB.name, LAB.password).status == (401 if meant else 200)


def test_rules_shared_by_hosts_count_for_each_host(make_lab: MakeLab) -> None:
    faults = Faults([WireFault(Kind.SERVICE_UNAVAILABLE, at=1, times=1)])
    labs = [make_lab(faults=faults, computer=Computer(name)) for name in ("A", "B")]
    for lab in labs:
        with lab.connect() as client:
            assert client.post().status == 503
        assert works(lab)
    assert faults.struck(Kind.SERVICE_UNAVAILABLE) == 2


def test_rules_come_and_go_while_a_connection_is_open(lab: Lab, client: RawClient) -> None:
    faults = lab.endpoint.faults
    faults.add(WireFault(Kind.SHELL_QUOTA))
    assert client.call(raw.create()).code() == 2150859173
    faults.clear()
    assert client.call(raw.create()).status == 200
    faults.add(WireFault(Kind.SHELL_QUOTA, at=2))
    assert [client.call(raw.create()).status for _ in range(3)] == [200, 500, 200]
