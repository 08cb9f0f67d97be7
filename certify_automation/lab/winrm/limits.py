"""What a Windows WinRM service allows, as one value a host.

Defaults are those of Windows Server 2016 and later (`winrm get winrm/config`, MS-WSMV 3.1.1.1); a test shrinks them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The quotas and deadlines of one host; times in seconds, sizes in bytes unless the name says otherwise."""

    max_envelope_kb: int = 500
    """MaxEnvelopeSizekb: a longer request body is answered with HTTP 413."""
    max_timeout: float = 60.0
    """MaxTimeoutms: the longest a Receive waits, whatever OperationTimeout the client asks for."""
    max_shells_per_user: int = 30
    """MaxShellsPerUser."""
    max_concurrent_users: int = 10
    """MaxConcurrentUsers: accounts with an open shell at one time."""
    max_processes_per_shell: int = 25
    """MaxProcessesPerShell: commands of one shell that run at one time."""
    max_operations_per_shell: int = 1500
    """MaxConcurrentOperationsPerUser: a text shell never gives an operation back, so it counts commands in all."""
    idle_timeout: float = 7200.0
    """IdleTimeout: an unused shell is deleted after this time, or after the shorter one its client asked for."""
    min_idle_timeout: float = 60.0
    """A client cannot ask for a shorter IdleTimeOut than this."""
    command_line_characters: int = 8191
    """cmd.exe is always in the path of a WinRS command and takes no longer line."""
    min_client_envelope: int = 8192
    """A client that announces a smaller MaxEnvelopeSize is refused."""
    packet_retrieval_time: float = 120.0
    """MaxPacketRetrievalTimeSeconds: a request that has not arrived whole by then is given up."""
    connection_idle: float = 120.0
    """HTTP.sys closes a connection on which nothing was asked for so long."""
    max_header_bytes: int = 16384
    """HTTP.sys MaxRequestBytes: request line and headers together."""
