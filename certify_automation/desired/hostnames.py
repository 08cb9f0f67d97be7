"""What may be the name of a host: what DNS can resolve and every controller can name a folder by."""

from __future__ import annotations

from ipaddress import IPv6Address

_LONGEST = 253
_LONGEST_LABEL = 63
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Windows opens the device, whatever stands behind the first dot."""


def is_ipv6(name: str) -> bool:
    """Whether a name is an IPv6 address without brackets."""
    try:
        IPv6Address(name)
    except ValueError:
        return False
    return True


def bare(name: str) -> str:
    """The name without the brackets of an IPv6 address."""
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def name_fault(name: str) -> str:
    """Why a name cannot be that of a host; empty if it can.

    Args:
        name: one name, its ranges counted out; of the characters that the inventory's schema allows.
    """
    labels = name.split(".")
    fault = ""
    if is_ipv6(bare(name)):
        return fault
    if "[" in name or "]" in name:
        fault = "a range is written [01:40] or [a:f]"
    elif ":" in name:
        fault = "a name holds no port; the port is connection.port"
    elif not all(labels):
        fault = "two dots stand side by side, or one at the end"
    elif len(name) > _LONGEST or max(map(len, labels)) > _LONGEST_LABEL:
        fault = f"DNS takes {_LONGEST} characters at most, and {_LONGEST_LABEL} between two dots"
    elif labels[0].casefold() in _DEVICES:
        fault = f"{labels[0]} is a device in Windows, no folder can have that name"
    return fault
