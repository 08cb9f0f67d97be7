"""What other programs may rely on: these names and no others, each one documented."""

from __future__ import annotations

import inspect

import certify_automation

PUBLIC = {
    "__version__",
    "load",
    "connect_secrets",
    "connect",
    "plan_host",
    "apply_plan",
    "reconcile",
    "status_host",
    "run_fleet",
    "Fleet",
    "DesiredHost",
    "Credentials",
    "Deadlines",
    "Session",
    "PlanOptions",
    "Plan",
    "Origin",
    "Confirmation",
    "Difference",
    "HostReport",
    "HostStatus",
    "Standing",
    "ExitCode",
    "Budget",
    "FleetOptions",
    "HostStarted",
    "HostFinished",
    "RunFinished",
    "CertifyAutomationError",
    "ConfigurationError",
    "UsageError",
    "HostError",
    "Problem",
    "Position",
    "Severity",
}


def test_the_public_names_are_exactly_these() -> None:
    assert sorted(certify_automation.__all__) == sorted(PUBLIC)


def test_they_exist_and_say_what_they_are() -> None:
    for name in PUBLIC:
        value = getattr(certify_automation, name)
        assert isinstance(value, str) or inspect.getdoc(value), name


def test_nothing_else_is_imported_into_the_front_door() -> None:
    found = {
        name
        for name, value in vars(certify_automation).items()
        if not inspect.ismodule(value) and not name.startswith("_")
    }
    assert found <= PUBLIC
