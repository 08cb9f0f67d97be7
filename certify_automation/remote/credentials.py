"""Keeps a wrong password from locking an account out while many hosts are visited at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from certify_automation.errors import AuthenticationRefused
from certify_automation.model.host import Connection
from certify_automation.model.secret import Secret

_Key = tuple[str, Secret | None, str | None]
_Place = tuple[str, int]

_ODD_HOSTS = 1
"""So many hosts may turn away what they have let in before; after one more it is the credential that has changed."""


def _key(connection: Connection) -> _Key:
    return connection.username.casefold(), connection.password, connection.certificate_file


def _place(connection: Connection) -> _Place:
    return connection.address.casefold(), connection.port


@dataclass(slots=True)
class _Record:
    let_in: set[_Place] = field(default_factory=set)
    turned_away: set[_Place] = field(default_factory=set)
    refused_by: str | None = None
    trial: threading.Lock = field(default_factory=threading.Lock)


class Credentials:
    """What the hosts of one run have said about each credential; shared by all of its threads.

    Until a host has accepted a credential, one host at a time is asked, so that a wrong password costs one failed
    logon however many hosts there are; a host that takes longer than `patience` seconds no longer holds up the others.
    Once any host refuses it, no further one is asked but those that have let it in before: a host that waits for the
    confirmation of its change must not be left alone because of another one. When two of these turn it away too, it
    has been changed or locked meanwhile, and nobody is asked any more.
    """

    def __init__(self, patience: float = 15.0) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._records: dict[_Key, _Record] = {}

    @contextmanager
    def trial(self, connection: Connection) -> Iterator[None]:
        """Enclose a logon; waits while another host is the first to be asked.

        Raises:
            AuthenticationRefused: CA2011 a host has refused the credential before; nothing was sent to this one.
        """
        record = self._record(connection)
        alone = not record.let_in and record.trial.acquire(timeout=self._patience)
        try:
            if alone and record.let_in:
                record.trial.release()
                alone = False
            self.check(connection)
            yield
        finally:
            if alone:
                record.trial.release()

    def check(self, connection: Connection) -> None:
        """Raise AuthenticationRefused CA2011 if a host has refused the credential, unless this one has let it in."""
        refusal = self.refusal(connection)
        if refusal:
            raise AuthenticationRefused(
                "CA2011",
                f"{connection.address}: not tried, because {refusal}",
                hint="every further attempt could lock the account: correct the credential, then run again",
            )

    def refusal(self, connection: Connection) -> str:
        """Which host has refused the credential, as a sentence; empty when none has that says anything of this one."""
        record, place = self._record(connection), _place(connection)
        changed = len(record.turned_away & record.let_in) > _ODD_HOSTS
        if record.refused_by is None or (place in record.let_in - record.turned_away and not changed):
            return ""
        return f"{record.refused_by} has refused the credential of {connection.username or connection.certificate_file}"

    def accepted(self, connection: Connection) -> None:
        """A host let the credential in."""
        self._record(connection).let_in.add(_place(connection))

    def refused(self, connection: Connection) -> None:
        """A host refused it."""
        record = self._record(connection)
        record.turned_away.add(_place(connection))
        record.refused_by = connection.address

    def _record(self, connection: Connection) -> _Record:
        with self._lock:
            return self._records.setdefault(_key(connection), _Record())
