"""Differences to a Plan: typed changes in a safe order, or the reasons why there must be none. Pure."""

from certify_automation.diff import observe_request
from certify_automation.plan.planner import PlanOptions, make_plan

__all__ = ["PlanOptions", "make_plan", "observe_request"]
