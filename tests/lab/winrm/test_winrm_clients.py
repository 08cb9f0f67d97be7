"""Clients written by others: what they do on Windows they do here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import GUEST, LAB, Lab, MakeLab, Pem
from pypsrp.exceptions import AuthenticationError
from pypsrp.shell import Process as PypsrpProcess
from pypsrp.shell import SignalCode, WinRS
from pypsrp.wsman import WSMan
from winrm import Session
from winrm.exceptions import InvalidCredentialsError, WinRMOperationTimeoutError, WSManFaultError
from winrm.protocol import Protocol

from certify_automation.lab.winrm import Faults, Limits, WireFault, WireFaultKind

Pywinrm = Callable[..., Protocol]


@pytest.fixture
def pywinrm(lab: Lab, pem: Pem) -> Pywinrm:
    def connect(transport: str, *, secure: bool = False, to: Lab | None = None, **more: Any) -> Protocol:
        target = to or lab
        credential: dict[str, Any] = {"username": LAB.name, "password": LAB.password}
        if transport == "certificate":
            credential = {"cert_pem": str(pem.certificate), "cert_key_pem": str(pem.key)}
        endpoint = target.https if secure else target.http
        return Protocol(endpoint, transport=transport, ca_trust_path=str(pem.authority), **(credential | more))

    return connect


def visit(protocol: Protocol, line: str, *pieces: bytes) -> tuple[bytes, bytes, int]:
    shell = protocol.open_shell(codepage=65001, noprofile=True, idle_timeout="PT300S")
    try:
        command = protocol.run_command(shell, line, console_mode_stdin=False)
        for number, piece in enumerate(pieces, 1):
            protocol.send_command_input(shell, command, piece, end=number == len(pieces))
        output: tuple[bytes, bytes, int] = protocol.get_command_output(shell, command)
        protocol.cleanup_command(shell, command)
        return output
    finally:
        protocol.close_shell(shell)


PYWINRM_WAYS = [
    pytest.param("ntlm", False, {}, id="ntlm over http, encrypted"),
    pytest.param("ntlm", True, {}, id="ntlm over https"),
    pytest.param("ntlm", True, {"message_encryption": "always"}, id="ntlm over https, encrypted"),
    pytest.param("ntlm", True, {"send_cbt": False}, id="ntlm over https without channel binding"),
    pytest.param("basic", True, {}, id="basic over https"),
    pytest.param("ssl", True, {}, id="ssl"),
    pytest.param("certificate", True, {}, id="client certificate"),
]


@pytest.mark.parametrize(("transport", "secure", "more"), PYWINRM_WAYS)
def test_pywinrm_runs_a_command(pywinrm: Pywinrm, transport: str, secure: bool, more: dict[str, Any]) -> None:
    assert visit(pywinrm(transport, secure=secure, **more), "whoami") == (b"lab network", b"", 0)


@pytest.mark.parametrize(("transport", "secure", "more"), PYWINRM_WAYS)
def test_pywinrm_carries_input_and_output_in_several_messages(
    pywinrm: Pywinrm,
    transport: str,
    secure: bool,
    more: dict[str, Any],
) -> None:
    pieces = [os.urandom(200_000), b"", os.urandom(300_000)]
    stdout, stderr, code = visit(pywinrm(transport, secure=secure, **more), "cat", *pieces)
    assert (stdout == b"".join(pieces), stderr, code) == (True, b"", 0)


@pytest.mark.parametrize("user", ["lab", ".\\lab", "WEB01\\lab"])
def test_pywinrm_spells_the_account_as_windows_does(pywinrm: Pywinrm, user: str) -> None:
    assert visit(pywinrm("ntlm", username=user), "exit 3")[2] == 3


def test_pywinrm_may_log_in_with_a_hash(pywinrm: Pywinrm) -> None:
    from spnego._ntlm_raw.crypto import ntowfv1  # noqa: PLC0415 - the one place a test needs a hash

    protocol = pywinrm("ntlm", password=f"{'0' * 32}:{ntowfv1(LAB.password).hex()}")
    assert visit(protocol, "exit 0")[2] == 0


def test_pywinrm_is_told_what_is_wrong(pywinrm: Pywinrm) -> None:
    with pytest.raises(InvalidCredentialsError):
        pywinrm("ntlm", password="wrong").open_shell()
    with pytest.raises(InvalidCredentialsError):
        pywinrm("basic").open_shell()
    with pytest.raises(WSManFaultError) as refused:
        pywinrm("ntlm", username=GUEST.name, password=GUEST.password).open_shell()
    assert refused.value.wsman_fault_code == 5


def test_pywinrm_sees_quota_faults_of_both_kinds(pywinrm: Pywinrm, make_lab: MakeLab) -> None:
    lab = make_lab(limits=Limits(max_shells_per_user=1, max_operations_per_shell=0))
    protocol = pywinrm("ntlm", to=lab)
    shell = protocol.open_shell()
    with pytest.raises(WSManFaultError) as shells:
        protocol.open_shell()
    assert shells.value.wsman_fault_code == 2150859173
    with pytest.raises(WSManFaultError) as operations:
        protocol.run_command(shell, "exit 0")
    assert (operations.value.wsman_fault_code, operations.value.wmierror_code) == (None, 0x803381A6)
    protocol.close_shell(shell)


def test_pywinrm_polls_while_a_command_is_silent(pywinrm: Pywinrm, make_lab: MakeLab) -> None:
    rule = WireFault(WireFaultKind.OPERATION_TIMEOUT, times=2)
    protocol = pywinrm("ntlm", to=make_lab(faults=Faults([rule])))
    assert visit(protocol, "zeros 5") == (b"00000", b"all zeros", 0)


def test_pywinrm_tells_a_timeout_apart(pywinrm: Pywinrm) -> None:
    protocol = pywinrm("ntlm", operation_timeout_sec=1, read_timeout_sec=30)
    shell = protocol.open_shell()
    command = protocol.run_command(shell, "cat")
    with pytest.raises(WinRMOperationTimeoutError):
        protocol.get_command_output_raw(shell, command)
    protocol.cleanup_command(shell, command)
    protocol.close_shell(shell)


def test_pywinrms_session_runs_powershell(lab: Lab, pem: Pem) -> None:
    session = Session(lab.http, auth=(LAB.name, LAB.password), transport="ntlm", ca_trust_path=str(pem.authority))
    assert session.run_ps("whoami").std_out == b"lab network"
    assert session.run_ps("echo".ljust(3061)).status_code == 0
    too_long = session.run_ps("echo".ljust(3062))
    assert (too_long.status_code, too_long.std_err) == (1, b"The command line is too long.\r\n")


def test_pywinrm_in_threads_of_their_own(pywinrm: Pywinrm) -> None:
    results: list[tuple[bytes, bytes, int]] = []
    threads = [threading.Thread(target=lambda: results.append(visit(pywinrm("ntlm"), "whoami"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(b"lab network", b"", 0)] * 8


PYPSRP_WAYS = [
    pytest.param("negotiate", False, id="negotiate over http, encrypted"),
    pytest.param("ntlm", False, id="ntlm over http, encrypted"),
    pytest.param("negotiate", True, id="negotiate over https"),
    pytest.param("ntlm", True, id="ntlm over https"),
    pytest.param("basic", True, id="basic over https"),
    pytest.param("certificate", True, id="client certificate"),
]


def pypsrp(lab: Lab, auth: str, pem: Pem, **more: Any) -> WSMan:
    secure = more.pop("ssl", auth in {"basic", "certificate"})
    credential: dict[str, Any] = {"username": LAB.name, "password": LAB.password}
    if auth == "certificate":
        credential = {"certificate_pem": str(pem.certificate), "certificate_key_pem": str(pem.key)}
    port = lab.listening.https_port if secure else lab.listening.http_port
    trust = {"cert_validation": str(pem.authority)} if secure else {}
    return WSMan("127.0.0.1", port=port, ssl=secure, auth=auth, no_proxy=True, **(trust | credential | more))


@pytest.mark.parametrize(("auth", "secure"), PYPSRP_WAYS)
def test_pypsrp_runs_a_command(
    lab: Lab,
    pem: Pem,
    auth: str,
    secure: bool,
) -> None:
    with pypsrp(lab, auth, pem, ssl=secure) as wsman, WinRS(wsman, codepage=65001) as shell:
        process = PypsrpProcess(shell, "zeros", ["5"])
        process.invoke()
        process.signal(SignalCode.TERMINATE)
        assert (process.stdout, process.stderr, process.rc) == (b"00000", b"all zeros", 0)


def test_pypsrp_sends_input_and_signals(lab: Lab, pem: Pem) -> None:
    with pypsrp(lab, "negotiate", pem) as wsman, WinRS(wsman) as shell:
        process = PypsrpProcess(shell, "cat", no_shell=True)
        process.begin_invoke()
        process.send(b"one ", end=False)
        process.send(b"two", end=True)
        process.end_invoke()
        assert process.stdout == b"one two"
        process.signal(SignalCode.TERMINATE)
        hanging = PypsrpProcess(shell, "hang")
        hanging.begin_invoke()
        hanging.signal(SignalCode.CTRL_C)
        hanging.end_invoke()
        assert hanging.rc == 0xC000013A


def test_pypsrp_learns_the_envelope_size_and_encrypts_over_https(lab: Lab, pem: Pem) -> None:
    with pypsrp(lab, "ntlm", pem, ssl=True, encryption="always") as wsman:
        wsman.update_max_payload_size()
        assert wsman.max_envelope_size == 500 * 1024
        with WinRS(wsman) as shell:
            process = PypsrpProcess(shell, "zeros", ["1000000"])
            process.invoke()
            process.signal(SignalCode.TERMINATE)
            assert len(process.stdout) == 1_000_000


def test_pypsrp_with_a_wrong_password(lab: Lab, pem: Pem) -> None:
    wsman = pypsrp(lab, "negotiate", pem, password="wrong")
    with pytest.raises(AuthenticationError), wsman, WinRS(wsman):
        pass


@pytest.fixture
def ansible() -> str:
    program = os.environ.get("CERTIFY_AUTOMATION_ANSIBLE") or shutil.which("ansible")
    if not program:
        pytest.skip("no ansible: set CERTIFY_AUTOMATION_ANSIBLE to the program, with pywinrm beside it")
    return program


@pytest.mark.parametrize("way", [("http", "ntlm"), ("https", "ntlm"), ("https", "basic")])
def test_ansibles_winrm_connection_runs_raw_commands(
    lab: Lab, pem: Pem, ansible: str, tmp_path: Path, way: tuple[str, str]
) -> None:
    scheme, transport = way
    host = {
        "ansible_host": "127.0.0.1",
        "ansible_port": lab.listening.https_port if scheme == "https" else lab.listening.http_port,
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": scheme,
        "ansible_winrm_transport": transport,
        "ansible_winrm_ca_trust_path": str(pem.authority),
        "ansible_user": LAB.name,
        "ansible_password": LAB.password,
    }
    inventory, configuration = tmp_path / "inventory.json", tmp_path / "ansible.cfg"
    inventory.write_text(json.dumps({"all": {"hosts": {"web01": host}}}), "utf-8")
    configuration.touch()
    locations = {"ANSIBLE_HOME": str(tmp_path), "ANSIBLE_CONFIG": str(configuration), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(  # noqa: S603 - the program the environment names
        [ansible, "-i", str(inventory), "all", "-m", "raw", "-a", "whoami"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **locations},
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lab network" in done.stdout
