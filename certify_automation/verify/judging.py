"""The verdict on one endpoint: is the managed certificate the one that is served, and if not, why and what next."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, Verdict
from certify_automation.model.endpoint import NotReached, Presented, Target
from certify_automation.model.renewal import Served
from certify_automation.verify.causes import Finding, not_reached, not_served, of_certificate, of_chain
from certify_automation.verify.chains import Chain, ChainState, Roots, follow
from certify_automation.verify.host_side import HostSide, host_side
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
        host: what the host itself says; None = it did not, or no item is meant.
    """

    target: Target
    certificate: str
    verdict: Verdict
    cause: str = ""
    next_step: str = ""
    presented: PresentedCertificate | None = None
    managed_thumbprint: str | None = None
    host: HostSide | None = None


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
    managed, missing = _managed(served, inventory)
    leaf, presented, finding = _read(shown)
    host = None
    if managed is not None and inventory is not None and inventory.tls is not None:
        host = host_side(served, presented.sha1 if presented else "", managed, inventory.tls)
    if isinstance(shown, NotReached):
        finding = not_reached(shown, host)
    elif leaf is not None and presented is not None:
        chain = follow(leaf, shown.chain[1:], roots, now_utc_ms)
        finding = _wrong(served, presented, chain, _Expected(managed, host), now_utc_ms) or missing
    well = Verdict.SERVED if served.certificate else Verdict.VALID
    verdict, cause, step = (finding.verdict, finding.cause, finding.next_step) if finding else (well, "", "")
    thumbprint = managed.thumbprint.upper() if managed and managed.thumbprint else None
    target = Target(served.host, served.port, served.sni)
    return Judgement(target, served.certificate, verdict, cause, step, presented, thumbprint, host)


_REPLACE = "see what answers at this address, and bind the managed certificate there"


def _read(
    shown: Presented | NotReached,
) -> tuple[x509.Certificate | None, PresentedCertificate | None, Finding | None]:
    """The server's own certificate, or why it cannot be read."""
    if isinstance(shown, NotReached):
        return None, None, None
    if not shown.chain:
        return None, None, Finding(Verdict.UNREADABLE, "the server sends no certificate", _REPLACE)
    try:
        leaf = load(shown.chain[0])
        return leaf, details(leaf), None
    except Unreadable as error:
        return None, None, Finding(Verdict.UNREADABLE, f"the certificate cannot be read: {error}", _REPLACE)


@dataclass(frozen=True, slots=True)
class _Expected:
    """The managed certificate an endpoint is to serve, as far as it is known, and what its host says."""

    managed: ManagedCertificate | None
    host: HostSide | None


def _wrong(
    served: Served, presented: PresentedCertificate, chain: Chain, expected: _Expected, now_utc_ms: int
) -> Finding | None:
    """What is wrong, the worst for a client first: out of its time, wrong name, another certificate, its chain."""
    managed = expected.managed
    ours = managed is None or (managed.thumbprint or "").upper() == presented.sha1
    other = None if ours or managed is None else not_served(presented, managed, expected.host)
    if now_utc_ms < presented.start_utc_ms:
        return of_certificate(Verdict.NOT_YET_VALID, presented, managed, other)
    if now_utc_ms >= presented.expiry_utc_ms:
        return of_certificate(Verdict.EXPIRED, presented, managed, other)
    if not presented.is_for(served.sni or served.host):
        return of_certificate(Verdict.WRONG_NAME, presented, managed, other)
    if other is not None:
        return other
    return None if chain.state is ChainState.TRUSTED else of_chain(chain, presented, managed)


def _managed(
    served: Served, inventory: CertificateInventory | None
) -> tuple[ManagedCertificate | None, Finding | None]:
    """The one item that is meant, by id or else by name; without one, why. Neither where none is meant."""
    if not served.certificate:
        return None, None
    if inventory is None or inventory.certificates is None:
        why = inventory.failure.message if inventory and inventory.failure else "the host could not be looked at"
        step = "mend that and verify again; what is served is valid in itself"
        return None, Finding(Verdict.NOT_COMPARED, f"the managed certificates are not known: {why}", step)
    items = inventory.certificates
    found = [one for one in items if one.id == served.certificate] or [
        one for one in items if one.name.casefold() == served.certificate.casefold()
    ]
    if len(found) == 1:
        return found[0], None
    what = f"{len(found)} managed certificates have" if found else "no managed certificate has"
    step = "declare it by its id" if found else "`certs -v` lists the names and ids of the host; mend `served`"
    return None, Finding(Verdict.NOT_MANAGED, f"{what} the name {served.certificate}", step)
