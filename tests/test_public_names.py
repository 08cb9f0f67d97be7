"""What other programs may rely on: these names and no others, each one documented."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import certify_automation

PUBLIC = {
    "__version__",
    "load",
    "connect_secrets",
    "connect",
    "plan_host",
    "prepare_host",
    "apply_plan",
    "reconcile",
    "request_host",
    "Requesting",
    "Requested",
    "RequestTerms",
    "Wanted",
    "renew_host",
    "carry_on",
    "Renewing",
    "due",
    "Due",
    "rollback_host",
    "status_host",
    "certificates_host",
    "HostCertificates",
    "ListedCertificate",
    "Filters",
    "served_host",
    "verify_endpoints",
    "Expected",
    "Judgement",
    "Verdict",
    "trusted_roots",
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
    "Patience",
    "Person",
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
    "WaveFinished",
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


def run(program: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own, in which nothing has been imported yet."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 - ours


def test_a_name_is_the_same_whatever_was_imported_before() -> None:
    done = run(
        "import certify_automation.cli, certify_automation.reconcile as module\n"
        "from certify_automation import *\n"
        "print(callable(reconcile), callable(module), reconcile.__module__, callable(plan_host))"
    )
    assert done.stdout == "True True certify_automation.reconcile True\n", done.stderr


def test_what_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        getattr(certify_automation, "nothing_like_it")  # noqa: B009 - mypy knows that it is not there


@pytest.mark.parametrize(
    ("imported", "unneeded"),
    [("certify_automation", "certify_automation.errors"), ("certify_automation.cli", "certify_automation.lab")],
)
def test_what_is_not_needed_is_not_imported(imported: str, unneeded: str) -> None:
    done = run(f"import sys, {imported}; print({unneeded!r} in sys.modules)")
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("busy", ["certify_automation.cli", "certify_automation.remote", "click"])
def test_ctrl_c_while_the_program_is_being_imported_ends_it_in_a_word(busy: str) -> None:
    done = run(
        "import sys\n"
        "class Impatient:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {busy!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "from certify_automation.__main__ import main\n"
        "sys.exit(main())"
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
