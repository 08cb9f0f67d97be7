"""What is wrong with renewals, as the product's API and its log tell it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.doctor.diagnosis import Case, Rule, finding
from certify_automation.due import back_off
from certify_automation.model.certificate import ACME_ITEM, ApiFailure, ManagedCertificate, RequestState
from certify_automation.model.finding import Evidence, Finding
from certify_automation.naming import some_of
from certify_automation.renewal import failing, stalled

_NAMES_SHOWN = 5
_EXCERPT = 200


def _stalled(case: Case) -> Iterator[Finding]:
    found = case.facts.certificates
    stall = stalled(found, case.facts.host.clock_utc_ms) if found is not None and case.running else None
    if stall is not None:
        number = f"{len(stall.ids)} certificate{' has' if len(stall.ids) == 1 else 's have'}"
        cause = f"{number} been due for more than an hour, and the product makes no passes although its API answers"
        yield finding("CA6701", cause, [Evidence("API and session.log", text) for text in stall.evidence])


def _held(case: Case) -> Iterator[Finding]:
    own = _own(case)
    reasons = {_name(one): _hold(one, case.facts.host.clock_utc_ms) for one in own}
    if own and all(reasons.values()):
        what = "the only certificate" if len(own) == 1 else f"all of the {len(own)} certificates"
        cause = f"the product renews nothing by itself: {what} will not be requested"
        shown = [Evidence(f"API: {name}", reason) for name, reason in list(reasons.items())[:_NAMES_SHOWN]]
        yield finding("CA6702", cause, shown)


def _hold(one: ManagedCertificate, now_utc_ms: int) -> str:
    """Why the product does not request it until somebody acts; empty when it does."""
    if one.status == RequestState.PAUSED:
        return "paused until a person completes the request"
    if not one.auto_renew:
        return "taken out of automatic renewal"
    if one.skip_request:
        return "its request is skipped"
    return f"given up after {one.failures} failures in a row" if back_off(one, now_utc_ms).for_good else ""


def _failing(case: Case) -> Iterator[Finding]:
    bad = [one for one in _own(case) if failing(one)]
    if bad:
        names = some_of(sorted(map(_name, bad)), _NAMES_SHOWN)
        cause = f"the last attempt for {len(bad)} of {len(_own(case))} failed: {names}"
        evidence = [Evidence(f"API: {_name(one)}", _message(one)) for one in bad[:_NAMES_SHOWN]]
        yield finding("CA6703", cause, evidence)


def _message(one: ManagedCertificate) -> str:
    message = " ".join((one.failure_message or "no message").split())
    times = f"{one.failures} failures in a row; " if one.failures > 1 else ""
    return f"{times}{message[:_EXCERPT]}"


def _unknown(case: Case) -> Iterator[Finding]:
    failure = case.facts.certificates.failure if case.facts.certificates else None
    if failure is not None and case.service is not None:
        cause = f"which certificates there are, and whether they are renewed, is not known: {_said(failure)}"
        yield finding("CA6704", cause, [Evidence(failure.request or "API", _said(failure))])


def _said(failure: ApiFailure) -> str:
    status = f"status {failure.status}" if failure.status is not None else failure.code
    return f"{status} ({failure.message})" if failure.message else status


def _own(case: Case) -> list[ManagedCertificate]:
    """Those that the product renews by itself as a rule."""
    found = case.facts.certificates
    return [one for one in (found.certificates if found else None) or () if one.item_type == ACME_ITEM]


def _name(one: ManagedCertificate) -> str:
    return one.name or one.id


RENEWALS: tuple[Rule, ...] = (_stalled, _held, _failing, _unknown)
