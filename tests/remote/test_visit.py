"""Visits that go well, whatever their size and however the connection is made."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from scripted_host import SCRIPT, Host, Lab
from scripted_machine import reply_of

from certify_automation import onhost
from certify_automation.errors import InternalError, UsageError
from certify_automation.lab.authority import Authority
from certify_automation.lab.winrm import Limits, Process
from certify_automation.model.host import Auth
from certify_automation.remote import Deadlines
from certify_automation.remote.session import Deadline
from certify_automation.remote.shell import Shell


@pytest.mark.parametrize("auth", [Auth.NEGOTIATE, Auth.NTLM])
def test_over_http_with_message_encryption(host: Host, auth: Auth) -> None:
    value = host.session(auth=auth).run(SCRIPT, {"a": ["ü", 1, None]}, acts=False)
    assert value["parameters"] == {"a": ["ü", 1, None]}


@pytest.mark.parametrize("auth", [Auth.NEGOTIATE, Auth.BASIC])
def test_over_https(host: Host, auth: Auth) -> None:
    assert host.visit(host.https, auth=auth)["script"] == "Observe"


def test_with_a_client_certificate(host: Host, authority: Authority, tmp_path: Path) -> None:
    issued = authority.issue_client("operator")
    for name, pem in {"client.pem": issued.certificate_pem, "client.key": issued.key_pem}.items():
        (tmp_path / name).write_bytes(pem)
    files = {"certificate_file": str(tmp_path / "client.pem"), "certificate_key_file": str(tmp_path / "client.key")}
    assert host.visit(host.https, auth=Auth.CERTIFICATE, username="", password=None, **files)["script"] == "Observe"


def test_without_verification_where_that_is_declared(host: Host) -> None:
    assert host.visit(host.https, ca_file=None, verify=False)["script"] == "Observe"


def test_a_host_gets_a_deadline_that_leaves_time_for_an_undo(host: Host) -> None:
    host.deadlines = Deadlines(act=300, undo=150, read=60)
    acting = host.session().run(SCRIPT, {}, acts=True)["deadline_seconds"]
    reading = host.session().run(SCRIPT, {}, acts=False)["deadline_seconds"]
    assert isinstance(acting, int)
    assert 100 < acting <= 300 - 150
    assert isinstance(reading, int)
    assert 30 < reading < 60


def test_the_host_writes_utf_8(host: Host) -> None:
    assert host.visit()["codepage"] == 65001


def test_every_visit_has_a_nonce_of_its_own(host: Host) -> None:
    for _ in range(3):
        host.visit()
    nonces = {request["nonce"] for request in host.machine.requests}
    assert len(nonces) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", nonce) for nonce in nonces)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_megabyte_of_standard_input_arrives_whole(host: Host, scheme: str) -> None:
    script = onhost.Script("Observe", "x" * 1_000_000, "0" * 64)
    host.session(host.http if scheme == "http" else host.https).run(script, {"last": "ü" * 1000}, acts=False)
    (request,) = host.machine.requests
    assert request["script"]["text"] == script.text
    assert request["parameters"]["last"] == "ü" * 1000


def test_two_megabytes_of_standard_output_arrive_whole(host: Host) -> None:
    async def behave(request: dict[str, Any], process: Process) -> int:
        reply = reply_of(request, {"text": "0123456789" * 200_000})
        for start in range(0, len(reply), 300_007):
            process.emit_stdout(reply[start : start + 300_007])
            await asyncio.sleep(0)
        return 0

    host.machine.behave = behave
    assert host.visit()["text"] == "0123456789" * 200_000


def test_noise_around_the_frame_is_ignored_even_where_a_character_is_cut(host: Host) -> None:
    async def behave(request: dict[str, Any], process: Process) -> int:
        process.emit_stdout("Willkommen, schöne neue Welt".encode()[:15])
        await asyncio.sleep(0.05)
        process.emit_stdout("Willkommen, schöne neue Welt\r\n".encode()[15:])
        process.emit_stdout(reply_of(request, {"here": True}) + b"\x81\xff bye\r\n")
        return 1

    host.machine.behave = behave
    assert host.visit() == {"here": True}


def test_no_shell_is_left_behind(lab: Lab) -> None:
    host = lab.host(limits=Limits(max_shells_per_user=1))
    for _ in range(5):
        host.visit()


def test_hosts_are_visited_by_many_threads_at_once(lab: Lab) -> None:
    hosts = [lab.host() for _ in range(8)]
    answers: list[Any] = []
    visits = [threading.Thread(target=lambda host=host: answers.append(host.visit())) for host in hosts * 4]
    for visit in visits:
        visit.start()
    for visit in visits:
        visit.join()
    assert [answer["script"] for answer in answers] == ["Observe"] * 32


def test_control_characters_never_reach_a_command_line(host: Host) -> None:
    shell = Shell(host.http, host.deadlines, Deadline(10), lambda: None)
    shell.open()
    try:
        with pytest.raises(InternalError, match="CA9020"):
            shell.start("powershell.exe \x07")
    finally:
        shell.close()
    assert host.machine.started == 0


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        ("CA2034", {"auth": Auth.BASIC}),
        ("CA2034", {"auth": Auth.CERTIFICATE}),
        ("CA2035", {"auth": Auth.KERBEROS}),
        ("CA2036", {"password": None}),
        ("CA2036", {"username": ""}),
    ],
)
def test_a_connection_that_cannot_work_is_refused_before_anything_is_sent(
    host: Host, number: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(UsageError) as caught:
        host.visit(**changes)
    assert caught.value.id == number
    assert host.machine.started == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"ca_file": "/nowhere/ca.pem"},
        {"auth": Auth.CERTIFICATE, "certificate_file": "/nowhere/a.pem", "certificate_key_file": "/nowhere/b.pem"},
    ],
)
def test_a_certificate_file_that_cannot_be_read_is_named(host: Host, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"CA2033.*/nowhere/"):
        host.visit(host.https, **changes)
