"""What runs on a Windows host: the scripts, the command line that starts them, and the frame their reply comes in.

The exact shapes are in docs/contract.md and schemas/request.schema.json.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from certify_automation.errors import ProtocolError

CONTRACT = 1
COMMAND_LINE_LIMIT = 8000
"""Characters; cmd.exe, which WinRM starts commands through, takes at most 8,191."""

Name = Literal["Observe", "Apply", "Guard", "Inventory", "Examine", "Renew"]

READING = (
    "Windows.ps1",
    "Json.ps1",
    "Host.ps1",
    "Service.ps1",
    "Product.ps1",
    "File.ps1",
    "HttpSys.ps1",
    "Firewall.ps1",
    "Api.ps1",
    "Lock.ps1",
    "Journal.ps1",
    "Managed.ps1",
    "Facts.ps1",
)
ACTING = (
    "WindowsChange.ps1",
    "Wait.ps1",
    "FileAct.ps1",
    "LockChange.ps1",
    "Scheduler.ps1",
    "RunPath.ps1",
    "JournalChange.ps1",
    "Control.ps1",
    "HttpSysChange.ps1",
    "ServiceRecovery.ps1",
    "Access.ps1",
    "FileChange.ps1",
    "Data.ps1",
    "Change.ps1",
    "Endpoint.ps1",
    "Health.ps1",
    "Refusal.ps1",
    "Recover.ps1",
    "Run.ps1",
)
TIMED = ("Task.ps1", "Timer.ps1", "Confirm.ps1")
ASKING = ("WindowsCertificates.ps1", "ProductApi.ps1", "ManagedItem.ps1", "Certificates.ps1")
TASKED = (
    "WindowsChange.ps1",
    "Wait.ps1",
    "FileAct.ps1",
    "LockChange.ps1",
    "Scheduler.ps1",
    "Task.ps1",
    "SystemTask.ps1",
)
EXAMINING = ("WindowsExamine.ps1", "Endpoint.ps1", "Surroundings.ps1", "Installation.ps1", "Examination.ps1")
RENEWING = ("RunPath.ps1", "Preferences.ps1", "Renewal.ps1", "RenewVisit.ps1")
FILES: dict[Name, tuple[str, ...]] = {
    "Observe": (*READING, "Records.ps1"),
    "Apply": READING + ACTING,
    "Guard": READING + ACTING + TIMED,
    "Inventory": (*READING, "Records.ps1", *TASKED, *ASKING),
    "Examine": (*READING, "Records.ps1", *TASKED, *ASKING, *EXAMINING),
    "Renew": READING + TASKED + ASKING + RENEWING,
}
"""The files a script begins with, in this order; they only define functions. Its own file, the entry, follows."""

_FRAME = re.compile(
    r"<<<certify-automation (?P<nonce>[0-9a-f]+) (?P<length>\d+)>>>(?P<body>.*?)<<<end (?P=nonce)>>>", re.DOTALL
)
_SPACING = re.compile(
    r"""(?P<string>@'\n.*?\n'@|'[^'\n]*'|"(?:[^"`\n]|`.)*")
    |(?<=[{(;,|=])[ \n]+ | [ ]+(?=[{});,|=]) | \n(?=[})]) | (?<=})[ ](?=(?:else|elseif|catch|finally)\b)
    |(?<![\w$.-])(?P<word>if|elseif|for|foreach|while|switch|return)[ ](?=\()
    |[ ](?P<sum>[+*-])[ ](?=[$(\d])|[ ](?=\+=)|(?P<call>&)[ ](?=\$)|(?P<not>-not)[ ](?=[$(\[])
    |[ ](?P<operator>-(?:and|or|c?eq|c?ne|(?:not)?contains|(?:not)?in|[lg][te]|band|is|as|f|join|match|like|replace))
    (?:[ ](?=[$'"(\d]))?(?![\w-])""",
    re.DOTALL | re.VERBOSE,
)
_HEADER = re.compile(r"<<<certify-automation (?P<nonce>[0-9a-f]+) \d+>>>")


@dataclass(frozen=True, slots=True)
class Script:
    """One script as it is sent: its name, its whole text, and the SHA-256 of that text in lower-case hex."""

    name: Name
    text: str
    sha256: str


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_bytes().decode("ascii")


def sent(text: str) -> str:
    """What of a script's text is sent: no comment lines, no blank ones, no indentation, nothing blank beside signs.

    It means the same: the tests compare the tokens and the syntax trees of both. People read the files.
    """
    lines = (line.strip() for line in text.splitlines())
    kept = "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
    return _SPACING.sub(lambda match: match[match.lastgroup] if match.lastgroup else "", kept)


@cache
def script(name: Name) -> Script:
    """The script of that name: its files one after the other, as they are sent."""
    text = "".join(sent(_read(file)) for file in (*FILES[name], f"{name}.ps1"))
    return Script(name, text, hashlib.sha256(text.encode()).hexdigest())


def acting_script(parameters: Mapping[str, Any]) -> Script:
    """The script that takes these parameters: `Guard` for a plan to be confirmed and a word on one, else `Apply`."""
    plan = parameters.get("plan") or {}
    alone = parameters.get("verb") == "apply" and plan.get("confirm_seconds") is None
    return script("Apply" if alone else "Guard")


def bundle_script(parameters: Mapping[str, Any]) -> str:
    """A script for a console of a computer that no visit reaches: Examine as people read it, and what keeps its answer.

    It gives the document of schemas/bundle.schema.json, on the pipeline or in a file, and asks the product's API as
    whoever runs it.

    Args:
        parameters: of Examine, as docs/contract.md describes them.
    """
    certificates = {**parameters["certificates"], "access": "caller"}
    asked = json.dumps({**parameters, "certificates": certificates}, separators=(",", ":")).replace("'", "''")
    text = "\n".join(_read(file) for file in (*FILES["Examine"], "Examine.ps1"))
    before, after = _read("Bundle.ps1").split("    # <Examine>\n")
    return before + text + after.replace("<parameters>", asked)


@cache
def command_line() -> str:
    """The command line of every visit, the same for every host; it reads a `request` from standard input."""
    encoded = base64.b64encode(_read("Bootstrap.ps1").encode("utf-16-le")).decode("ascii")
    return f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}"


def request(script: Script, parameters: Mapping[str, Any], *, nonce: str, deadline_seconds: int) -> bytes:
    """The standard input of a visit: one line of ASCII JSON with its line end.

    Args:
        script: what to run.
        parameters: of the script, as docs/contract.md describes them.
        nonce: 32 lower-case hex digits that no other visit has; the reply repeats it.
        deadline_seconds: how long the script may act, counted on the host from its start.
    """
    document = {
        "contract": CONTRACT,
        "nonce": nonce,
        "script": {"name": script.name, "sha256": script.sha256, "text": script.text},
        "deadline_seconds": deadline_seconds,
        "parameters": parameters,
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n"


def read_reply(stdout: bytes | str, nonce: str) -> Mapping[str, Any]:
    """The reply in what a visit wrote to standard output: `{"contract": 1, "ok": ..., ...}`.

    Text around the frame is ignored, and so are line breaks inside it, which a console may add. A host that could not
    read the request answers with the nonce `0`; that reply counts when no other is there.

    Raises:
        ProtocolError: CA2090 no frame, CA2091 a frame without its end or of another length, CA2092 only frames of
            other visits, CA2093 a frame that does not hold a reply.
    """
    text = stdout.decode("ascii", "replace") if isinstance(stdout, bytes) else stdout
    frames = {match["nonce"]: match for match in _FRAME.finditer(text)}
    started = {match["nonce"] for match in _HEADER.finditer(text)}
    frame = frames.get(nonce) or frames.get("0")
    if frame is None:
        raise _absent(started, nonce)
    line = frame["body"].replace("\r", "").replace("\n", "")
    if len(line) != int(frame["length"]):
        raise ProtocolError(
            "CA2091", f"the host's reply is damaged: {len(line)} of {frame['length']} characters arrived"
        )
    return _document(line)


def _absent(started: set[str], nonce: str) -> ProtocolError:
    if nonce in started:
        return ProtocolError("CA2091", "the host's reply breaks off before its end")
    if started:
        return ProtocolError("CA2092", "the host answered another visit's request", hint="run it again")
    return ProtocolError(
        "CA2090",
        "the host's answer contains no reply",
        hint="PowerShell may be blocked there: run `powershell.exe -NoProfile -Command 1` on the host",
    )


def _document(line: str) -> Mapping[str, Any]:
    try:
        reply = json.loads(line)
    except ValueError as error:
        raise ProtocolError("CA2093", f"the host's reply is not JSON: {error}") from error
    if not isinstance(reply, dict) or reply.get("contract") != CONTRACT or not isinstance(reply.get("ok"), bool):
        raise ProtocolError("CA2093", "the host's reply is not one of this contract")
    return reply
