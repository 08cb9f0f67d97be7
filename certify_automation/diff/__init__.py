"""Desired against observed: everything that is declared and not so. Pure; verifying a host is this once more."""

from certify_automation.diff.authentication import authentication_off
from certify_automation.diff.certificates import failure_text, preference_changes, preference_name, preference_value
from certify_automation.diff.comparing import Comparison, compare, differences, listening_elsewhere, observe_request
from certify_automation.diff.firewall import block_port, block_rules, blocked, letting_in
from certify_automation.diff.folder import folder_goal
from certify_automation.diff.http_sys import (
    ip_listen_entries,
    ip_listen_missing,
    ip_listen_surplus,
    reservation_of,
    reservation_sddl,
)
from certify_automation.diff.product_files import (
    DEFAULT_ENDPOINT,
    configured_endpoint,
    content_of,
    endpoint_of,
    file_of,
    pinned_url,
    readable,
)
from certify_automation.diff.services import observed_recovery

__all__ = [
    "DEFAULT_ENDPOINT",
    "Comparison",
    "authentication_off",
    "block_port",
    "block_rules",
    "blocked",
    "compare",
    "configured_endpoint",
    "content_of",
    "differences",
    "endpoint_of",
    "failure_text",
    "file_of",
    "folder_goal",
    "ip_listen_entries",
    "ip_listen_missing",
    "ip_listen_surplus",
    "letting_in",
    "listening_elsewhere",
    "observe_request",
    "observed_recovery",
    "pinned_url",
    "preference_changes",
    "preference_name",
    "preference_value",
    "readable",
    "reservation_of",
    "reservation_sddl",
]
