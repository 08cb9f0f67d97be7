"""The accounts of a host in the forms the authentication protocols look them up."""

from __future__ import annotations

import hmac
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from spnego._ntlm_raw.crypto import ntowfv1

from certify_automation.lab.winrm.host import Account

_VARIABLE = "NTLM_USER_FILE"
_NO_LM_HASH = "0" * 32
_variable_lock = threading.Lock()


class CredentialFolder:
    """A private folder with throw-away credential files for pyspnego's NTLM acceptor.

    The acceptor finds its file through an environment variable of the process and reads it at each login. The variable
    stays set and only changes its value, because programs that walk the environment in another thread do not survive a
    change of its size.
    """

    def __init__(self) -> None:
        self._path = Path(tempfile.mkdtemp(prefix="certify-automation-lab-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)

    def write(self, lines: Sequence[str]) -> Path:
        """A file of mode 600 with these lines; equal lines share one file."""
        content = "".join(f"{line}\n" for line in lines).encode()
        path = self._path / sha256(content).hexdigest()
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        return path

    def remove(self) -> None:
        """Delete the folder now rather than at the end of the process."""
        self._remove()


class Accounts:
    """The accounts of one host."""

    def __init__(self, accounts: Sequence[Account], computer: str, folder: CredentialFolder) -> None:
        self._by_spelling = {
            spelling.casefold(): account for account in accounts for spelling in _spellings(account.name, computer)
        }
        self._file = folder.write([line for account in accounts for line in _credential_lines(account, computer)])

    def find(self, principal: str | None) -> Account | None:
        """The account a client means by this name, in any of the spellings Windows takes."""
        return self._by_spelling.get((principal or "").casefold())

    def check(self, principal: str, password: str) -> Account | None:
        """The account, if the password is its own."""
        account = self.find(principal)
        if account and hmac.compare_digest(account.password.encode(), password.encode()):
            return account
        return None

    @contextmanager
    def for_acceptor(self) -> Iterator[None]:
        """Let the NTLM acceptor, in this thread and inside the `with`, see these accounts and no others."""
        with _variable_lock:
            os.environ[_VARIABLE] = str(self._file)
            yield


def _credential_lines(account: Account, computer: str) -> list[str]:
    """Lines of an smbpasswd file; with the NT hash given, the acceptor need not compute hashes at every login."""
    nt_hash = ntowfv1(account.password).hex().upper()
    return [f"{spelling}:0:{_NO_LM_HASH}:{nt_hash}:[U]:LCT-0" for spelling in _spellings(account.name, computer)]


def _spellings(name: str, computer: str) -> tuple[str, ...]:
    domain, backslash, user = name.partition("\\")
    if backslash:
        return (name, user) if domain != "." else _spellings(user, computer)
    user, at, _ = name.partition("@")
    if at:
        return name, user
    return name, f".\\{name}", f"{computer}\\{name}", f"{name}@{computer}"
