r"""The few programs a simulated host has for clients other than ours: enough to see that a connection works.

Everything else ends as cmd.exe ends it, with exit code 1, and standard error says what the lab can do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certify_automation.lab.windows import Computer, Service
from certify_automation.lab.windows.win32 import SERVICE_DOES_NOT_EXIST, TEXTS
from certify_automation.lab.winrm import decode_encoded_command

PROGRAMS = "whoami, hostname, echo, ver, exit, sc query NAME, netsh http show iplisten, and PowerShell's Write-Output"
_LAB = f"This is a simulated host of certify-automation's lab. It has: {PROGRAMS}.\r\n"
_STATES = {"Stopped": 1, "Start Pending": 2, "Stop Pending": 3, "Running": 4}
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_STATEMENT = re.compile(r"(?:[^;\r\n'\"]|'(?:[^']|'')*'|\"[^\"]*\")+")
_ASSIGNMENT = re.compile(r"\$[A-Za-z]\w*\s*=\s*(?:'[^']*'|\"[^\"]*\"|\d+|\$\w+)\Z")
_OUTPUT = re.compile(r"(?:write-output|write-host|echo)\s+(?P<value>.+)\Z", re.IGNORECASE)
_QUOTED = re.compile(r"'(?P<single>(?:[^']|'')*)'\Z|\"(?P<double>[^\"]*)\"\Z")
_EXIT = re.compile(r"exit(?:\s+/b)?(?:\s+(?P<code>-?\d+))?\Z", re.IGNORECASE)
_VARIABLE = re.compile(r"\$env:(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program printed and returned."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


def run(computer: Computer, user: str, command_line: str) -> Finished:
    """Run one command line as cmd.exe would, for this account."""
    script = decode_encoded_command(command_line)
    if script is not None and re.match(r"\s*\"?(?:\S*\\)?(powershell|pwsh)(\.exe)?\b", command_line, re.IGNORECASE):
        return _run_powershell(computer, user, script)
    line = re.sub(r"^\s*(?:cmd(?:\.exe)?\s+/c\s+)", "", command_line, flags=re.IGNORECASE).strip()
    return _run_line(computer, user, line)


def _run_line(computer: Computer, user: str, line: str) -> Finished:
    left = _EXIT.match(line)
    if left is not None:
        return Finished(int(left["code"] or 0))
    if re.match(r"echo(\s|\.|$)", line, re.IGNORECASE):
        return Finished(0, line[5:] + "\r\n")
    words = [quoted or bare for quoted, bare in _WORD.findall(line)]
    name = words[0].lower().removesuffix(".exe") if words else ""
    program = _PROGRAMS.get(name)
    if program is None:
        shown = words[0] if words else ""
        text = f"'{shown}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n"
        return Finished(1, "", text + _LAB)
    return program(computer, user, words[1:])


def _whoami(computer: Computer, user: str, arguments: Sequence[str]) -> Finished:  # noqa: ARG001 - a program
    return Finished(0, f"{computer.name}\\{user}\r\n".lower())


def _hostname(computer: Computer, user: str, arguments: Sequence[str]) -> Finished:  # noqa: ARG001 - a program
    return Finished(0, f"{computer.name}\r\n")


def _ver(computer: Computer, user: str, arguments: Sequence[str]) -> Finished:  # noqa: ARG001 - a program
    return Finished(0, f"\r\nMicrosoft Windows [Version {computer.installation.os_version}.1]\r\n")


def _sc(computer: Computer, user: str, arguments: Sequence[str]) -> Finished:  # noqa: ARG001 - a program
    if len(arguments) != 2 or arguments[0].lower() not in ("query", "queryex"):  # noqa: PLR2004 - verb and name
        return Finished(1, "", _LAB)
    service = computer.services.get(arguments[1])
    if service is None:
        text = TEXTS[SERVICE_DOES_NOT_EXIST]
        code = SERVICE_DOES_NOT_EXIST
        return Finished(code, f"[SC] EnumQueryServicesStatus:OpenService FAILED {code}:\r\n\r\n{text}\r\n\r\n")
    return Finished(0, _query(service, extended=arguments[0].lower() == "queryex"))


def _query(service: Service, *, extended: bool) -> str:
    kind = "1  KERNEL_DRIVER" if service.driver else "10  WIN32_OWN_PROCESS"
    lines = [
        "",
        f"SERVICE_NAME: {service.name}",
        f"        TYPE               : {kind}",
        f"        STATE              : {_STATES[service.state]}  {service.state.upper().replace(' ', '_')}",
        f"        WIN32_EXIT_CODE    : {service.exit_code}  (0x{service.exit_code:x})",
        f"        SERVICE_EXIT_CODE  : {service.service_exit_code}  (0x{service.service_exit_code:x})",
        "        CHECKPOINT         : 0x0",
        "        WAIT_HINT          : 0x0",
    ]
    if extended:
        lines.append(f"        PID                : {service.process_id}")
    return "\r\n".join(lines) + "\r\n"


def _netsh(computer: Computer, user: str, arguments: Sequence[str]) -> Finished:  # noqa: ARG001 - a program
    if [word.lower() for word in arguments] != ["http", "show", "iplisten"]:
        return Finished(1, "", _LAB)
    heading = "IP addresses present in the IP listen list:"
    entries = [f"    {address}" for address in computer.http.effective()]
    return Finished(0, "\r\n".join(["", heading, "-" * len(heading), "", *entries, "", ""]))


_PROGRAMS: dict[str, Callable[[Computer, str, Sequence[str]], Finished]] = {
    "whoami": _whoami,
    "hostname": _hostname,
    "ver": _ver,
    "sc": _sc,
    "netsh": _netsh,
}


def _run_powershell(computer: Computer, user: str, script: str) -> Finished:
    """Statements one after the other; the exit code is 1 when the last one failed, as with -EncodedCommand."""
    printed, complaints, code = "", "", 0
    for match in _STATEMENT.finditer(script):
        statement = match[0].strip()
        left = _EXIT.match(statement)
        if left is not None:
            return Finished(int(left["code"] or 0), printed, complaints)
        if not statement or _ASSIGNMENT.match(statement):
            continue
        result = _run_statement(computer, user, statement)
        printed, complaints, code = printed + result.stdout, complaints + result.stderr, int(result.exit_code != 0)
    return Finished(code, printed, complaints)


def _run_statement(computer: Computer, user: str, statement: str) -> Finished:
    output = _OUTPUT.match(statement)
    value = _evaluate(computer, user, output["value"] if output else statement)
    if value is not None:
        return Finished(0, value + "\r\n")
    if output is not None:
        return Finished(0, output["value"] + "\r\n")
    return _run_line(computer, user, statement.removeprefix("& "))


def _evaluate(computer: Computer, user: str, text: str) -> str | None:
    """The value of a literal or of one of the variables every client asks for."""
    variables = {
        "computername": computer.name,
        "username": user,
        "userdomain": computer.name,
        "systemroot": "C:\\Windows",
        "programdata": "C:\\ProgramData",
    }

    def variable(match: re.Match[str]) -> str:
        return variables.get(match[1].lower(), "")

    text = text.strip()
    quoted = _QUOTED.match(text)
    if quoted is not None:
        single = quoted["single"]
        return single.replace("''", "'") if single is not None else _VARIABLE.sub(variable, quoted["double"])
    if _VARIABLE.fullmatch(text):
        return _VARIABLE.sub(variable, text)
    version = computer.installation.powershell_version
    known = {
        "$psversiontable.psversion": version,
        "$psversiontable.psversion.tostring()": version,
        "$psversiontable.psversion.major": version.split(".")[0],
        "[environment]::machinename": computer.name,
        "[environment]::osversion.version.tostring()": f"{computer.installation.os_version}.0",
        "$executioncontext.sessionstate.languagemode": computer.installation.language_mode,
    }
    return str(int(text)) if re.fullmatch(r"\d+", text) else known.get(text.lower())
