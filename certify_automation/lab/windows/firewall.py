"""The firewall's rules, as the registry keeps them: one text a rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import NAMESPACE_DNS, uuid5

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.services import RUNNING, ServiceControlManager
from certify_automation.lab.windows.win32 import Win32Error

SERVICE = "mpssvc"
_VERSION = "v2.30"
_WINRM = "@FirewallAPI.dll,-30253|Desc=@FirewallAPI.dll,-30256|EmbedCtxt=@FirewallAPI.dll,-30267"


def _default_rules() -> dict[str, str]:
    return {
        "CoreNet-DHCP-In": f"{_VERSION}|Action=Allow|Active=TRUE|Dir=In|Protocol=17|LPort=68|RPort=67|"
        "App=%SystemRoot%\\system32\\svchost.exe|Svc=dhcp|Name=@FirewallAPI.dll,-25301|",
        "CoreNet-DNS-Out-UDP": f"{_VERSION}|Action=Allow|Active=TRUE|Dir=Out|Protocol=17|RPort=53|"
        "App=%SystemRoot%\\system32\\svchost.exe|Svc=dnscache|Name=@FirewallAPI.dll,-25405|",
        "RemoteDesktop-UserMode-In-TCP": f"{_VERSION}|Action=Allow|Active=FALSE|Dir=In|Protocol=6|LPort=3389|"
        "App=%SystemRoot%\\system32\\svchost.exe|Svc=termservice|Name=@FirewallAPI.dll,-28775|",
        "WINRM-HTTP-In-TCP": f"{_VERSION}|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Private|"
        f"LPort=5985|App=System|Name={_WINRM}|",
    }


@dataclass(slots=True)
class Firewall:
    """The rules, and the service `mpssvc` that alone may change them.

    Attributes:
        rules: name of the registry value -> text; None = the key cannot be read.
    """

    services: ServiceControlManager
    rules: dict[str, str] | None = field(default_factory=_default_rules)
    _added: int = 0

    def add_block(self, name: str, port: int) -> None:
        """A rule that blocks a TCP port for whoever comes from outside, in every profile; names may occur twice.

        Raises:
            Win32Error: 1753, the service does not run.
        """
        rules = self._writable()
        self._added += 1
        guid = str(uuid5(NAMESPACE_DNS, f"{name}/{self._added}")).upper()
        rules[f"{{{guid}}}"] = f"{_VERSION}|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort={port}|Name={name}|"

    def delete_inbound(self, name: str) -> None:
        """Delete every inbound rule of this name; raises Win32Error 1753, or 2 when there is none."""
        rules = self._writable()
        found = [key for key, text in rules.items() if "|Dir=In|" in text and f"|Name={name}|" in text]
        if not found:
            raise Win32Error(win32.FILE_NOT_FOUND, name)
        for key in found:
            del rules[key]

    def _writable(self) -> dict[str, str]:
        service = self.services.get(SERVICE)
        if self.rules is None or service is None or service.state != RUNNING:
            raise Win32Error(win32.NO_ENDPOINT, SERVICE)
        return self.rules
