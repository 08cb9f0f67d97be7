"""Preferences and renewals, in a visit of their own once a run is confirmed."""

from __future__ import annotations

from collections import Counter

from certify_automation.lab.onhost.api import endpoint_url
from certify_automation.lab.onhost.api_calls import renewal_call
from certify_automation.lab.onhost.event import log_entry
from certify_automation.lab.onhost.facts import read_facts
from certify_automation.lab.onhost.inventory import with_certificates
from certify_automation.lab.onhost.lock import enter, holder, leave, lock_facts
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.product_api import ApiFailed
from certify_automation.lab.onhost.progress import unasked
from certify_automation.lab.onhost.refusal import folder_refusal
from certify_automation.lab.onhost.renewals import refused
from certify_automation.lab.onhost.run_record import checked, open_runs
from certify_automation.lab.onhost.system_task import call_api
from certify_automation.lab.onhost.visit import Json, Visit, Waiting
from certify_automation.lab.windows import Win32Error

_GOOD = ("renewed", "requested")
_INFORMATION, _WARNING = ("Information", 1030), ("Warning", 1031)
_FREE: Json = {"held": False, "holder": None}


def renew(visit: Visit, parameters: Json, deadline_seconds: int) -> Waiting[Json]:
    """The value of the script Renew; raises Win32Error where the script would fail."""
    until = visit.monotonic_ms() + 1000 * deadline_seconds
    run_id = checked(parameters["run_id"])
    untrusted = folder_refusal(visit)
    if untrusted is not None:
        done = refused(parameters, "lock_folder", untrusted["message"])
    elif not (yield from enter(visit, run_id)):
        done = refused(parameters, "locked", holder(visit.computer) or "")
    else:
        try:
            done = yield from _locked(visit, parameters, until)
            api = done.pop("api", None)
            done["facts"] = yield from _facts(visit, parameters, dict(_FREE), until, api)
        except Exception:
            leave(visit)
            raise
        _log(visit, parameters, done)
        leave(visit)
        return {"contract": 1, "run_id": run_id, **done}
    done["facts"] = yield from _facts(visit, parameters, lock_facts(visit.computer), until)
    _log(visit, parameters, done)
    return {"contract": 1, "run_id": run_id, **done}


def _locked(visit: Visit, parameters: Json, until: int) -> Waiting[Json]:
    waiting = open_runs(visit.computer)
    if waiting:
        return refused(parameters, "awaiting", waiting[-1].run_id)
    url = endpoint_url(parameters["observe"]["endpoint"])
    call = renewal_call(url, parameters, product_facts(visit.computer)["data_dir"])
    try:
        return (yield from call_api(visit, parameters["certificates"], call, until))
    except ApiFailed as failed:
        return {**refused(parameters, "api_task", str(failed)), "api": unasked(str(failed))}


def _facts(visit: Visit, parameters: Json, lock: Json, until: int, api: Json | None = None) -> Waiting[Json | None]:
    """What was done must be said even when the facts cannot be read."""
    try:
        facts = read_facts(visit, parameters["observe"], lock)
        return (yield from with_certificates(visit, facts, parameters, until, api))
    except (Win32Error, KeyError):
        return None


def _log(visit: Visit, parameters: Json, done: Json) -> None:
    """The entry in the event log."""
    preferences, origin = done["preferences"], parameters["origin"]
    statuses = Counter(one["status"] for one in done["renewals"])
    failed = [one["id"] for one in done["renewals"] if one["status"] == "failed"]
    good = done["refusal"] is None and all(status in _GOOD for status in statuses)
    good = good and (preferences is None or preferences["status"] != "failed")
    lines = [
        f"Run: {parameters['run_id']}",
        f"Commit: {origin['commit'] or 'none'}",
        f"By: {origin['by']} on the controller, {visit.account} on this computer",
        *([f"Preferences: {preferences['status']}"] if preferences else []),
        *(f"{status}: {statuses[status]}" for status in sorted(statuses)),
        *([f"Failed: {' '.join(failed)}"] if failed else []),
    ]
    stop = done["refusal"] or (preferences or {}).get("failure")
    lines += [f"Failure: {stop['code']} {stop['message']}"] if stop else []
    log_entry(visit, _INFORMATION if good else _WARNING, "\r\n".join(lines))
