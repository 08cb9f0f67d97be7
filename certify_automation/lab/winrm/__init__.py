"""A WinRM service (WS-Man over HTTP and HTTPS, WinRS shells) for simulated computers on loopback addresses.

    async with Server() as server:
        await server.add(Endpoint(machine, "127.0.0.5", accounts=(Account("lab", "secret"),), certificate=certificate))

The server knows nothing of what a command does: it hands each `Process` to the endpoint's `Machine`.
"""

from certify_automation.lab.winrm.background import BackgroundServer
from certify_automation.lab.winrm.faults import Faults, WireFault, WireFaultKind, WsmanOperation
from certify_automation.lab.winrm.host import (
    Account,
    ChannelBinding,
    Endpoint,
    Logon,
    Machine,
    Process,
    Stdin,
)
from certify_automation.lab.winrm.limits import Limits
from certify_automation.lab.winrm.powershell import decode_encoded_command
from certify_automation.lab.winrm.server import Listening, Server

__all__ = [
    "Account",
    "BackgroundServer",
    "ChannelBinding",
    "Endpoint",
    "Faults",
    "Limits",
    "Listening",
    "Logon",
    "Machine",
    "Process",
    "Server",
    "Stdin",
    "WireFault",
    "WireFaultKind",
    "WsmanOperation",
    "decode_encoded_command",
]
