"""The verdict on one endpoint: is the managed certificate the one that is served, and if not, why and what next."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, Verdict
from certify_automation.model.endpoint import NotReached, Presented, Target
from certify_automation.model.renewal import Served
from certify_automation.verify.causes import Finding, not_reached, not_served, of_certificate, of_chain
from certify_automation.verify.chains import ChainState, Roots, follow
from certify_automation.verify.reading import PresentedCertificate, Unreadable, details, load


@dataclass(frozen=True, slots=True)
class Judgement:
    """One endpoint's verdict.

    Attributes:
        target: where it was looked at, and the name asked for.
        certificate: the managed certificate it is to serve, as declared.
        cause: what probably lies behind it; empty when all is well.
        next_step: what to do.
        presented: what was served; None = nothing that can be read.
        managed_thumbprint: SHA-1 of the managed certificate; None = it has none, or is not known.
    """

    target: Target
    certificate: str
    verdict: Verdict
    cause: str = ""
    next_step: str = ""
    presented: PresentedCertificate | None = None
    managed_thumbprint: str | None = None


def judge(
    served: Served,
    shown: Presented | NotReached,
    inventory: CertificateInventory | None,
    roots: Roots,
    now_utc_ms: int,
) -> Judgement:
    """What an endpoint serves, held against what is managed.

    Args:
        served: the declaration; with an empty certificate there is none to compare with.
        shown: the handshake.
        inventory: of the host; None = the host did not say.
        roots: who is trusted.
        now_utc_ms: of the one who looks.
    """
    target = Target(served.host, served.port, served.sni)
    managed, missing = _managed(served, inventory)
    thumbprint = managed.thumbprint.upper() if managed and managed.thumbprint else None
    presented, finding = None, None
    if isinstance(shown, NotReached):
        finding = not_reached(shown)
    else:
        try:
            leaf = load(shown.chain[0]) if shown.chain else None
            presented = None if leaf is None else details(leaf)
        except Unreadable as error:
            leaf, finding = None, Finding(Verdict.UNREADABLE, f"the certificate cannot be read: {error}", _REPLACE)
        if leaf is None or presented is None:
            finding = finding or Finding(Verdict.UNREADABLE, "the server sends no certificate", _REPLACE)
        else:
            finding = _Looked(served, presented, leaf, shown, managed, inventory).finding(roots, now_utc_ms) or missing
    if finding is None:
        verdict = Verdict.SERVED if served.certificate else Verdict.VALID
        return Judgement(target, served.certificate, verdict, "", "", presented, thumbprint)
    return Judgement(
        target, served.certificate, finding.verdict, finding.cause, finding.next_step, presented, thumbprint
    )


_REPLACE = "see what answers at this address, and bind the managed certificate there"


@dataclass(frozen=True, slots=True)
class _Looked:
    """An endpoint that presented a certificate, and what its host says."""

    served: Served
    presented: PresentedCertificate
    leaf: x509.Certificate
    shown: Presented
    managed: ManagedCertificate | None
    inventory: CertificateInventory | None

    def finding(self, roots: Roots, now_utc_ms: int) -> Finding | None:
        """What is wrong, the worst for a client first: expired, wrong name, another certificate, its chain."""
        ours = self.managed is not None and (self.managed.thumbprint or "").upper() == self.presented.sha1
        cause = None if ours or self.managed is None else self._not_ours(self.managed)
        if self.presented.expiry_utc_ms <= now_utc_ms or now_utc_ms < self.presented.start_utc_ms:
            return of_certificate(Verdict.EXPIRED, self.presented, self.managed, cause)
        if not self.presented.is_for(self.served.sni or self.served.host):
            return of_certificate(Verdict.WRONG_NAME, self.presented, self.managed, cause)
        if cause is not None:
            return cause
        chain = follow(self.leaf, self.shown.chain[1:], roots, now_utc_ms)
        return None if chain.state is ChainState.TRUSTED else of_chain(chain, self.presented, self.managed)

    def _not_ours(self, managed: ManagedCertificate) -> Finding:
        tls = self.inventory.tls if self.inventory else None
        return not_served(self.served, self.presented, managed, tls)


def _managed(
    served: Served, inventory: CertificateInventory | None
) -> tuple[ManagedCertificate | None, Finding | None]:
    """The one item that is meant, by id or else by name; without one, why. Neither where none is meant."""
    if not served.certificate:
        return None, None
    if inventory is None or inventory.certificates is None:
        why = inventory.failure.message if inventory and inventory.failure else "the host could not be looked at"
        step = "what is served is valid in itself; look at the host with `certs` to compare it"
        return None, Finding(Verdict.NOT_MANAGED, f"the managed certificates are not known: {why}", step)
    items = inventory.certificates
    found = [one for one in items if one.id == served.certificate] or [
        one for one in items if one.name.casefold() == served.certificate.casefold()
    ]
    if len(found) == 1:
        return found[0], None
    what = f"{len(found)} managed certificates have" if found else "no managed certificate has"
    step = "declare it by its id" if found else "`certs -v` lists the names and ids of the host; mend `served`"
    return None, Finding(Verdict.NOT_MANAGED, f"{what} the name {served.certificate}", step)
