"""One host: a visit to it, over WinRM or on this computer.

`connect` gives a Session; `observe` and `apply` are the two things said to it.
"""

from __future__ import annotations

from certify_automation.model.host import Connection, Transport
from certify_automation.remote.credentials import Credentials
from certify_automation.remote.local import LocalSession
from certify_automation.remote.session import Deadlines, Session
from certify_automation.remote.winrm import WinRmSession

__all__ = ["Credentials", "Deadlines", "Session", "connect"]


def connect(connection: Connection, *, credentials: Credentials, deadlines: Deadlines | None = None) -> Session:
    """The session for a host; nothing is sent before its first run.

    Args:
        connection: how to reach it, secrets resolved. With `verify=False` over https the server's certificate is not
            checked: whoever starts the run says so once.
        credentials: one for all the hosts of a run.
        deadlines: of each visit; the default suits servers with a slow PowerShell.

    Raises:
        UsageError: CA2040 `transport: local` elsewhere than on Windows.
    """
    limits = deadlines or Deadlines()
    if connection.transport is Transport.LOCAL:
        return LocalSession.of_this_computer(limits)
    return WinRmSession(connection, limits, credentials)
