"""Warnings as values."""

from __future__ import annotations

from certify_automation.errors import Problem, Severity


def warning(warning_id: str, message: str, hint: str = "") -> Problem:
    """What is shown with a plan and never in its way."""
    return Problem(warning_id, message, hint=hint, severity=Severity.WARNING)
