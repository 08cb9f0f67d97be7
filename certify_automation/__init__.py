"""Configuration as code for Certify Certificate Manager on Windows servers.

    fleet = load(Path("."), environ=os.environ)
    host = fleet.hosts["web01.example.com"]
    session = connect(connect_secrets(host, os.environ), credentials=Credentials())
    report = reconcile(host, session, PlanOptions(uuid4().hex))

The names below are what other programs may rely on; everything else may change with any version.
"""

__version__ = "0.1.0"

from certify_automation.confirmation import Confirmation
from certify_automation.desired import DesiredHost, Fleet, connect_secrets, load
from certify_automation.errors import (
    CertifyAutomationError,
    ConfigurationError,
    HostError,
    Position,
    Problem,
    Severity,
    UsageError,
)
from certify_automation.fleet.pool import FleetOptions, HostFinished, HostStarted, RunFinished, run_fleet
from certify_automation.fleet.rollout import Budget
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.outcome import ExitCode
from certify_automation.model.plan import Difference, Origin, Plan
from certify_automation.plan import PlanOptions
from certify_automation.reconcile import apply_plan, plan_host, reconcile
from certify_automation.remote import Credentials, Deadlines, Session, connect
from certify_automation.status import Standing, status_host

__all__ = [
    "Budget",
    "CertifyAutomationError",
    "ConfigurationError",
    "Confirmation",
    "Credentials",
    "Deadlines",
    "DesiredHost",
    "Difference",
    "ExitCode",
    "Fleet",
    "FleetOptions",
    "HostError",
    "HostFinished",
    "HostReport",
    "HostStarted",
    "HostStatus",
    "Origin",
    "Plan",
    "PlanOptions",
    "Position",
    "Problem",
    "RunFinished",
    "Session",
    "Severity",
    "Standing",
    "UsageError",
    "__version__",
    "apply_plan",
    "connect",
    "connect_secrets",
    "load",
    "plan_host",
    "reconcile",
    "run_fleet",
    "status_host",
]
