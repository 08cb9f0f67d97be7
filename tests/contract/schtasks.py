"""What `schtasks.exe` prints and returns on a simulated computer: 0, or 1 with a translated text on standard error."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from certify_automation.lab.windows import Computer, Win32Error, win32
from contract.answers import ProgramResult


@dataclass(frozen=True, slots=True)
class Language:
    """The translated words; the task's name follows in quotes."""

    error: str
    done: str


_LANGUAGES = {
    "de": Language("FEHLER:", "ERFOLGREICH: Der geplante Task"),
    "it": Language("ERRORE:", "OPERAZIONE RIUSCITA: attivit\u00e0 pianificata"),
    "ja": Language("\u30a8\u30e9\u30fc:", "\u6210\u529f: \u30bf\u30b9\u30af"),
}
_ENGLISH = Language("ERROR:", "SUCCESS: The scheduled task")


def run(computer: Computer, arguments: Sequence[str]) -> ProgramResult:
    """`schtasks.exe /Create|/Query|/Run|/End|/Delete /TN NAME [/XML [FILE]] [/F]`."""
    words = _LANGUAGES.get(computer.installation.culture[:2], _ENGLISH)
    verb, name_option, name, *options = arguments
    assert name_option == "/TN"
    try:
        lines = _lines(computer, verb, name, options)
    except Win32Error as error:
        return ProgramResult(1, (f"{words.error} {error.text}",))
    return ProgramResult(0, lines or (f'{words.done} "{name}".',))


def _lines(computer: Computer, verb: str, name: str, options: list[str]) -> tuple[str, ...]:
    tasks = computer.tasks
    if verb == "/Create":
        option, path, force = options
        assert (option, force) == ("/XML", "/F")
        tasks.register(name, _decoded(computer.files.read(path)), replace=True)
    elif verb == "/Query":
        assert options == ["/XML"]
        return (*tasks.get(name).xml.splitlines(), "")
    elif verb == "/Delete":
        assert options == ["/F"]
        tasks.delete(name)
    else:
        assert not options
        {"/Run": tasks.run, "/End": tasks.end}[verb](name)
    return ()


def _decoded(content: bytes) -> str:
    """The text of a file; raises Win32Error 0x8004131A when it is not in the encoding it declares."""
    if content.startswith(codecs.BOM_UTF16_LE):
        return content.decode("utf-16")
    text = content.decode("utf-8-sig")
    if 'encoding="UTF-16"' in text.split("?>")[0]:
        raise Win32Error(win32.SCHED_MALFORMED_XML, "(1,40)::")
    return text
