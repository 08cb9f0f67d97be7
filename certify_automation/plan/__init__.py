"""Differences to a Plan: typed changes in a safe order, or the reasons why there must be none. Pure."""

from certify_automation.diff import observe_request
from certify_automation.plan.following import api_failure, stall_warning
from certify_automation.plan.planner import make_plan
from certify_automation.plan.requests import RequestTerms, make_request_plan
from certify_automation.plan.situation import CONFIRM_SECONDS, PlanOptions
from certify_automation.plan.warnings import clock_warnings

__all__ = [
    "CONFIRM_SECONDS",
    "PlanOptions",
    "RequestTerms",
    "api_failure",
    "clock_warnings",
    "make_plan",
    "make_request_plan",
    "observe_request",
    "stall_warning",
]
