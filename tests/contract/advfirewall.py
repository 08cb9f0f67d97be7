"""What `netsh.exe advfirewall firewall add|delete rule` prints and returns on a simulated computer.

The texts are translated; the exit code is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from certify_automation.lab.windows import Computer, Win32Error, win32
from contract.answers import ProgramResult

_OK = {"de": "OK.", "it": "OK.", "ja": "OK", "tr": "Tamam."}
_NONE = {
    "de": "Es stimmen keine Regeln mit den angegebenen Kriterien \u00fcberein.",
    "it": "Nessuna regola corrisponde ai criteri specificati.",
    "ja": "\u6307\u5b9a\u3055\u308c\u305f\u6761\u4ef6\u306b\u4e00\u81f4\u3059\u308b"
    "\u898f\u5247\u306f\u3042\u308a\u307e\u305b\u3093\u3002",
    "tr": "Belirtilen \u00f6l\u00e7\u00fctlerle e\u015fle\u015fen kural yok.",
}
_NO_MATCH = "No rules match the specified criteria."
_NO_SERVICE = (
    "An error occurred while attempting to contact the  Windows Defender Firewall service. Make sure that the service "
    "is running and try your request again."
)
_BLOCK = {"dir": "in", "action": "block", "protocol": "TCP", "profile": "any"}


def run(computer: Computer, arguments: Sequence[str]) -> ProgramResult:
    """`netsh.exe advfirewall firewall VERB rule name=value ...`."""
    context, group, verb, noun, *rest = arguments
    assert (context, group, noun) == ("advfirewall", "firewall", "rule")
    values = dict(argument.split("=", 1) for argument in rest)
    language = computer.installation.culture[:2]
    try:
        if verb == "add":
            name, port = values.pop("name"), int(values.pop("localport"))
            assert values == _BLOCK
            computer.firewall.add_block(name, port)
        else:
            assert (verb, values.pop("dir")) == ("delete", "in")
            computer.firewall.delete_inbound(values.pop("name"))
            assert not values
    except Win32Error as error:
        text = _NONE.get(language, _NO_MATCH) if error.code == win32.FILE_NOT_FOUND else _NO_SERVICE
        return ProgramResult(1, ("", text, ""))
    return ProgramResult(0, (_OK.get(language, "Ok."), ""))
