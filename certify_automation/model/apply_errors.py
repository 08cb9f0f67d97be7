"""What a host's answer to a plan means for the user, when it is not simply done."""

from __future__ import annotations

from collections.abc import Sequence

from certify_automation.errors import HostError, Locked, PlanRefused, Stale
from certify_automation.model.outcome import Outcome, Result
from certify_automation.model.plan import Difference
from certify_automation.model.step import Failure

_DISK = "see free space on the host's system drive"
_REFUSALS: dict[str, tuple[type[HostError], str, str, str]] = {
    "locked": (Locked, "CA4001", "another run holds this host", "try again when it has ended"),
    "stale": (Stale, "CA4002", "the host is no longer what the plan was made from", "plan again"),
    "port_owned": (
        PlanRefused,
        "CA4003",
        "another program owns the declared port",
        "stop that program, or declare another service.config.port",
    ),
    "lock_folder": (
        HostError,
        "CA4004",
        "the protected folder cannot be used",
        r"see who owns %ProgramData%\certify-automation on the host, and remove it if it is not this program's",
    ),
    "awaiting": (
        Locked,
        "CA4005",
        "another run waits for its confirmation on this host",
        "try again when it is confirmed, or has put everything back by itself",
    ),
    "journal_version": (
        HostError,
        "CA4006",
        "a run of another version of certify-automation has no end on this host",
        "run that version, or bring the host to a known state by hand as docs/safety.md says",
    ),
    "journal_damaged": (
        HostError,
        "CA4007",
        "the journal of a run that has no end on this host cannot be trusted",
        "bring the host to a known state by hand as docs/safety.md says",
    ),
    "unknown_run": (
        HostError,
        "CA4008",
        "the host knows nothing of the run",
        "either it never began there, or its record is gone; `plan` shows how the host is now",
    ),
    "journal": (HostError, "CA4024", "the journal could not be begun, so nothing was changed", _DISK),
    "timer": (
        HostError,
        "CA4010",
        "the timer that would put everything back does not run, so nothing was changed",
        "see on the host whether the Task Scheduler runs, and what policy says about tasks and PowerShell",
    ),
}
_FAILURES: dict[str, tuple[str, str, str]] = {
    "service_config": ("CA4011", "a start mode could not be set", "see on the host what sc.exe says"),
    "service_start": ("CA4012", "the service did not start", "see the product's logs and the System event log"),
    "service_stop": ("CA4013", "the service did not stop", "see the System event log of the host"),
    "service_pending": ("CA4014", "the service is stuck in a pending state", "the server may have to be restarted"),
    "driver_start": ("CA4015", "the HTTP driver did not start", "the server may have to be restarted"),
    "netsh": ("CA4016", "a setting of http.sys could not be made", "see on the host what netsh http says"),
    "file_changed": ("CA4017", "a file was changed by somebody else meanwhile", "plan again"),
    "file_write": ("CA4018", "a file could not be written", "see free space and access rights of the data folder"),
    "health_timeout": (
        "CA4019",
        "the API did not answer in time",
        "see what `doctor` finds there, and the product's logs; the old state is back",
    ),
    "endpoint_differs": (
        "CA4020",
        "the API listens elsewhere than declared",
        "see what else on the host sets its address: appsettings-core.json, environment variables",
    ),
    "deadline": ("CA4021", "the host ran out of time", "try again when the host is less busy"),
    "data_copy": (
        "CA4022",
        "the product's data could not be copied before a start, so the service was left as it was",
        "see free space on the host's system drive, and who holds manageditems.db open",
    ),
    "data_store": (
        "CA4023",
        "the service could not open its data, and was not started a second time",
        (
            r"copies from before are in %ProgramData%\certify-automation\runs\<run>\data on the host: stop the service,"
            " restore or repair manageditems.db as the vendor's pages on its data store say, and start the service"
        ),
    ),
    "journal": ("CA4024", "the journal could not be written", _DISK),
    "interrupted": (
        "CA4025",
        "the run was cut off",
        "see whether the host lost power or its connection, then apply again",
    ),
    "not_confirmed": (
        "CA4026",
        "nobody confirmed in time that the host can still be reached",
        "see which addresses the IP listen list leaves to WinRM; a list that has none cuts it off",
    ),
    "access_control": ("CA4027", "an access list could not be set", "see who owns the product's data folder"),
    "firewall": ("CA4028", "a firewall rule could not be set", "see whether policy manages the host's firewall"),
}
_SAID_ALREADY = {"interrupted", "not_confirmed"}
"""What the host says of these is what the words say."""

_OTHER = ("CA4029", "the host could not carry out the plan", "see the steps of this host")


def outcome_error(outcome: Outcome, remaining: Sequence[Difference] = ()) -> HostError | None:
    """Why an apply did not do what was asked; None when it did.

    Args:
        outcome: the host's answer.
        remaining: what is still not as declared, according to the facts afterwards.
    """
    if outcome.result is Result.REFUSED:
        return _refused(outcome.refusal or Failure("", "no reason given"))
    if outcome.result is Result.APPLIED:
        return _remaining(remaining) if remaining else None
    failure = outcome.failure or Failure("", "no reason given")
    error_id, words, hint = _FAILURES.get(failure.code, _OTHER)
    what = f"{words}{_where(outcome, failure)}"
    if failure.code not in _SAID_ALREADY:
        what += f": {failure.message.rstrip('. ')}"
    if outcome.result is Result.ROLLED_BACK:
        kind = Stale if failure.code == "file_changed" else HostError
        return kind(error_id, f"{what}; {_ended(outcome)}", hint=hint)
    left = [f"{step.index + 1} ({step.kind}): {step.message}" for step in outcome.steps if step.status == "undo_failed"]
    if any(step.code == "data_store" for step in outcome.steps):
        error_id, words, hint = _FAILURES["data_store"]
        return HostError(error_id, f"{words}: {'; '.join(left)}; before that, {what}", hint=hint)
    return HostError(
        "CA4030",
        f"{what}; and not everything could be put back: {'; '.join(left) or 'the host did not say what'}",
        hint=r"the backups are in %ProgramData%\certify-automation on the host",
    )


def _ended(outcome: Outcome) -> str:
    untouched = outcome.steps and all(step.status == "not_run" for step in outcome.steps)
    return "nothing had been changed yet" if untouched else "everything was put back"


def _where(outcome: Outcome, failure: Failure) -> str:
    steps = {step.index: step.kind for step in outcome.steps}
    return "" if failure.step is None else f" at step {failure.step + 1} ({steps.get(failure.step, 'unknown')})"


def _refused(refusal: Failure) -> HostError:
    kind, error_id, words, hint = _REFUSALS.get(
        refusal.code, (HostError, "CA4009", "the host refused the plan", "see what the host says")
    )
    moved = f" ({', '.join(refusal.moved)})" if refusal.moved else ""
    return kind(error_id, f"{words}{moved}: {refusal.message or 'the host does not say more'}", hint=hint)


def _remaining(remaining: Sequence[Difference]) -> HostError:
    paths = ", ".join(difference.path for difference in remaining)
    return HostError(
        "CA4031",
        f"applied, and still not as declared: {paths}",
        hint="something on the host sets it back, or the product did not take it; plan again to see",
    )
