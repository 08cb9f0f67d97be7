r"""What the name localhost resolves to: the hosts file comes first; without a line there the resolver knows it itself.

The hosts file of a new Windows has only comments: "localhost name resolution is handled within DNS itself".
"""

from __future__ import annotations

from ipaddress import ip_address

from certify_automation.lab.windows.files import Files
from certify_automation.lab.windows.win32 import Win32Error

HOSTS_FOLDER = "C:\\Windows\\System32\\drivers\\etc"
HOSTS = f"{HOSTS_FOLDER}\\hosts"

_NAME = "localhost"
_OWN = ("::1", "127.0.0.1")


def hosts_lines(files: Files) -> tuple[str, ...]:
    """The lines of the hosts file that name localhost, without comments and outer blanks."""
    try:
        text = files.read(HOSTS).decode("utf-8", "replace") if files.exists(HOSTS) else ""
    except Win32Error:
        return ()
    lines = (line.partition("#")[0].strip() for line in text.lstrip("\ufeff").splitlines())
    return tuple(line for line in lines if _NAME in line.casefold().split()[1:])


def localhost(files: Files) -> tuple[str, ...]:
    """The addresses of localhost, in the order in which programs try them."""
    named = [address for line in hosts_lines(files) if (address := _address(line.split()[0])) is not None]
    return tuple(dict.fromkeys(named)) or _OWN


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
