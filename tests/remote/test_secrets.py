"""No password, no hash and no private key in anything that is shown, whatever goes wrong."""

from __future__ import annotations

import base64
import gc
import logging
import traceback
from typing import Any

import pytest
import requests
from relay import Relay
from scripted_host import PASSWORD, SCRIPT, Host, Lab
from winrm.protocol import Protocol

from certify_automation import onhost
from certify_automation.errors import HostError
from certify_automation.lab.winrm import Process, WireFault, WireFaultKind, WsmanOperation
from certify_automation.model.host import Auth
from certify_automation.model.secret import Secret

Kind, Op = WireFaultKind, WsmanOperation
SECRETS = (PASSWORD, base64.b64encode(f"operator:{PASSWORD}".encode()).decode(), PASSWORD.split("/")[1])
RULES = [
    WireFault(Kind.REFUSE_AUTHENTICATION),
    WireFault(Kind.SERVICE_UNAVAILABLE),
    WireFault(Kind.SERVICE_UNAVAILABLE, at=2),
    WireFault(Kind.DROP),
    WireFault(Kind.DROP, at=4),
    WireFault(Kind.DROP_ANSWER, operation=Op.RECEIVE),
    WireFault(Kind.UNDECRYPTABLE),
    WireFault(Kind.TOO_LARGE, operation=Op.SEND),
    WireFault(Kind.SHELL_QUOTA),
    WireFault(Kind.CONNECTION_RESET),
]


def shown(error: BaseException) -> str:
    """All that a log or a crash report could show of an exception, with everything that caused it."""
    text = "".join(traceback.format_exception(error)) + repr(error) + str(error) + str(getattr(error, "hint", ""))
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
        text += repr(error) + repr(error.args) + repr(getattr(error, "__dict__", ""))
    return text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind}-{rule.at}")
@pytest.mark.parametrize(("https", "auth"), [(False, Auth.NEGOTIATE), (True, Auth.NEGOTIATE), (True, Auth.BASIC)])
def test_an_error_shows_no_secret(
    lab: Lab, caplog: pytest.LogCaptureFixture, rule: WireFault, https: bool, auth: Auth
) -> None:
    caplog.set_level(logging.DEBUG)
    host = lab.host(rule)
    for acts in (False, True):
        told = ""
        try:
            host.session(host.https if https else host.http, auth=auth).run(SCRIPT, {}, acts=acts)
        except HostError as error:
            told = shown(error)
        assert not [secret for secret in SECRETS if secret in told]
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_an_error_keeps_neither_connection_nor_request(host: Host) -> None:
    host.faults.add(WireFault(Kind.DROP))
    errors = []
    for _ in range(3):
        with pytest.raises(HostError) as caught:
            host.visit()
        errors.append(caught.value)
    gc.collect()
    assert errors
    assert not [one for one in gc.get_objects() if isinstance(one, Protocol | requests.Response)]


def test_a_session_shows_no_secret(host: Host) -> None:
    session = host.session(host.https, auth=Auth.BASIC)
    assert not [secret for secret in SECRETS if secret in repr(session) + str(vars(host))]


def test_a_host_that_repeats_what_it_was_told_is_shown_without_the_password(host: Host) -> None:
    async def behave(request: dict[str, Any], process: Process) -> int:
        process.emit_stderr(f"you said {request} on {process.command_line}".encode())
        return 1

    host.machine.behave = behave
    with pytest.raises(HostError) as caught:
        host.session().run(SCRIPT, {"a": "b"}, acts=False)
    assert "you said" in caught.value.message
    assert not [secret for secret in SECRETS if secret in shown(caught.value)]


def test_nothing_of_the_password_reaches_the_host_under_ntlm(host: Host) -> None:
    with Relay(host.http.port) as relay:
        host.visit(port=relay.port)
    sent = b"".join(relay.sent)
    for secret in SECRETS:
        for encoding in ("utf-8", "utf-16-le"):
            assert secret.encode(encoding) not in sent


def test_no_request_holds_a_secret(host: Host) -> None:
    host.session(password=Secret(PASSWORD)).run(onhost.Script("Apply", "x", "0" * 64), {"run_id": "1"}, acts=True)
    assert PASSWORD not in str(host.machine.requests)
