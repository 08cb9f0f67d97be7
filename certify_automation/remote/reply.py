"""From what a PowerShell process wrote to the value of its script's reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certify_automation.errors import ProtocolError, ScriptRefused
from certify_automation.onhost import read_reply
from certify_automation.remote.clixml import error_text
from certify_automation.remote.symptoms import shown


@dataclass(frozen=True, slots=True)
class Output:
    """Everything a process wrote, and its exit code."""

    stdout: bytes
    stderr: bytes
    exit_code: int


_REFUSALS = {
    "not_administrator": (
        "CA2101",
        "the script runs without administrator rights",
        "use a member of Administrators (a local account also needs LocalAccountTokenFilterPolicy = 1)",
    ),
    "constrained_language": (
        "CA2104",
        "PowerShell runs in constrained language mode there",
        "allow the scripts in the host's application control policy (WDAC, AppLocker)",
    ),
    "unsupported_windows": ("CA2106", "this version of Windows is not supported", "use Windows Server 2016 or later"),
    "script_failed": (
        "CA2107",
        "the script failed on the host",
        "if it was applying a plan it may have stopped halfway: run again, the next run observes first",
    ),
    "bad_request": ("CA2108", "the host could not read the request", "run it again; report it if it happens again"),
    "script_digest": ("CA2109", "the script did not arrive as it was sent", "something in between changes it"),
}
_OTHER_REFUSAL = ("CA2107", "the host refused to run the script", "")

_BLOCKED = {
    "ScriptContainedMaliciousContent": (
        "CA2105",
        "the host's antivirus blocked the script (AMSI)",
        "exclude it there: the same scripts are sent on every visit",
    ),
    "ConstrainedLanguage": _REFUSALS["constrained_language"],
}
"""What is invariant in PowerShell's error ids (FullyQualifiedErrorId), whatever the host's language."""


def value_of(output: Output, nonce: str) -> Mapping[str, object]:
    """The reply's value.

    Raises:
        ScriptRefused: CA2101 to CA2109, by the reply's code or because PowerShell was kept from running the script.
        ProtocolError: there is no reply, or it is damaged.
    """
    try:
        reply = read_reply(output.stdout, nonce)
    except ProtocolError as error:
        raise _unanswered(output, error) from error
    if not reply["ok"]:
        raise _refusal(reply.get("error"))
    value = reply.get("value")
    if not isinstance(value, dict):
        raise ProtocolError("CA2028", "the host's reply holds no value")
    return value


def _refusal(error: object) -> ScriptRefused:
    told = error if isinstance(error, dict) else {}
    number, message, hint = _REFUSALS.get(str(told.get("code")), _OTHER_REFUSAL)
    words = shown(" ".join(str(told[key]) for key in ("message", "at") if told.get(key)))
    return ScriptRefused(number, f"{message} ({words})" if words else message, hint=hint)


def _unanswered(output: Output, error: ProtocolError) -> ProtocolError | ScriptRefused:
    said = error_text(output.stderr)
    for invariant, (number, message, hint) in _BLOCKED.items():
        if invariant in said:
            return ScriptRefused(number, f"{message} ({shown(said)})", hint=hint)
    words = f" ({shown(said)})" if said else ""
    return ProtocolError(error.id, f"{error.message}; exit code {output.exit_code}{words}", hint=error.hint)
