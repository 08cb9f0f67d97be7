"""What is wrong with a host, told from the facts of one visit: findings with the evidence that proves them. Pure."""

from __future__ import annotations

from certify_automation.doctor.answers import ANSWERS
from certify_automation.doctor.catalogue import Entry, catalogue, entry
from certify_automation.doctor.causes import consequences_of, related, roots
from certify_automation.doctor.configuration import CONFIGURATION
from certify_automation.doctor.data import DATA
from certify_automation.doctor.diagnosis import Case, Rule
from certify_automation.doctor.exposure import EXPOSURE
from certify_automation.doctor.http_sys import HTTP_SYS
from certify_automation.doctor.installation import INSTALLATION
from certify_automation.doctor.listening import LISTENING
from certify_automation.doctor.page import findings_page
from certify_automation.doctor.ports import PORTS_OF_THE_API
from certify_automation.doctor.product_files import PRODUCT_FILES
from certify_automation.doctor.reached import unreached
from certify_automation.doctor.renewals import RENEWALS
from certify_automation.doctor.reservations import RESERVATIONS
from certify_automation.doctor.surroundings import SURROUNDINGS
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding
from certify_automation.model.host import HostState

_RULES: tuple[Rule, ...] = (
    *LISTENING,
    *PORTS_OF_THE_API,
    *ANSWERS,
    *HTTP_SYS,
    *RESERVATIONS,
    *PRODUCT_FILES,
    *EXPOSURE,
    *CONFIGURATION,
    *DATA,
    *INSTALLATION,
    *RENEWALS,
    *SURROUNDINGS,
)
_NOTHING_DECLARED = HostState()


def diagnose(
    facts: Facts, declared: HostState = _NOTHING_DECLARED, now_utc_ms: int | None = None
) -> tuple[Finding, ...]:
    """Everything that is wrong with a host, worst first; none = nothing is.

    Args:
        facts: of an examination; of a visit that asked for less it finds less.
        declared: what is declared for the host.
        now_utc_ms: the caller's clock, held against the host's; None = it is not.
    """
    case = Case(facts, declared, now_utc_ms)
    return related(found for rule in _RULES for found in rule(case))


__all__ = ["Entry", "catalogue", "consequences_of", "diagnose", "entry", "findings_page", "roots", "unreached"]
