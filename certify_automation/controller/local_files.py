"""Files of this computer that visits need: authorities, tickets, the state folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from certify_automation.controller.result import Result
from certify_automation.desired import DesiredHost
from certify_automation.doctor.diagnosis import finding
from certify_automation.due import moment_text
from certify_automation.model.finding import Evidence
from certify_automation.model.host import Auth, Connection, Scheme, Transport
from certify_automation.naming import some_of
from certify_automation.remote.authentication import effective_auth

_DEFAULT_CACHE = re.compile(r"^\s*default_ccache_name\s*=\s*(\S+)", re.MULTILINE)
_DAY_SECONDS = 86_400
_LONGEST_TICKET_DAYS = 7
"""Windows renews a ticket for so long unless a policy says otherwise (maximum lifetime for user ticket renewal)."""
_NAMES_SHOWN = 5


def ca_files(connections: Sequence[Connection], now_utc_ms: int) -> Iterator[Result]:
    """One result for each CA file that a connection over https names."""
    used = dict.fromkeys(
        one.ca_file
        for one in connections
        if one.ca_file and one.transport is Transport.WINRM and one.scheme is Scheme.HTTPS and one.verify
    )
    for path in used:
        seen, trouble = _ca_file(Path(path), datetime.fromtimestamp(now_utc_ms / 1000, UTC))
        found = (finding("CA6902", f"{path}: {trouble}", [Evidence(path, trouble)], subject=path),) if trouble else ()
        yield Result("CA file", (f"{path}: {trouble or seen}",), found)


def _ca_file(path: Path, now: datetime) -> tuple[str, str]:
    """What is in it, and what is wrong with it; one of them is empty."""
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    except ValueError:
        return "", "holds no certificate in PEM form that can be read"
    last = max(one.not_valid_after_utc for one in certificates)
    number = f"{len(certificates)} certificate{'' if len(certificates) == 1 else 's'}"
    if last < now:
        return "", f"has only certificates that have expired, the last on {last:%Y-%m-%d}"
    if min(one.not_valid_before_utc for one in certificates) > now:
        return "", "has only certificates that are not valid yet"
    return f"{number}, valid until {last:%Y-%m-%d}", ""


def ticket_cache(hosts: Sequence[DesiredHost], environ: Mapping[str, str], now_utc_ms: int) -> Result:
    """Whether there are Kerberos tickets where connections need those of the account that runs this."""
    need = [one.name for one in hosts if _needs_ticket(one)]
    what = "Kerberos tickets"
    if not need:
        return Result(what, ("no connection needs any",))
    if os.name == "nt":
        return Result(what, ("kept by Windows",))
    cache = _cache_name(environ)
    kind, _, rest = cache.partition(":") if re.match(r"[A-Za-z]{2,}:", cache) else ("FILE", "", cache)
    if kind.upper() not in {"FILE", "DIR"}:
        return Result(what, (f"in {cache}, which is no file and is not looked into",))
    seen, trouble = _cache(Path(rest), now_utc_ms)
    if not trouble:
        return Result(what, (seen,))
    cause = f"{some_of(need, _NAMES_SHOWN)} {'is' if len(need) == 1 else 'are'} reached with Kerberos, and {trouble}"
    return Result(what, (trouble,), (finding("CA6903", cause, [Evidence(cache, trouble)]),))


def _needs_ticket(host: DesiredHost) -> bool:
    connection = host.connection
    if connection.transport is not Transport.WINRM or effective_auth(connection) is not Auth.KERBEROS:
        return False
    return connection.password is None and "password" not in host.secrets


def _cache_name(environ: Mapping[str, str]) -> str:
    """Where MIT Kerberos looks for tickets: KRB5CCNAME, krb5.conf, or its default."""
    named = environ.get("KRB5CCNAME")
    if named:
        return named
    try:
        text = Path(environ.get("KRB5_CONFIG", "/etc/krb5.conf").split(":")[0]).read_text("utf-8", "replace")
    except OSError:
        text = ""
    match = _DEFAULT_CACHE.search(text)
    uid = str(os.getuid()) if hasattr(os, "getuid") else ""
    name = match[1] if match else f"FILE:/tmp/krb5cc_{uid}"
    return name.replace("%{uid}", uid).replace("%{euid}", uid)


def _cache(path: Path, now_utc_ms: int) -> tuple[str, str]:
    """What is there, and what is wrong with it; one of them is empty."""
    try:
        found = path.stat()
        empty = not any(path.iterdir()) if stat.S_ISDIR(found.st_mode) else not found.st_size
    except OSError as error:
        return "", f"there is no ticket cache {path}: {error.strerror}"
    if empty:
        return "", f"the ticket cache {path} is empty"
    written = moment_text(round(found.st_mtime * 1000))
    if now_utc_ms / 1000 - found.st_mtime > _LONGEST_TICKET_DAYS * _DAY_SECONDS:
        return "", f"the ticket cache {path} was last written {written}, longer ago than tickets last"
    return f"in {path}, written {written}", ""


def state_folder_check(folder: Path) -> Result:
    """Whether runs can be recorded; nothing is made."""
    what = "state folder"
    there = next((one for one in (folder, *folder.absolute().parents) if one.exists()), folder)
    if not there.is_dir():
        trouble = f"{there} is no folder"
    elif not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        trouble = f"this account may not read and write {there}"
    else:
        made = "" if there == folder else ", made with the first run"
        return Result(what, (f"{folder}{made}",))
    cause = f"runs cannot be recorded in {folder}: {trouble}"
    return Result(what, (f"{folder}: {trouble}",), (finding("CA6907", cause, [Evidence(str(folder), trouble)]),))
