"""Which certificates are due and why, as the product itself computes it. Pure."""

from certify_automation.due.authority import authority_of
from certify_automation.due.interval import preference_warnings
from certify_automation.due.rules import Back, Due, Rule, back_off, due, lifetime_ms, urgency
from certify_automation.due.wording import moment_text, span_text

__all__ = [
    "Back",
    "Due",
    "Rule",
    "authority_of",
    "back_off",
    "due",
    "lifetime_ms",
    "moment_text",
    "preference_warnings",
    "span_text",
    "urgency",
]
