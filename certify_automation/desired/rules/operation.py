"""Rules of how Windows runs the service: start mode, account, recovery."""

from __future__ import annotations

import re
from collections.abc import Iterator

from certify_automation.desired.rules.declared import Declared, warning
from certify_automation.desired.words import shown
from certify_automation.errors import Problem

_ACCOUNT = re.compile(r"(?ai:LocalSystem)|[^\\/@]+\\[^\\/@]+|[^\\/@]+@[^\\/@]+")
_FORMS = "DOMAIN\\name, name@domain, or .\\name for an account of the machine"
_BUILT_IN = {
    "localsystem": "LocalSystem",
    "system": "LocalSystem",
    "localservice": "NT AUTHORITY\\LocalService",
    "networkservice": "NT AUTHORITY\\NetworkService",
}


def check_operation(declared: Declared) -> Iterator[Problem]:
    """Problems of start mode, account and recovery."""
    mode = declared.service.get("start_mode")
    if mode in {"manual", "disabled"} and declared.service.get("state") != "stopped":
        message = f"the start mode {mode} leaves the service stopped after the next boot: nothing is renewed"
        yield warning("CA1217", message, declared.where("service.start_mode"), "use automatic-delayed")
    yield from _account(declared)
    yield from _recovery(declared)


def _account(declared: Declared) -> Iterator[Problem]:
    account = declared.service.get("account")
    if account is None or (_ACCOUNT.fullmatch(account) and account.isprintable() and account == account.strip()):
        return
    name = account.strip()
    if not name.isprintable():
        hint = "YAML reads \\n, \\t and others in double quotes as one character: write it without quotes"
    elif re.search(r"[\\/@]", name):
        hint = f"write LocalSystem, {_FORMS}"
    else:
        known = _BUILT_IN.get(name.replace(" ", "").casefold())
        hint = f"write {known or _FORMS}"
    yield Problem("CA1241", f"{shown(account)} is not an account of Windows", declared.where("service.account"), hint)


def _recovery(declared: Declared) -> Iterator[Problem]:
    recovery = declared.service.get("recovery")
    if recovery is None:
        return
    if "actions" not in recovery:
        message = "service.recovery lacks actions: Windows sets reset period and actions together"
        yield Problem("CA1219", message, declared.where("service.recovery"), "actions: [] lets nothing happen")
        return
    where, actions = declared.where("service.recovery.actions"), {one["action"] for one in recovery["actions"]}
    if "reboot" in actions:
        message = "the recovery action reboot restarts the whole machine because one service has failed"
        yield warning("CA1218", message, where, "use restart")
    if "restart" not in actions:
        return
    if declared.service.get("start_mode") == "disabled":
        message = "the recovery action restart has no effect: Windows does not start a service that is disabled"
        yield warning("CA1240", message, where, "remove it, or declare another service.start_mode")
    elif declared.service.get("state") == "stopped":
        message = "a recovery action that Windows has scheduled starts the service again, though state is stopped"
        yield warning("CA1240", message, where, "start_mode: disabled prevents it")
