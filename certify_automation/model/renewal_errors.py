"""What a host's answer to preferences and renewals means for the user, when it is not simply done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import shorten

from certify_automation.errors import HostError, Locked, OutcomeUnknown, Stale
from certify_automation.model.renewal import CertificateRenew, RenewalResult, RenewalStatus, Renewed
from certify_automation.model.step import Failure
from certify_automation.naming import some_of

_API = "see `plan` for what the product's API answers now"
_REFUSALS: Mapping[str, tuple[type[HostError], str, str, str]] = {
    "locked": (Locked, "CA4101", "another run holds this host", "try again when it has ended"),
    "awaiting": (
        Locked,
        "CA4102",
        "a run on this host has no end yet",
        "the next `apply` brings it to its end and asks for what is due then",
    ),
    "lock_folder": (
        HostError,
        "CA4103",
        "the protected folder cannot be used",
        r"see who owns %ProgramData%\certify-automation on the host, and remove it if it is not this program's",
    ),
    "api_unreachable": (HostError, "CA4104", "the product's API did not answer", "see whether the service runs"),
    "api_refused": (HostError, "CA4105", "the product's API refused whoever asked", "see who may use its API"),
    "api_status": (HostError, "CA4106", "the product's API answered with an error", _API),
    "api_answer": (HostError, "CA4107", "the product's API answered with something else than expected", _API),
    "api_task": (
        HostError,
        "CA4108",
        "no task could ask the product's API",
        "see on the host whether the Task Scheduler runs, and what policy says about tasks and PowerShell",
    ),
}
_PREFERENCES: Mapping[str, tuple[type[HostError], str, str, str]] = {
    "preferences_moved": (
        Stale,
        "CA4111",
        "a preference was changed by somebody else meanwhile, so none was set",
        "plan again",
    ),
    "issuer_cache": (
        HostError,
        "CA4112",
        "no preference was set, because that would have reset enableIssuerCache, which only appsettings.json knows",
        "see whether appsettings.json in the product's data folder can be read, or declare enable_issuer_cache too",
    ),
    "preferences_refused": (HostError, "CA4113", "the product did not take the preferences", _API),
    "unknown_request": (OutcomeUnknown, "CA4116", "whether the preferences were set is not known", _API),
}
_RENEWALS: tuple[tuple[tuple[RenewalStatus, ...], type[HostError], str, str, str], ...] = (
    (
        (RenewalStatus.FAILED,),
        HostError,
        "CA4121",
        "could not be renewed",
        (
            "the product's log of the certificate on the host says more; it is asked for again once retry_after and "
            "the product's own back-off are over: `certs` says when"
        ),
    ),
    (
        (RenewalStatus.NOT_STARTED,),
        HostError,
        "CA4122",
        "requested, and the product has not begun",
        "it works on another pass, or its scheduler is stuck until the service is restarted; see with `plan`",
    ),
    (
        (RenewalStatus.RUNNING,),
        HostError,
        "CA4123",
        "still under way when the time to wait was over",
        "nothing is requested again; see with `certs`, and wait longer (`--wait` of renew, `--wait-renewals` of apply)",
    ),
    (
        (RenewalStatus.REQUESTED,),
        OutcomeUnknown,
        "CA4127",
        "requested, and it is not known what became of it",
        "nothing is requested again; see with `plan`",
    ),
    (
        (RenewalStatus.PAUSED,),
        HostError,
        "CA4124",
        "waiting for somebody to act in the product",
        "such as a DNS record that is made by hand; then resume it there",
    ),
    (
        (RenewalStatus.NOT_RUN,),
        HostError,
        "CA4125",
        "not requested",
        "see what the host says, then plan again",
    ),
    (
        (RenewalStatus.MOVED, RenewalStatus.MISSING),
        Stale,
        "CA4126",
        "not as it was when this was planned, so not requested",
        "somebody renewed, changed or removed it meanwhile: plan again",
    ),
)
_NAMES_SHOWN = 5
_MESSAGE_SHOWN = 160


def renewed_error(changes: Sequence[CertificateRenew], renewed: Renewed, *, waited: bool = True) -> HostError | None:
    """Why preferences and renewals are not all as asked; None when they are.

    One error for all: it has the id of the worst part, and names every part.

    Args:
        changes: the renewals that were asked for, for their names.
        renewed: the host's answer.
        waited: whether they were waited for; otherwise a certificate that is `requested` is all that was asked for.
    """
    if renewed.refusal is not None:
        kind, number, words, hint = _REFUSALS.get(
            renewed.refusal.code, (HostError, "CA4109", "the host refused preferences and renewals", _API)
        )
        return kind(number, f"{words}: {_said(renewed.refusal)}", hint=hint)
    results = [one for one in renewed.renewals if waited or one.message or one.status is not RenewalStatus.REQUESTED]
    found = [*_preferences(renewed), *_renewals({change.id: change.name for change in changes}, results)]
    if not found:
        return None
    worst = found[0]
    return type(worst)(worst.id, "; ".join(error.message for error in found), hint=worst.hint)


def _preferences(renewed: Renewed) -> Iterator[HostError]:
    failure = renewed.preferences_failure
    if renewed.preferences == "failed" or failure is not None:
        failure = failure or Failure("", "")
        kind, number, words, hint = _PREFERENCES.get(
            failure.code, (HostError, "CA4114", "the preferences could not be set", _API)
        )
        yield kind(number, f"{words}: {_said(failure)}", hint=hint)
    elif renewed.preferences == "not_run":
        yield HostError("CA4115", "the preferences were not set", hint="plan again")


def _renewals(names: Mapping[str, str], results: Sequence[RenewalResult]) -> Iterator[HostError]:
    for statuses, kind, number, words, hint in _RENEWALS:
        found = [result for result in results if result.status in statuses]
        if found:
            shown = some_of([_result(names, result) for result in found], _NAMES_SHOWN)
            yield kind(number, f"{words}: {shown}", hint=hint)


def _result(names: Mapping[str, str], result: RenewalResult) -> str:
    why = shorten(result.message or "", _MESSAGE_SHOWN, placeholder=" ...").rstrip(". ")
    return f"{names.get(result.id, result.id)}{f' ({why})' if why else ''}"


def _said(failure: Failure) -> str:
    return failure.message.rstrip(". ") or "the host does not say more"
