"""Faults of a host's state that concern its certificates: the API that tells of them, renewing, serving, the clock."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from certify_automation.lab.certificates import CertificateSpec, install_certificates
from certify_automation.lab.certify import ApiResponse, Product
from certify_automation.lab.certify.api.messages import json_response
from certify_automation.lab.certify.item_rows import UnreadableItem
from certify_automation.lab.fault_steps import Fault, Options, restarted
from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.windows import Win32Error, win32

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"
_STACK = (
    "System.Data.SQLite.SQLiteException (0x80004005): database is locked\r\n"
    "   at Certify.Datastore.SQLite.SQLiteManagedItemStore.GetById(String itemId) in secret=hunter2\r\n"
    "   at Certify.Service.Controllers.ManagedCertificateController.Search(ManagedCertificateFilter filter)"
)
TIME_SERVICE = "W32Time"
_SLOW_SECONDS = 900.0
_SKEW_SECONDS = 900.0


def _api_html(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Something before the API answers every request but that for the version with a page."""
    return _answered(host, ApiResponse(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE))


def _api_500_stack_trace(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The API fails at every request but that for the version, and tells where."""
    return _answered(host, json_response({"message": "An error has occurred.", "exception": _STACK}, 500))


def _api_refused(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The API tells its version and nothing else, whoever asks."""
    return _answered(host, json_response({"message": "Authorization has been denied for this request."}, 401))


def _answered(host: BuiltHost, response: ApiResponse) -> BuiltHost:
    if host.product is not None:
        host.product.answered_instead = response
    return host


def _task_forbidden(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Nobody may register a task."""
    host.computer.tasks.refusal = win32.ACCESS_DENIED
    return host


def _renewal_stuck(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """An exception has left the mark that a renewal pass runs: none starts before the service starts again."""
    clock, seconds = host.computer.clock, float(options.get("seconds", 0))
    if seconds and host.product is not None:
        # The service has run for so long then, and the time of day is what it was.
        clock.set(clock.now() - timedelta(seconds=seconds))
        restarted(host)
        _make_due(host, host.product)
    if host.product is not None and host.product.scheduler is not None:
        host.product.scheduler.running = True
    clock.advance(seconds)
    return host


def _make_due(host: BuiltHost, product: Product) -> None:
    """One certificate at least is to be renewed."""
    with contextlib.suppress(UnreadableItem):
        if product.store is not None and not product.store.items():
            install_certificates(product, [CertificateSpec(f"overdue.{host.spec.name}", state="overdue")])


def _renewal_slow(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """A certificate request takes long."""
    if host.product is not None:
        host.product.conditions.attempt_seconds = float(options.get("seconds", _SLOW_SECONDS))
    return host


def _renewals_held(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Somebody has taken every certificate out of the automatic renewals."""
    product = host.product
    if product is None or product.store is None:
        return host
    with contextlib.suppress(UnreadableItem):
        if not product.store.items():
            install_certificates(product, [CertificateSpec(f"{name}.{host.spec.name}") for name in ("shop", "mail")])
        product.store.change([{**item, "IncludeInAutoRenew": False} for item in product.store.items()])
    return host


def _renewals_failing(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """A certificate's requests have failed for days."""
    product = host.product
    if product is not None and product.store is not None:
        install_certificates(product, [CertificateSpec(f"failing.{host.spec.name}", state="failing_dns")])
    return host


def _served_old(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """Certificates are renewed, and the bindings stay with the old ones."""
    if host.product is not None:
        host.product.conditions.not_followed |= {one.item_id for one in host.spec.certificates}
    return host


def _chain_incomplete(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """TLS servers send their certificate without those of its issuers."""
    host.computer.certificates.finds_issuers = False
    return host


def _clock_skew(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """The time of day is wrong: so many seconds ahead."""
    clock = host.computer.clock
    clock.set(clock.now() + timedelta(seconds=float(options.get("seconds", _SKEW_SECONDS))))
    return host


def _time_service_stopped(host: BuiltHost, number: int, options: Options) -> BuiltHost:
    """Nobody sets the clock: the time service is stopped and disabled, and the time of day is minutes ahead."""
    services = host.computer.services
    services.configure(TIME_SERVICE, "Disabled")
    with contextlib.suppress(Win32Error):
        services.stop(TIME_SERVICE)
    host.computer.surroundings.time_source = "NoSync"
    host.computer.clock.advance(5)
    services.settle()
    return _clock_skew(host, number, options)


CERTIFICATE_FAULTS: dict[str, Fault] = {
    "api_html": _api_html,
    "api_500_stack_trace": _api_500_stack_trace,
    "api_refused": _api_refused,
    "task_forbidden": _task_forbidden,
    "renewal_stuck": _renewal_stuck,
    "renewal_slow": _renewal_slow,
    "renewals_held": _renewals_held,
    "renewals_failing": _renewals_failing,
    "served_old": _served_old,
    "chain_incomplete": _chain_incomplete,
    "clock_skew": _clock_skew,
    "time_service_stopped": _time_service_stopped,
}
"""Fault -> what it does to a built host."""
