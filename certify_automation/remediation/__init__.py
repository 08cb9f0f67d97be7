"""Findings to an ordinary Plan: what of them this program may end by itself, and what is left for a person. Pure."""

from certify_automation.remediation.fragment import Allowed, Remedied
from certify_automation.remediation.mending import remedied
from certify_automation.remediation.planning import remedy_plan

__all__ = ["Allowed", "Remedied", "remedied", "remedy_plan"]
