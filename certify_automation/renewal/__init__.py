"""Which certificates a declared policy renews now, in which window, and whether the product renews at all. Pure."""

from certify_automation.due import authority_of
from certify_automation.renewal.choice import choose
from certify_automation.renewal.filters import Filters, Met, ids_of, matches, matches_any, met
from certify_automation.renewal.holds import out_of_time
from certify_automation.renewal.listing import ListedCertificate, Listing, Totals, listing
from certify_automation.renewal.missed import missed_warnings, unknown_ids, unknown_warnings
from certify_automation.renewal.policy import failing
from certify_automation.renewal.stall import Stall, stalled
from certify_automation.renewal.terms import Choice, Wanted
from certify_automation.renewal.window import known_zone, opens

__all__ = [
    "Choice",
    "Filters",
    "ListedCertificate",
    "Listing",
    "Met",
    "Stall",
    "Totals",
    "Wanted",
    "authority_of",
    "choose",
    "failing",
    "ids_of",
    "known_zone",
    "listing",
    "matches",
    "matches_any",
    "met",
    "missed_warnings",
    "opens",
    "out_of_time",
    "stalled",
    "unknown_ids",
    "unknown_warnings",
]
