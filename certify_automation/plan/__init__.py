"""Differences to a Plan: typed changes in a safe order, or the reasons why there must be none. Pure."""

from certify_automation.diff import observe_request
from certify_automation.plan.planner import make_plan
from certify_automation.plan.situation import CONFIRM_SECONDS, PlanOptions

__all__ = ["CONFIRM_SECONDS", "PlanOptions", "make_plan", "observe_request"]
