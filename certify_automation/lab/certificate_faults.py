"""Faults of a host's state that concern its certificates: the API that tells of them, renewing, serving, the clock."""

from __future__ import annotations

from datetime import timedelta

from certify_automation.lab.certify import ApiResponse
from certify_automation.lab.certify.api.messages import json_response
from certify_automation.lab.exposure_faults import Fault, Options
from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.windows import win32

_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"
_STACK = (
    "System.Data.SQLite.SQLiteException (0x80004005): database is locked\r\n"
    "   at Certify.Datastore.SQLite.SQLiteManagedItemStore.GetById(String itemId) in secret=hunter2\r\n"
    "   at Certify.Service.Controllers.ManagedCertificateController.Search(ManagedCertificateFilter filter)"
)
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
    if host.product is not None and host.product.scheduler is not None:
        host.product.scheduler.running = True
    return host


def _renewal_slow(host: BuiltHost, number: int, options: Options) -> BuiltHost:  # noqa: ARG001 - a Fault
    """A certificate request takes long."""
    if host.product is not None:
        host.product.conditions.attempt_seconds = float(options.get("seconds", _SLOW_SECONDS))
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


CERTIFICATE_FAULTS: dict[str, Fault] = {
    "api_html": _api_html,
    "api_500_stack_trace": _api_500_stack_trace,
    "api_refused": _api_refused,
    "task_forbidden": _task_forbidden,
    "renewal_stuck": _renewal_stuck,
    "renewal_slow": _renewal_slow,
    "served_old": _served_old,
    "chain_incomplete": _chain_incomplete,
    "clock_skew": _clock_skew,
}
"""Fault -> what it does to a built host."""
