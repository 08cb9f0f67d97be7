"""A client of a lab's hosts that is not ours: pywinrm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import winrm

from certify_automation import lab


def client(fleet: lab.Lab, folder: Path, name: str, **choices: Any) -> winrm.protocol.Protocol:
    host = fleet.hosts[name]
    port = host.listening.https_port
    return winrm.protocol.Protocol(
        endpoint=f"https://{host.listening.address}:{port}/wsman",
        transport="ntlm",
        username="lab",
        password=fleet.password,
        ca_trust_path=str(folder / "lab-ca.pem"),
        read_timeout_sec=30,
        operation_timeout_sec=20,
        **choices,
    )


def run(protocol: winrm.protocol.Protocol, command: str, stdin: bytes = b"") -> tuple[int, str, str]:
    try:
        return run_in_a_shell(protocol, command, stdin)
    finally:
        protocol.transport.close_session()


def run_in_a_shell(protocol: winrm.protocol.Protocol, command: str, stdin: bytes) -> tuple[int, str, str]:
    shell = protocol.open_shell(codepage=65001)
    try:
        command_id = protocol.run_command(shell, command, skip_cmd_shell=False)
        if stdin:
            protocol.send_command_input(shell, command_id, stdin, end=True)
        stdout, stderr, code = protocol.get_command_output(shell, command_id)
        return code, stdout.decode(), stderr.decode()
    finally:
        protocol.close_shell(shell)
