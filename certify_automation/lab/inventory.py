"""The inventory of a lab: an ordinary one, with the password and the certificate authority in files beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from certify_automation.errors import UsageError
from certify_automation.lab.hosts import LEGACY, MODERN, HostSpec

PASSWORD_FILE = "lab-password"  # noqa: S105 - the name of a file
AUTHORITY_FILE = "lab-ca.pem"
ROOTS_FILE = "lab-roots.pem"

_HEAD = """\
# Written by the lab: simulated Windows hosts on this computer, for as long as the lab runs.
# own_address is the simulated computer's own: an IP listen list that is not empty needs it, or WinRM is cut off.
# tls_address and tls_port are where its sites are served, by name; {roots} has the authorities of their certificates.
version: 1

defaults:
  connection:
    transport: winrm
    scheme: {scheme}
    auth: negotiate
    username: lab
    password: ${{file:{password}}}
    ca_file: {authority}
  labels: {{ring: stable}}
  vars: {{api_port: 9696}}

groups:
"""
_SITES = {LEGACY: "dc1", MODERN: "dc2"}


class Credentials(Protocol):
    """What a client needs besides the inventory."""

    @property
    def scheme(self) -> str:
        """`http` or `https`."""

    @property
    def password(self) -> str:
        """Of the account."""

    @property
    def authority_pem(self) -> bytes:
        """The certificate of the authority."""

    @property
    def roots_pem(self) -> bytes:
        """The certificates of the authorities of the hosts' sites."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Where one host is reached: a loopback address of this computer, in front of the simulated one's own.

    Attributes:
        port: of WinRM.
        tls_port: of its sites; None when it has none.
    """

    spec: HostSpec
    address: str
    port: int
    own_address: str
    tls_port: int | None = None


def inventory_text(hosts: Sequence[Reached], scheme: str) -> str:
    """The YAML of an inventory of these hosts, by group in their order."""
    lines = [_HEAD.format(scheme=scheme, password=PASSWORD_FILE, authority=AUTHORITY_FILE, roots=ROOTS_FILE)]
    for group in (LEGACY, MODERN):
        members = [host for host in hosts if host.spec.group == group]
        if members:
            lines.append(f"  {group}:\n    labels: {{site: {_SITES[group]}}}\n    hosts:\n")
            lines += [f"      {host.spec.name}: {{{', '.join(_entry(host))}}}\n" for host in members]
    return "".join(lines)


def write_inventory(path: Path, hosts: Sequence[Reached], credentials: Credentials) -> None:
    """Write the inventory and its three files, readable by their owner only.

    Raises:
        UsageError: CA5073, a file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path.parent / PASSWORD_FILE, credentials.password.encode())
        _write(path.parent / AUTHORITY_FILE, credentials.authority_pem)
        _write(path.parent / ROOTS_FILE, credentials.roots_pem)
        _write(path, inventory_text(hosts, credentials.scheme).encode())
    except OSError as error:
        raise UsageError(
            "CA5073", f"cannot write the lab's inventory {path}: {error.strerror}", hint="choose another folder"
        ) from error


def _entry(host: Reached) -> Iterable[str]:
    yield f"address: {host.address}"
    yield f"connection: {{port: {host.port}}}"
    if host.spec.labels:
        yield f"labels: {json.dumps(host.spec.labels)}"
    sites = {} if host.tls_port is None else {"tls_address": host.address, "tls_port": host.tls_port}
    yield f"vars: {json.dumps({'own_address': host.own_address, **sites, **host.spec.variables})}"


def _write(path: Path, content: bytes) -> None:
    """Replace a file; the new one is never readable by others, not even for a moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
