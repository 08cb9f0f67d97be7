"""Windows' commands, and the functions of onhost/Windows.ps1, on a simulated computer: one atomic act each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from certify_automation.lab.windows import Computer, Service, Win32Error, access, accounts, name_resolution, security
from certify_automation.lab.windows.services import Idle
from contract import cim, netsh, recovery, registry, schtasks, system_log
from contract.answers import ProgramResult
from contract.paths import Paths

_START_WORDS = {
    "auto": ("Auto", False),
    "delayed-auto": ("Auto", True),
    "demand": ("Manual", False),
    "disabled": ("Disabled", False),
    "boot": ("Boot", False),
    "system": ("System", False),
}
_NONE_MAPPED = 1332
Api = Callable[[str, str, str], dict[str, Any]]


def _hresult(code: int) -> int:
    return (0x80070000 | code) - (1 << 32)


@dataclass(slots=True)
class Commands:
    """Answers the questions of prelude.ps1 and windows.ps1.

    Attributes:
        api: method, URL, body -> status, authenticate, body, error of a request made on the computer itself.
        asked: the names of the commands in the order in which they came.
        before: called with each command's name before it acts; may change the computer, let the command fail by
            raising `Win32Error`, or end the process by raising `Killed`.
        after: the same once it has acted, before the process hears of it.
        kill: ends the process that asks, as its host kills it; set by who started the process.
    """

    computer: Computer
    paths: Paths
    api: Api
    administrator: bool = True
    asked: list[str] = field(default_factory=list)
    before: Callable[[str, Any], None] = lambda _command, _arguments: None
    after: Callable[[str, Any], None] = lambda _command, _arguments: None
    kill: Callable[[], None] = lambda: None

    def answer(self, command: str, arguments: Any) -> dict[str, Any]:
        """The answer to one line; a Win32 error becomes `failure`."""
        self.asked.append(command)
        arguments = self.paths.everywhere_outward(arguments)
        try:
            self.before(command, arguments)
            answer = self._act(command, arguments)
            self.after(command, arguments)
        except Win32Error as error:
            return {"failure": {"message": error.text, "hresult": _hresult(error.code)}}
        return {"failure": None, **self.paths.everywhere_inward(answer)}

    def _act(self, command: str, arguments: Any) -> dict[str, Any]:
        if command.endswith(".exe"):
            run = {
                "netsh.exe": netsh.run,
                "sc.exe": service_control,
                "icacls.exe": access_control,
                "schtasks.exe": schtasks.run,
            }[command]
            result = run(self.computer, arguments)
            return {"exit_code": result.exit_code, "lines": list(result.lines)}
        act = getattr(self, "_" + command.lower().replace("-", "_"))
        answer = act(arguments)
        assert isinstance(answer, dict)
        return answer

    def _get_ciminstance(self, query: dict[str, Any]) -> dict[str, Any]:
        return {"rows": cim.instances(self.computer, query)}

    def _test_path(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"exists": registry.key(self.computer, arguments["path"]) is not None}

    def _get_itemproperty(self, arguments: dict[str, Any]) -> dict[str, Any]:
        values = registry.key(self.computer, arguments["path"])
        if values is None:
            raise Win32Error(2, arguments["path"])
        return {"values": [{"name": name, "type": kind, "data": data} for name, (kind, data) in values.items()]}

    def _get_item(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"subkeys": registry.subkeys(self.computer, arguments["path"])}

    def _get_date(self, _: Any) -> dict[str, Any]:
        return {"unix_ms": round(self.computer.clock.now().timestamp() * 1000)}

    def _get_monotonicms(self, _: Any) -> dict[str, Any]:
        return {"value": round(self.computer.clock.elapsed() * 1000)}

    def _start_sleep(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.pass_time(arguments["milliseconds"] / 1000)
        return {}

    def _get_culture(self, _: Any) -> dict[str, Any]:
        return {"name": self.computer.installation.culture}

    def _test_administrator(self, _: Any) -> dict[str, Any]:
        return {"value": self.administrator}

    def _get_fileversion(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"value": self.computer.file_versions.get(arguments["path"].lower())}

    def _get_folderaccess(self, arguments: dict[str, Any]) -> dict[str, Any]:
        entry = self.computer.files.stat(arguments["path"])
        if entry is None or not entry.is_folder:
            return {"value": None}
        sddl = self.computer.files.security(arguments["path"])
        return {"value": {"owner": owner_of(sddl), "sddl": sddl}}

    def _set_folderaccess(self, arguments: dict[str, Any]) -> dict[str, Any]:
        access.set_list(self.computer.files, arguments["path"], arguments["sddl"])
        return {}

    def _get_foldersddl(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"value": access.canonical_list(arguments["sddl"])}

    def _new_protectedfolder(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.computer.files.exists(arguments["path"]):
            self.computer.files.make_folder(arguments["path"])
            self.computer.files.set_security(arguments["path"], arguments["sddl"])
        return {}

    def _get_canonicalsddl(self, arguments: dict[str, Any]) -> dict[str, Any]:
        data = base64.b64decode(arguments["bytes"]) if "bytes" in arguments else security.to_bytes(arguments["sddl"])
        return {"value": security.from_bytes(data)}

    def _invoke_localapi(self, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self.api(arguments["method"], arguments["url"], arguments["body"])
        # As bytes: what looks like a path of the simulated disk in an answer is none.
        body = None if answer["body"] is None else answer["body"][: arguments["limit"]]
        whole = body is not None and body == answer["body"]
        return {**answer, "body": body and base64.b64encode(body.encode()).decode(), "whole": whole}

    def _get_storecertificate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            found = self.computer.certificates.of(arguments["store"])
        except Win32Error:
            return {"certificates": []}
        return {
            "certificates": [
                {
                    "thumbprint": one.thumbprint,
                    "subject": one.subject,
                    "has_private_key": one.key_pem is not None,
                    "not_before": round(one.start.timestamp() * 1000),
                    "not_after": round(one.expiry.timestamp() * 1000),
                }
                for one in found
            ]
        }

    def _resolve_hostaddress(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["name"] == "localhost"
        return {"addresses": list(name_resolution.localhost(self.computer.files))}

    def _convertto_accountsid(self, arguments: dict[str, Any]) -> dict[str, Any]:
        domain, _, name = arguments["name"].rpartition("\\")
        known = (self.computer.name.casefold(), "nt service")
        if domain.casefold() not in known:
            raise Win32Error(_NONE_MAPPED, arguments["name"])
        return {"value": accounts.account_sid(self.computer.name, f"{domain}\\{name}")}

    def _test_pathbelow(self, arguments: dict[str, Any]) -> dict[str, Any]:
        folder = arguments["folder"].casefold()
        return {"value": f"{arguments['path']}\\".casefold().startswith(folder)}

    def _get_subkeyvalue(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"keys": registry.named_values(self.computer, arguments["path"], arguments["names"])}

    def _read_eventlog(self, arguments: dict[str, Any]) -> dict[str, Any]:
        assert arguments["log"] == "System"
        return {"events": system_log.events(self.computer, arguments["xpath"], arguments["most"])}

    def _write_newfile(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.files.write(arguments["path"], base64.b64decode(arguments["content"]))
        return {}

    def _copy_sharedfile(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.files.copy(arguments["path"], arguments["new"])
        return {}

    def _switch_file(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.files.replace(arguments["new"], arguments["old"], arguments["backup"])
        return {}

    def _rename_newfile(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.files.move(arguments["new"], arguments["path"])
        return {}

    def _remove_oldfile(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.computer.files.exists(arguments["path"]):  # [IO.File]::Delete of an absent file is no error
            self.computer.files.delete(arguments["path"])
        return {}

    def _add_fileline(self, arguments: dict[str, Any]) -> dict[str, Any]:
        files, path = self.computer.files, arguments["path"]
        known = files.read(path) if files.exists(path) else b""
        files.write(path, known[: known.rfind(b"\n") + 1] + base64.b64decode(arguments["content"]))
        return {}

    def _remove_wholefolder(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.files.delete_folder(arguments["path"])
        return {}

    def _write_evententry(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.computer.events.write("certify-automation", arguments["type"], arguments["id"], arguments["text"])
        return {}


def owner_of(sddl: str) -> str:
    """The SID of an SDDL text's owner."""
    owner = sddl.removeprefix("O:").split("G:")[0].split("D:")[0]
    return security.ALIASES.get(owner, owner)


def service_control(computer: Computer, arguments: Sequence[str]) -> ProgramResult:
    """`sc.exe start|stop|delete NAME`, `sc.exe config|create NAME ... start= WORD`; the exit code is the Win32 code."""
    verb, name, *rest = arguments
    try:
        if verb == "start":
            computer.services.start(name)
        elif verb == "stop":
            computer.services.stop(name)
        elif verb == "delete":
            computer.services.remove(name)
        elif verb == "failure":
            recovery.set_failure(computer, name, rest)
        elif verb == "failureflag":
            recovery.set_failure_flag(computer, name, rest)
        elif verb == "create":
            assert (rest[0], rest[2:]) == ("binPath=", ["start=", "demand"])
            computer.services.install(Service(name, name, rest[1], start_mode="Manual"), Idle())
        else:
            assert verb == "config"
            assert rest[0] == "start="
            mode, delayed = _START_WORDS[rest[1]]
            computer.services.configure(name, mode, delayed=delayed)
    except Win32Error as error:
        return ProgramResult(error.code, (f"[SC] {verb} FAILED {error.code}:", "", error.text, ""))
    return ProgramResult(0, (f"SERVICE_NAME: {name}", "        STATE              : 4  RUNNING"))


def access_control(computer: Computer, arguments: Sequence[str]) -> ProgramResult:
    """`icacls.exe PATH /inheritance:r /grant:r *SID:(OI)(CI)F ...`: the named trustees and nobody else."""
    path, inheritance, grant, *trustees = arguments
    assert (inheritance, grant) == ("/inheritance:r", "/grant:r")
    owner = computer.files.security(path).split("D:")[0]
    entries = "".join(f"(A;OICI;FA;;;{trustee.removeprefix('*').split(':')[0]})" for trustee in trustees)
    try:
        computer.files.set_security(path, f"{owner}D:P{entries}")
    except Win32Error as error:
        return ProgramResult(error.code, (f"{path}: {error.text}",))
    return ProgramResult(0, ("processed file: " + path,))
