"""Which certificates a declared policy renews now, in which window, and whether the product renews at all. Pure."""

from certify_automation.renewal.choice import choose
from certify_automation.renewal.filters import Filters, authority_of, failing, matches, matches_any
from certify_automation.renewal.stall import Stall, stalled
from certify_automation.renewal.terms import Choice, Wanted
from certify_automation.renewal.window import known_zone, opens

__all__ = [
    "Choice",
    "Filters",
    "Stall",
    "Wanted",
    "authority_of",
    "choose",
    "failing",
    "known_zone",
    "matches",
    "matches_any",
    "opens",
    "stalled",
]
