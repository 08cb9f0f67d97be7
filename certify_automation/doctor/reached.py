"""A host that could not be examined: what its error proves, what may have cut it off, and the ways around. Pure."""

from __future__ import annotations

from certify_automation.doctor.diagnosis import finding
from certify_automation.errors import AuthenticationRefused, HostError, NotTrusted, Unreachable
from certify_automation.model.finding import Evidence, Finding


def unreached(error: HostError) -> tuple[Finding, ...]:
    """The one finding of a host whose visit ended with this error."""
    evidence = (Evidence("the visit", str(error)),)
    if isinstance(error, AuthenticationRefused | NotTrusted):
        return (finding("CA6002", error.message, evidence),)
    if isinstance(error, Unreachable):
        return (finding("CA6001", error.message, evidence),)
    return (finding("CA6003", error.message, evidence),)
