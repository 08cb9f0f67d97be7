"""Configuration as code for Certify Certificate Manager on Windows servers.

    fleet = load(Path("."), environ=os.environ)
    host = fleet.hosts["web01.example.com"]
    session = connect(connect_secrets(host, os.environ), credentials=Credentials())
    report = reconcile(host, session, PlanOptions(uuid4().hex))

The names below are what other programs may rely on; everything else may change with any version.
"""

import importlib
import sys
import types
import typing

__version__ = "0.1.0"

if typing.TYPE_CHECKING:
    from certify_automation.certificates import (
        Expected,
        HostCertificates,
        certificates_host,
        served_host,
        verify_endpoints,
    )
    from certify_automation.confirmation import Confirmation, Patience, Person
    from certify_automation.desired import DesiredHost, Fleet, connect_secrets, load
    from certify_automation.due import Due, due
    from certify_automation.errors import (
        CertifyAutomationError,
        ConfigurationError,
        HostError,
        Position,
        Problem,
        Severity,
        UsageError,
    )
    from certify_automation.fleet.pool import (
        FleetOptions,
        HostFinished,
        HostStarted,
        RunFinished,
        WaveFinished,
        run_fleet,
    )
    from certify_automation.fleet.rollout import Budget
    from certify_automation.model.certificate import Verdict
    from certify_automation.model.host_report import HostReport, HostStatus
    from certify_automation.model.outcome import ExitCode
    from certify_automation.model.plan import Difference, Origin, Plan
    from certify_automation.plan import PlanOptions, RequestTerms
    from certify_automation.reconcile import apply_plan, plan_host, prepare_host, reconcile
    from certify_automation.remote import Credentials, Deadlines, Session, connect
    from certify_automation.remote.trust import trusted_roots
    from certify_automation.renewal import Filters, ListedCertificate, Wanted
    from certify_automation.renewing import Renewing, carry_on, renew_host
    from certify_automation.requesting import Requested, Requesting, request_host
    from certify_automation.status import Standing, status_host
    from certify_automation.takeback import rollback_host
    from certify_automation.verify import Judgement

__all__ = [
    "Budget",
    "CertifyAutomationError",
    "ConfigurationError",
    "Confirmation",
    "Credentials",
    "Deadlines",
    "DesiredHost",
    "Difference",
    "Due",
    "ExitCode",
    "Expected",
    "Filters",
    "Fleet",
    "FleetOptions",
    "HostCertificates",
    "HostError",
    "HostFinished",
    "HostReport",
    "HostStarted",
    "HostStatus",
    "Judgement",
    "ListedCertificate",
    "Origin",
    "Patience",
    "Person",
    "Plan",
    "PlanOptions",
    "Position",
    "Problem",
    "Renewing",
    "RequestTerms",
    "Requested",
    "Requesting",
    "RunFinished",
    "Session",
    "Severity",
    "Standing",
    "UsageError",
    "Verdict",
    "Wanted",
    "WaveFinished",
    "__version__",
    "apply_plan",
    "carry_on",
    "certificates_host",
    "connect",
    "connect_secrets",
    "due",
    "load",
    "plan_host",
    "prepare_host",
    "reconcile",
    "renew_host",
    "request_host",
    "rollback_host",
    "run_fleet",
    "served_host",
    "status_host",
    "trusted_roots",
    "verify_endpoints",
]

_HOMES = {
    "certificates": ("Expected", "HostCertificates", "certificates_host", "served_host", "verify_endpoints"),
    "confirmation": ("Confirmation", "Patience", "Person"),
    "desired": ("DesiredHost", "Fleet", "connect_secrets", "load"),
    "due": ("Due", "due"),
    "errors": (
        "CertifyAutomationError",
        "ConfigurationError",
        "HostError",
        "Position",
        "Problem",
        "Severity",
        "UsageError",
    ),
    "fleet.pool": ("FleetOptions", "HostFinished", "HostStarted", "RunFinished", "WaveFinished", "run_fleet"),
    "fleet.rollout": ("Budget",),
    "model.certificate": ("Verdict",),
    "model.host_report": ("HostReport", "HostStatus"),
    "model.outcome": ("ExitCode",),
    "model.plan": ("Difference", "Origin", "Plan"),
    "plan": ("PlanOptions", "RequestTerms"),
    "reconcile": ("apply_plan", "plan_host", "prepare_host", "reconcile"),
    "remote": ("Credentials", "Deadlines", "Session", "connect"),
    "remote.trust": ("trusted_roots",),
    "renewal": ("Filters", "ListedCertificate", "Wanted"),
    "renewing": ("Renewing", "carry_on", "renew_host"),
    "requesting": ("Requested", "Requesting", "request_host"),
    "status": ("Standing", "status_host"),
    "takeback": ("rollback_host",),
    "verify": ("Judgement",),
}
"""Module -> the names it gives to the front door, each imported when it is first asked for: a command line has said
nothing yet while a computer is busy with imports that it may not need."""

if not typing.TYPE_CHECKING:  # with it every misspelt name would have a type

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _FrontDoor(types.ModuleType):
    """The package; `reconcile` is the function in it also after Python has imported the module of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, types.ModuleType) and any(name in names for names in _HOMES.values())):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor
