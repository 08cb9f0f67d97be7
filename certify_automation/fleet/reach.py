"""How a run reaches its hosts; which credentials and deadlines that takes is the caller's to know."""

from __future__ import annotations

from typing import Protocol

from certify_automation.confirmation import Confirmation
from certify_automation.desired import DesiredHost, Fleet
from certify_automation.remote import Session
from certify_automation.renewing import Renewing


class Reach(Protocol):
    """The hosts of a run and the visits to them; may be used from several threads."""

    @property
    def fleet(self) -> Fleet:
        """The hosts."""
        ...

    def session(self, host: DesiredHost) -> Session:
        """The session for one host.

        Raises:
            ConfigurationError: CA1501 a secret is missing.
            UsageError: CA2040 the host is to be reached locally, and this is not Windows.
        """
        ...

    def renewal_session(self, host: DesiredHost) -> Session:
        """As session, for visits that wait for certificates."""
        ...

    def confirmation(self, host: DesiredHost) -> Confirmation:
        """How a run of this host is confirmed."""
        ...

    def renewing(self, host: DesiredHost) -> Renewing:
        """How what follows a run of this host is carried out."""
        ...

    def waiting(self, seconds: int) -> Reach:
        """The same, where certificates that are requested are waited for so long; 0 = not at all."""
        ...
