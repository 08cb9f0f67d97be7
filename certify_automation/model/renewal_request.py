"""What a host is sent once a run is confirmed: preferences to set, certificates to renew, and how long to wait."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.model.change_codec import JsonObject
from certify_automation.model.host import ApiAccess
from certify_automation.model.plan import ObserveRequest, Origin
from certify_automation.model.renewal import AfterCommit, CertificateRenew, PreferenceSet

START_SECONDS = 300
"""How long the product is given to begin with any of the certificates that it was asked for."""

WAIT_SECONDS = 600
"""How long certificates that were requested are waited for, unless something else is asked for."""


@dataclass(frozen=True, slots=True)
class ApiQuestion:
    """How the product's API is asked during a visit.

    Attributes:
        access: CALLER = the visit's own process, TASK = a task of SYSTEM in its place.
        tls: whether the computer's certificate stores and bindings are brought home too.
    """

    access: ApiAccess
    tls: bool = False

    def to_json(self) -> JsonObject:
        """As the contract writes it: `certificates` of Inventory's and Renew's parameters."""
        return {"access": self.access.value, "tls": self.tls}


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """Parameters of Renew, as docs/contract.md describes them.

    Attributes:
        run_id: of the run that this is the last part of.
        observe: what is looked at afterwards; also where the API is.
        start_seconds: when nothing has begun by then, nothing is waited for any longer.
        wait_seconds: 0 = what was requested is not waited for.
    """

    run_id: str
    origin: Origin
    observe: ObserveRequest
    question: ApiQuestion
    changes: tuple[AfterCommit, ...]
    start_seconds: int = START_SECONDS
    wait_seconds: int = WAIT_SECONDS

    @property
    def preferences(self) -> tuple[PreferenceSet, ...]:
        """The preferences to be set."""
        return tuple(change for change in self.changes if isinstance(change, PreferenceSet))

    @property
    def renewals(self) -> tuple[CertificateRenew, ...]:
        """The certificates to be requested."""
        return tuple(change for change in self.changes if isinstance(change, CertificateRenew))

    def to_json(self) -> JsonObject:
        """As renew.schema.json has it."""
        return {
            "run_id": self.run_id,
            "origin": self.origin.to_json(),
            "observe": self.observe.to_json(),
            "certificates": self.question.to_json(),
            "preferences": [{"name": p.name, "before": p.before, "after": p.after} for p in self.preferences],
            "renewals": [
                {"id": r.id, "attempted_utc_ms": r.attempted_utc_ms, "thumbprint": r.thumbprint} for r in self.renewals
            ],
            "start_seconds": self.start_seconds,
            "wait_seconds": self.wait_seconds,
        }
