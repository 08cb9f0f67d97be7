"""Why an endpoint does not serve what it is to serve, as far as evidence says, and the next step."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.due import moment_text
from certify_automation.model.certificate import ManagedCertificate, Verdict
from certify_automation.model.endpoint import NotReached, Obstacle
from certify_automation.verify.chains import Chain, ChainState
from certify_automation.verify.host_side import HostSide
from certify_automation.verify.reading import PresentedCertificate

STORE_ONLY, NO_DEPLOYMENT = 30, 40


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict other than served, and what explains it."""

    verdict: Verdict
    cause: str
    next_step: str


_OBSTACLES = {
    Obstacle.NAME: ("the name is none, or does not resolve here", "mend `served`, or the DNS of this computer"),
    Obstacle.REFUSED: ("nothing listens there", "see whether the site is started and has an https binding"),
    Obstacle.UNREACHABLE: ("there is no way there", "see routes and firewalls between this computer and the endpoint"),
    Obstacle.TIMED_OUT: ("nothing answered in time", "see firewalls, and whether the server is overloaded"),
    Obstacle.CLOSED: (
        "the connection was closed before the handshake",
        "http.sys does so where a port has no certificate binding: see the host's bindings",
    ),
    Obstacle.NOT_TLS: ("what answers there does not speak TLS", "see whether the port is the right one"),
    Obstacle.HANDSHAKE: (
        "no TLS handshake came about",
        "the server may want a client certificate, another name, or a version of TLS that is no longer spoken",
    ),
}


def not_reached(shown: NotReached, host: HostSide | None) -> Finding:
    """Of a handshake that did not come about."""
    cause, step = _OBSTACLES[shown.obstacle]
    if host is not None and not host.binding and shown.obstacle in (Obstacle.CLOSED, Obstacle.REFUSED):
        return Finding(Verdict.NOT_REACHABLE, f"{cause}, and http.sys has no certificate bound there", _BIND)
    return Finding(Verdict.NOT_REACHABLE, f"{cause} ({shown.text})", step)


_BIND = "deploy the managed certificate in the product: that makes the binding of its site"


def of_certificate(
    verdict: Verdict, presented: PresentedCertificate, managed: ManagedCertificate | None, other: Finding | None
) -> Finding:
    """Of a certificate that is out of its time or for other names; `other` says why it is not the managed one."""
    names = ", ".join((*presented.names, *presented.addresses)[:3]) or "no name"
    early = f"it is valid only from {moment_text(presented.start_utc_ms)}"
    what = {Verdict.EXPIRED: "it is out of its time", Verdict.NOT_YET_VALID: early}.get(verdict, f"it is for {names}")
    if other is not None:
        return Finding(verdict, f"{what}; {other.cause}", other.next_step)
    if managed is None:
        return Finding(verdict, what, "see which certificate the site is to have")
    if verdict is Verdict.EXPIRED:
        failed = f": {managed.failure_message}" if managed.failure_message else ""
        return Finding(verdict, f"the managed certificate itself is out of its time{failed}", _RENEW)
    if verdict is Verdict.NOT_YET_VALID:
        return Finding(verdict, f"{what}, by this computer's clock", "see whether the clocks are right, here and there")
    step = "add the name to the managed certificate, or mend `served`"
    return Finding(verdict, f"the managed certificate is for {names}", step)


_RENEW = "renew it: `certs --failing` says what stands in the way"


def of_chain(chain: Chain, presented: PresentedCertificate, managed: ManagedCertificate | None) -> Finding:
    """Of the right certificate whose chain does not lead to a root that is trusted here."""
    if managed is not None and managed.staging:
        return Finding(
            Verdict.NOT_TRUSTED,
            f"it was ordered from the test system of its authority ({presented.issuer}), which nobody trusts",
            "switch the item's staging mode off in the product, and renew it",
        )
    verdict = Verdict.CHAIN_INCOMPLETE if chain.state is ChainState.INCOMPLETE else Verdict.NOT_TRUSTED
    cause, step = _CHAINS[chain.state]
    return Finding(verdict, cause.format(chain.name), step.format(chain.name))


_TRUST = "name its root in `trust.ca_file` if it is to be trusted"
_STORE = "see whether the certificate of {} in the store CA of the computer (LocalMachine) is there and valid"
_CHAINS = {
    ChainState.INCOMPLETE: (
        "the server sends no certificate of {}, which is no root trusted here",
        f"{_STORE}; {_TRUST}",
    ),
    ChainState.UNKNOWN_ISSUER: (
        "the certificates that were sent end before one of {}, which is no root trusted here",
        f"{_STORE}; {_TRUST}",
    ),
    ChainState.UNKNOWN_ROOT: ("the certificates that were sent lead to {}, which is no root trusted here", _TRUST),
    ChainState.SELF_SIGNED: ("the certificate is signed by itself", _TRUST),
    ChainState.EXPIRED_ISSUER: ("the certificate of {} that the server sends with it is out of its time", _STORE),
    ChainState.NO_AUTHORITY: (
        "the certificate of {} that vouches for it is none of an authority",
        "see who made this certificate: no client takes it",
    ),
}


def not_served(presented: PresentedCertificate, managed: ManagedCertificate, host: HostSide | None) -> Finding:
    """Of an endpoint that serves another certificate than the managed one."""
    if managed.thumbprint is None:
        return Finding(Verdict.OTHER, "the managed certificate has never been issued", _RENEW)
    older = managed.start_utc_ms is not None and presented.start_utc_ms < managed.start_utc_ms
    previous = (managed.previous_thumbprint or "").upper() == presented.sha1
    verdict = Verdict.OLD if previous or older else Verdict.OTHER
    cause, step = _why(presented, managed, host)
    return Finding(verdict, cause, step)


def _why(presented: PresentedCertificate, managed: ManagedCertificate, host: HostSide | None) -> tuple[str, str]:
    if managed.deployment in (STORE_ONLY, NO_DEPLOYMENT):
        return (
            "the managed certificate is set not to be deployed to sites",
            "bind it by hand, or set a deployment mode or a task in the product",
        )
    if host is None:
        return "another certificate than the managed one is bound", _DEPLOY
    if not host.private_key:
        what = "in the computer's store without its private key" if host.in_store else "not in the computer's store"
        return f"the managed certificate is {what}", "deploy it again in the product"
    if not host.binding:
        return (
            "http.sys has no certificate binding for this endpoint: another program, or a device in front, serves it",
            "see what terminates TLS there, and have a deployment task bring the certificate to it",
        )
    if host.bound_thumbprint != (managed.thumbprint or "").upper():
        bound = host.bound_thumbprint or "none"
        which = "still has the one served" if bound == presented.sha1 else f"has {bound}"
        return f"the http.sys binding {host.binding} {which}, not the managed one", _DEPLOY
    return (
        f"the http.sys binding {host.binding} has the managed certificate, so another is served by something in front",
        "see load balancers and proxies in front of the server",
    )


_DEPLOY = "deploy it again in the product: its log says why the binding was not updated"
