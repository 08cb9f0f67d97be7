"""Every way in which the wire fails: what is repeated, what is not, and what the user is told."""

from __future__ import annotations

import asyncio
import datetime as dt
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from relay import Relay
from scripted_host import Host, Lab
from scripted_machine import echo

from certify_automation import onhost
from certify_automation.errors import (
    AuthenticationRefused,
    CertifyAutomationError,
    NotTrusted,
    OutcomeUnknown,
    ProtocolError,
    ScriptRefused,
    TimedOut,
    Unreachable,
)
from certify_automation.lab.authority import Authority
from certify_automation.lab.winrm import (
    ChannelBinding,
    Limits,
    Process,
    WireFault,
    WireFaultKind,
    WsmanOperation,
)
from certify_automation.model.host import Auth
from certify_automation.model.secret import Secret
from certify_automation.remote import Deadlines

Kind, Op = WireFaultKind, WsmanOperation


def refused(host: Host, kind: type[CertifyAutomationError], **changes: Any) -> CertifyAutomationError:
    with pytest.raises(kind) as caught:
        host.visit(**changes)
    return caught.value


def acts(host: Host) -> dict[str, Any]:
    return dict(host.session().run(onhost.Script("Apply", "act", "0" * 64), {}, acts=True))


# --- before anything is sent ---------------------------------------------------------------------------------------


def test_a_name_without_an_address(host: Host) -> None:
    error = refused(host, Unreachable, address="no-such-host.invalid")
    assert error.id == "CA2001"


def test_an_impossible_name(host: Host) -> None:
    assert refused(host, Unreachable, address="a" * 64 + ".example").id == "CA2001"


def test_a_closed_port(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert refused(host, Unreachable, port=port).id == "CA2002"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full backlog refuses")
def test_an_address_that_swallows_everything(host: Host) -> None:
    host.deadlines = Deadlines(connect=0.2, read=5)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)  # noqa: FBT003 - socket's own
            one.connect_ex(address)
        error = refused(host, Unreachable, port=address[1])
        for one in crowd:
            one.close()
    assert error.id == "CA2003"


def test_a_host_that_is_cut_off(host: Host) -> None:
    host.machine.online = False
    error = refused(host, Unreachable)
    assert error.id == "CA2004"
    assert error.retryable


@pytest.mark.parametrize("times", [1, 2])
def test_a_connection_that_is_reset_at_first_is_made_again(lab: Lab, times: int) -> None:
    host = lab.host(WireFault(Kind.CONNECTION_RESET, times=times))
    assert host.visit()["script"] == "Observe"
    assert host.faults.struck(Kind.CONNECTION_RESET) == times


# --- who may log on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [Auth.NEGOTIATE, Auth.BASIC])
def test_a_wrong_password_is_tried_once(host: Host, auth: Auth) -> None:
    wrong = {"connection": host.https, "auth": auth, "password": Secret("wrong")}
    assert refused(host, AuthenticationRefused, **wrong).id == "CA2010"
    error = refused(host, AuthenticationRefused, **wrong)
    assert error.id == "CA2011"
    assert "127.0.0.1 has refused the credential of operator" in error.message


def test_a_refused_credential_is_used_on_no_other_host(lab: Lab) -> None:
    first, second = lab.host(WireFault(Kind.REFUSE_AUTHENTICATION)), lab.host()
    second.credentials = first.credentials
    assert refused(first, AuthenticationRefused).id == "CA2010"
    assert first.faults.struck(Kind.REFUSE_AUTHENTICATION) == 1
    assert refused(second, AuthenticationRefused).id == "CA2011"
    assert second.machine.started == 0


def test_a_host_that_has_let_a_credential_in_can_still_be_confirmed(lab: Lab) -> None:
    first, second = lab.host(), lab.host(WireFault(Kind.REFUSE_AUTHENTICATION))
    second.credentials = first.credentials
    acts(first)
    assert refused(second, AuthenticationRefused).id == "CA2010"
    assert acts(first)["script"] == "Apply"
    assert refused(second, AuthenticationRefused).id == "CA2011"
    assert second.faults.struck(Kind.REFUSE_AUTHENTICATION) == 1


@pytest.mark.parametrize("acting", [False, True])
def test_a_refusal_in_the_middle_of_a_visit_ends_all_logons(lab: Lab, acting: bool) -> None:
    host = lab.host(WireFault(Kind.DROP, times=1, operation=Op.RECEIVE), WireFault(Kind.REFUSE_AUTHENTICATION, at=2))
    with pytest.raises(OutcomeUnknown if acting else AuthenticationRefused) as caught:
        acts(host) if acting else host.visit()
    assert "refused the user name or the password" in caught.value.message
    assert host.faults.struck(Kind.REFUSE_AUTHENTICATION) == 1
    assert refused(host, AuthenticationRefused).id == "CA2011"
    assert host.machine.started == 1


@pytest.mark.parametrize("acting", [False, True])
def test_a_refusal_elsewhere_in_the_middle_of_a_visit_is_heeded(host: Host, lab: Lab, acting: bool) -> None:
    async def behave(request: dict[str, Any], process: Process) -> int:
        del request
        host.credentials.refused(host.http)
        await asyncio.to_thread(cut.set)
        await process.terminated.wait()
        return 1

    cut = threading.Event()
    host.machine.behave = behave
    host.deadlines = Deadlines(read=30, act=40, undo=1, start=1, pause=0.01)
    cutter = threading.Thread(target=lambda: (cut.wait(), lab.server.reset_connections(host.endpoint)))
    cutter.start()
    with pytest.raises(OutcomeUnknown if acting else AuthenticationRefused) as caught:
        acts(host) if acting else host.visit()
    cutter.join()
    assert "127.0.0.1 has refused the credential of operator" in caught.value.message


def test_many_hosts_at_once_cost_one_failed_logon(lab: Lab) -> None:
    hosts = [lab.host(WireFault(Kind.REFUSE_AUTHENTICATION)) for _ in range(12)]
    told: list[str] = []

    def visit(host: Host) -> None:
        host.credentials = hosts[0].credentials
        with pytest.raises(AuthenticationRefused) as caught:
            host.visit()
        told.append(caught.value.id)

    visits = [threading.Thread(target=visit, args=(host,)) for host in hosts]
    for one in visits:
        one.start()
    for one in visits:
        one.join()
    assert sorted(told) == ["CA2010"] + ["CA2011"] * 11
    assert sum(host.faults.struck(Kind.REFUSE_AUTHENTICATION) for host in hosts) == 1


def test_a_credential_that_was_accepted_is_not_held_up(lab: Lab) -> None:
    slow, quick = lab.host(), lab.host()
    quick.credentials = slow.credentials
    quick.visit()
    entered, leave = threading.Event(), threading.Event()

    async def behave(request: dict[str, Any], process: Process) -> int:
        entered.set()
        await asyncio.to_thread(leave.wait)
        return await echo(request, process)

    slow.machine.behave = behave
    visit = threading.Thread(target=slow.visit)
    visit.start()
    entered.wait()
    assert quick.visit()["script"] == "Observe"
    leave.set()
    visit.join()


def test_another_credential_goes_on(host: Host) -> None:
    refused(host, AuthenticationRefused, username="somebody", password=Secret("else"))
    assert host.visit()["script"] == "Observe"


def test_a_client_certificate_that_belongs_to_nobody(host: Host, authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue_client("nobody")
    (tmp_path / "nobody.pem").write_bytes(issued.certificate_pem + issued.key_pem)
    file = str(tmp_path / "nobody.pem")
    files = {"certificate_file": file, "certificate_key_file": file}
    error = refused(host, AuthenticationRefused, connection=host.https, auth=Auth.CERTIFICATE, **files)
    assert error.id == "CA2010"


def test_a_listener_that_does_not_offer_the_authentication(host: Host) -> None:
    def only_kerberos(number: int, request: bytes, answer: bytes) -> bytes:
        del number, request
        return answer.replace(b"WWW-Authenticate: Negotiate", b"WWW-Authenticate: Kerberos")

    with Relay(host.http.port, only_kerberos) as relay:
        assert refused(host, AuthenticationRefused, port=relay.port).id == "CA2012"
    assert host.visit()["script"] == "Observe"


def test_an_account_that_is_no_administrator(lab: Lab) -> None:
    host = lab.host(administrator=False)
    error = refused(host, ScriptRefused)
    assert error.id == "CA2102"
    assert "LocalAccountTokenFilterPolicy" in error.hint


# --- whom to trust -------------------------------------------------------------------------------------------------


def test_a_certificate_of_an_unknown_authority(host: Host) -> None:
    assert refused(host, NotTrusted, connection=host.https, ca_file=None).id == "CA2015"


def test_a_certificate_for_another_name(lab: Lab, authority: Authority) -> None:
    lab.certificate = authority.issue_server(names=["elsewhere.example"])
    host = lab.host()
    assert refused(host, NotTrusted, connection=host.https).id == "CA2016"
    assert refused(host, NotTrusted, connection=host.https, address="localhost").id == "CA2016"


@pytest.mark.parametrize("days", [-400, 400])
def test_a_certificate_out_of_its_time(lab: Lab, tmp_path: Path, days: int) -> None:
    authority = Authority(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    lab.certificate = authority.issue_server(addresses=["127.0.0.1"])
    host = lab.host()
    assert refused(host, NotTrusted, connection=host.https, ca_file=str(tmp_path / "ca.pem")).id == "CA2017"


def test_https_to_a_port_that_speaks_http(host: Host) -> None:
    assert refused(host, ProtocolError, connection=host.https, port=host.http.port).id == "CA2019"


def test_http_to_a_port_that_speaks_https(host: Host) -> None:
    assert refused(host, ProtocolError, port=host.https.port).id == "CA2020"


def test_channel_binding_is_sent(lab: Lab) -> None:
    host = lab.host(channel_binding=ChannelBinding.STRICT)
    assert host.visit(host.https)["script"] == "Observe"


# --- what is repeated ----------------------------------------------------------------------------------------------

NOTHING_RAN = [
    WireFault(Kind.SERVICE_UNAVAILABLE, at=number, times=1) for number in range(1, 6)
] + [
    WireFault(Kind.DROP, at=number, times=1) for number in range(1, 6)
] + [
    WireFault(Kind.CLOSE_IDLE, at=number, times=1) for number in range(1, 6)
] + [
    WireFault(Kind.UNDECRYPTABLE, at=number, times=1) for number in range(1, 4)
] + [
    WireFault(Kind.DROP_ANSWER, times=1, operation=Op.CREATE),
    WireFault(Kind.DROP_ANSWER, times=1, operation=Op.COMMAND),
    WireFault(Kind.SHELL_QUOTA, times=2),
    WireFault(Kind.SERVICE_UNAVAILABLE, times=1, operation=Op.SEND),
]  # fmt: skip
READ_TWICE = WireFault(Kind.DROP_ANSWER, times=1, operation=Op.SEND)
AFTER_THE_REQUEST = [
    WireFault(Kind.OPERATION_TIMEOUT, times=3, seconds=0.01),
    WireFault(Kind.SERVICE_UNAVAILABLE, times=1, operation=Op.RECEIVE),
    WireFault(Kind.DROP, times=1, operation=Op.RECEIVE),
    WireFault(Kind.CLOSE_IDLE, times=1, operation=Op.SEND),
    WireFault(Kind.UNDECRYPTABLE, times=1, operation=Op.SEND),
    WireFault(Kind.UNDECRYPTABLE, times=1, operation=Op.RECEIVE),
    READ_TWICE,
    WireFault(Kind.DROP_ANSWER, times=1, operation=Op.SIGNAL),
    WireFault(Kind.DROP_ANSWER, times=1, operation=Op.DELETE),
    WireFault(Kind.SERVICE_UNAVAILABLE, operation=Op.SIGNAL),
    WireFault(Kind.SERVICE_UNAVAILABLE, operation=Op.DELETE),
]


def name_of(rule: WireFault) -> str:
    return f"{rule.kind}-{rule.operation or ''}{rule.at or ''}"


@pytest.mark.parametrize("rule", NOTHING_RAN + AFTER_THE_REQUEST, ids=name_of)
@pytest.mark.parametrize("acting", [False, True])
def test_the_script_runs_once_in_spite_of(lab: Lab, rule: WireFault, acting: bool) -> None:
    host = lab.host(rule)
    assert acts(host) if acting else host.visit()
    assert host.faults.struck(rule.kind) >= 1
    assert len(host.machine.requests) == (2 if rule is READ_TWICE and not acting else 1)


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.DROP_ANSWER])
def test_a_plan_whose_sending_is_in_doubt_reaches_its_process_once(lab: Lab, kind: WireFaultKind) -> None:
    host = lab.host(WireFault(kind, times=1, operation=Op.SEND))
    assert acts(host)["script"] == "Apply"
    assert host.machine.started == 1
    assert len(host.machine.requests) == 1


def test_a_slow_start_is_waited_for(lab: Lab) -> None:
    assert lab.host(WireFault(Kind.SLOW_START, seconds=0.3)).visit()["script"] == "Observe"


def test_a_connection_that_is_lost_while_the_script_runs_is_made_again(host: Host, lab: Lab) -> None:
    async def behave(request: dict[str, Any], process: Process) -> int:
        await asyncio.sleep(0.1)
        asyncio.get_running_loop().call_later(0.1, go_on.set)
        cut.set()
        await go_on.wait()
        return await echo(request, process)

    cut, go_on = threading.Event(), asyncio.Event()
    host.machine.behave = behave
    cutter = threading.Thread(target=lambda: (cut.wait(), lab.server.reset_connections(host.endpoint)))
    cutter.start()
    assert acts(host)["script"] == "Apply"
    cutter.join()
    assert host.machine.started == 1


def test_output_that_was_lost_is_read_again_but_never_acted_again(lab: Lab) -> None:
    rule = WireFault(Kind.DROP_ANSWER, times=1, operation=Op.RECEIVE)
    reader, actor = lab.host(rule), lab.host(rule)
    assert reader.visit()["script"] == "Observe"
    assert len(reader.machine.requests) == 2
    with pytest.raises(OutcomeUnknown) as caught:
        acts(actor)
    assert caught.value.id == "CA2032"
    assert len(actor.machine.requests) == 1


# --- what is given up ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kind", "number"),
    [
        (WireFault(Kind.SERVICE_UNAVAILABLE), Unreachable, "CA2006"),
        (WireFault(Kind.SHELL_QUOTA), Unreachable, "CA2007"),
        (WireFault(Kind.DROP, operation=Op.CREATE), Unreachable, "CA2004"),
        (WireFault(Kind.TOO_LARGE, operation=Op.SEND), ProtocolError, "CA2024"),
        (WireFault(Kind.UNDECRYPTABLE), ProtocolError, "CA2038"),
    ],
)
def test_what_does_not_pass_ends_in_words(
    lab: Lab, rule: WireFault, kind: type[CertifyAutomationError], number: str
) -> None:
    host = lab.host(rule)
    for visit in (host.visit, lambda: acts(host)):
        with pytest.raises(kind) as caught:
            visit()
        assert caught.value.id == number
        assert caught.value.hint or number in {"CA2004", "CA2038"}
    assert host.machine.requests == []


def test_a_host_with_thirty_shells_open_refuses_the_next_one(lab: Lab) -> None:
    host, entered, leave = lab.host(), threading.Semaphore(0), threading.Event()

    async def behave(request: dict[str, Any], process: Process) -> int:
        entered.release()
        await asyncio.to_thread(leave.wait)
        return await echo(request, process)

    host.machine.behave = behave
    visits = [threading.Thread(target=host.visit) for _ in range(30)]
    for visit in visits:
        visit.start()
    for _ in visits:
        entered.acquire()
    error = refused(host, Unreachable)
    leave.set()
    for visit in visits:
        visit.join()
    assert error.id == "CA2007"
    assert "MaxShellsPerUser" in error.hint


@pytest.mark.parametrize("operation", [Op.RECEIVE])
def test_a_host_that_is_gone_after_the_plan_was_sent_is_unknown(lab: Lab, operation: WsmanOperation) -> None:
    host = lab.host(WireFault(Kind.DROP, operation=operation))
    with pytest.raises(OutcomeUnknown) as caught:
        acts(host)
    assert caught.value.id == "CA2030"
    assert "Apply was sent" in caught.value.message
    assert len(host.machine.requests) == 1


@pytest.mark.parametrize("acting", [False, True])
def test_the_deadline_ends_a_visit_and_the_process(host: Host, acting: bool) -> None:
    host.deadlines = Deadlines(read=1.6, act=2.6, undo=0.5, start=0.5)
    stopped = threading.Event()

    async def behave(request: dict[str, Any], process: Process) -> int:
        del request
        try:
            await process.terminated.wait()
        finally:
            stopped.set()
        return 1

    host.machine.behave = behave
    kind, number = (OutcomeUnknown, "CA2031") if acting else (TimedOut, "CA2005")
    with pytest.raises(kind) as caught:
        acts(host) if acting else host.visit()
    assert caught.value.id == number
    assert stopped.wait(10)


def test_a_request_that_could_no_longer_be_undone_is_not_sent(host: Host) -> None:
    host.deadlines = Deadlines(act=20, undo=10, start=10)
    with pytest.raises(TimedOut) as caught:
        acts(host)
    assert caught.value.id == "CA2005"
    assert host.machine.requests == []


def test_a_server_that_dribbles_is_cut_off_at_the_deadline(host: Host) -> None:
    host.deadlines = Deadlines(read=0.6, close=0.2)
    over = threading.Event()

    def dribble(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                try:
                    client.sendall(b"X-Patience: 1\r\n"[:1])
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=dribble, args=(listener,))
        server.start()
        error = refused(host, TimedOut, port=listener.getsockname()[1])
        over.set()
        server.join()
    assert error.id == "CA2005"


def test_ctrl_c_closes_the_shell(lab: Lab) -> None:
    host = lab.host(limits=Limits(max_shells_per_user=1))
    stopped = threading.Event()

    async def behave(request: dict[str, Any], process: Process) -> int:
        del request
        signal.raise_signal(signal.SIGINT)
        try:
            await process.terminated.wait()
        finally:
            stopped.set()
        return 1

    host.machine.behave = behave
    with pytest.raises(KeyboardInterrupt):
        host.visit()
    assert stopped.wait(10)
    host.machine.behave = echo
    assert host.visit()["script"] == "Observe"


def test_endless_output_is_cut_off(host: Host) -> None:
    async def behave(request: dict[str, Any], process: Process) -> int:
        del request
        for _ in range(200):
            process.emit_stdout(b"0" * 100_000)
            await asyncio.sleep(0)
        return 0

    host.machine.behave = behave
    assert refused(host, ProtocolError).id == "CA2027"
