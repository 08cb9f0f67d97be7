"""What the product needs beyond well-formed files: rules that need nothing but what was declared (CA12xx)."""

from certify_automation.desired.rules.connections import check_connections
from certify_automation.desired.rules.declared import Declared
from certify_automation.desired.rules.environment import check_environment
from certify_automation.desired.rules.http_sys import check_http_sys
from certify_automation.desired.rules.preferences import check_preferences
from certify_automation.desired.rules.renewals import check_renewals
from certify_automation.desired.rules.security import check_security
from certify_automation.desired.rules.service import check_service

__all__ = [
    "Declared",
    "check_connections",
    "check_environment",
    "check_http_sys",
    "check_preferences",
    "check_renewals",
    "check_security",
    "check_service",
]
