"""The lab's answer to the on-host contract (docs/contract.md): what the scripts do, on a simulated computer.

A visit is a generator of waits, so that a test can carry it out at once on a clock that is turned, while a lab on the
wire lets its waits take time and can cut it off between two steps, as a killed process would be.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from certify_automation import onhost
from certify_automation.lab.onhost.confirm import confirm_or_undo
from certify_automation.lab.onhost.effect import Cut, Killed, Point, PowerLost
from certify_automation.lab.onhost.examine import examine
from certify_automation.lab.onhost.facts import read_facts
from certify_automation.lab.onhost.host import host_refusal
from certify_automation.lab.onhost.inventory import take_inventory
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.onhost.lock import lock_facts
from certify_automation.lab.onhost.processes import runner_of
from certify_automation.lab.onhost.renew import renew
from certify_automation.lab.onhost.run import apply_plan, is_failure_of_the_script
from certify_automation.lab.onhost.system_task import is_waited_for
from certify_automation.lab.onhost.visit import Json, Visit, VisitFaults, Waiting

__all__ = [
    "Cut",
    "Killed",
    "Point",
    "PowerLost",
    "Visit",
    "VisitFaults",
    "Waiting",
    "answer",
    "bootstrap",
    "is_waited_for",
    "perform",
]

NO_NONCE = "0"


def bootstrap(visit: Visit, stdin: str) -> Waiting[str]:
    """What the bootstrap writes to standard output for this standard input: one framed reply.

    Raises:
        PowerLost, Killed: a fault of the visit struck; there is no reply.
    """
    nonce, reply = yield from _reply(visit, stdin)
    text = ascii_json(reply)
    return f"<<<certify-automation {nonce} {len(text)}>>>\n{text}\n<<<end {nonce}>>>\r\n"


def perform(visit: Visit, name: str, parameters: dict[str, Any], deadline_seconds: int) -> Waiting[Json]:
    """The reply of one of the scripts: `Observe`, `Inventory`, `Examine`, `Apply`, `Guard` or `Renew`."""
    tasks = visit.computer.tasks
    tasks.runner = tasks.runner or runner_of(visit.computer)
    if name == "Apply" and onhost.acting_script(parameters).name != name:
        raise ValueError("This takes the script Guard.")
    refused = host_refusal(visit)
    if refused is not None:
        return {"contract": 1, "ok": False, "error": refused}
    if name == "Observe":
        facts = read_facts(visit, parameters, lock_facts(visit.computer), with_records=True)
        return {"contract": 1, "ok": True, "value": facts}
    act = {"Inventory": take_inventory, "Examine": examine, "Renew": renew}.get(name, _act)
    value = yield from act(visit, parameters, deadline_seconds)
    return {"contract": 1, "ok": True, "value": value}


def _act(visit: Visit, parameters: dict[str, Any], deadline_seconds: int) -> Waiting[Json]:
    verb = parameters["verb"]
    if verb == "apply":
        return (yield from apply_plan(visit, parameters["plan"], deadline_seconds))
    if verb in ("confirm", "undo"):
        return (yield from confirm_or_undo(visit, parameters, deadline_seconds))
    raise ValueError(f"No such verb: {verb}")


def answer(visit: Visit, name: str, parameters: dict[str, Any], *, deadline_seconds: int = 60) -> Json:
    """The reply at once: every wait turns the computer's clock instead, and timers act while it lasts.

    Raises:
        PowerLost, Killed: a fault of the visit struck.
    """
    steps = _guarded(visit, name, parameters, deadline_seconds)
    while True:
        try:
            seconds = next(steps)
        except StopIteration as done:
            reply: Json = done.value
            return reply
        visit.computer.pass_time(seconds)


def _reply(visit: Visit, stdin: str) -> Waiting[tuple[str, Json]]:
    try:
        request = json.loads(stdin)
        nonce, script = str(request["nonce"]), request["script"]
        if request["contract"] != onhost.CONTRACT:
            raise ValueError("The request is not of contract 1.")  # noqa: TRY301 - answered below as any other
    except (ValueError, KeyError, TypeError) as error:
        return NO_NONCE, _error("bad_request", str(error))
    if visit.computer.installation.language_mode != "FullLanguage":
        return nonce, _error("constrained_language", "The language mode is not FullLanguage.")
    if hashlib.sha256(str(script["text"]).encode()).hexdigest() != str(script["sha256"]).lower():
        return nonce, _error("script_digest", "The text does not have the digest it was sent with.")
    known = {onhost.script(name).sha256: name for name in onhost.FILES}
    name = known.get(str(script["sha256"]).lower())
    if name is None:
        return nonce, _error("script_failed", "A simulated host runs only the scripts of this version of the lab.")
    reply = yield from _guarded(visit, name, request["parameters"], int(request["deadline_seconds"]))
    return nonce, reply


def _guarded(visit: Visit, name: str, parameters: dict[str, Any], deadline_seconds: int) -> Waiting[Json]:
    try:
        reply = yield from perform(visit, name, parameters, deadline_seconds)
    except Exception as error:
        if not is_failure_of_the_script(error):
            raise
        return _error("script_failed", str(getattr(error, "text", error)))
    finally:
        visit.computer.files.close_all(visit.process)
    return reply


def _error(code: str, message: str) -> Json:
    return {"contract": 1, "ok": False, "error": {"code": code, "message": message, "at": ""}}
