"""What `netsh.exe http ...` prints and returns on a simulated computer, in the languages and layouts of real ones.

Labels, headings and success texts are translated on a localised Windows, addresses, URLs and SDDL are not; errors go
to standard output. Windows Server 2022 and later list processes in another layout than the ones before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from certify_automation.lab.windows import Computer, Win32Error, security
from contract import advfirewall
from contract.answers import ProgramResult

_NEW_LAYOUT = (10, 0, 20348)


@dataclass(frozen=True, slots=True)
class Language:
    """The translated words."""

    added: str
    failed: str
    listed: str
    snapshot: str
    queue: str
    unnamed: str
    attached: str
    process_ids: str
    processes: str
    image: str
    groups: str
    registered: str


ENGLISH = Language(
    "IP address successfully added",
    "Url reservation add failed, Error:",
    "IP addresses present in the IP listen list:",
    "Snapshot of HTTP service state (Request Queue View):",
    "Request queue name:",
    "Request queue is unnamed.",
    "Number of active processes attached:",
    "Process IDs:",
    "Processes:",
    "image",
    "URL groups:",
    "Registered URLs:",
)
GERMAN = Language(
    "Die IP-Adresse wurde hinzugef\u00fcgt.",
    "Fehler beim Hinzuf\u00fcgen der URL-Reservierung. Fehler:",
    "IP-Adressen in der IP-Abh\u00f6rliste:",
    "Momentaufnahme des HTTP-Dienststatus (Anforderungswarteschlangenansicht):",
    "Name der Anforderungswarteschlange:",
    "Die Anforderungswarteschlange ist unbenannt.",
    "Anzahl angef\u00fcgter aktiver Prozesse:",
    "Prozess-IDs:",
    "Prozesse:",
    "Image",
    "URL-Gruppen:",
    "Registrierte URLs:",
)
ITALIAN = Language(
    "Indirizzo IP aggiunto",
    "Aggiunta della prenotazione URL non riuscita. Errore:",
    "Indirizzi IP presenti nell'elenco di ascolto IP:",
    "Snapshot dello stato del servizio HTTP (visualizzazione coda richieste):",
    "Nome coda richieste :",
    "Coda richieste senza nome.",
    "Numero di processi attivi associati :",
    "ID processo:",
    "Processi:",
    "immagine",
    "Gruppi URL:",
    "URL registrati:",
)
JAPANESE = Language(
    "IP \u30a2\u30c9\u30ec\u30b9\u304c\u6b63\u5e38\u306b\u8ffd\u52a0\u3055\u308c\u307e\u3057\u305f",
    "URL \u4e88\u7d04\u306e\u8ffd\u52a0\u306b\u5931\u6557\u3057\u307e\u3057\u305f\u3002\u30a8\u30e9\u30fc:",
    "IP \u30ea\u30c3\u30b9\u30f3\u4e00\u89a7\u306e IP \u30a2\u30c9\u30ec\u30b9:",
    "HTTP \u30b5\u30fc\u30d3\u30b9\u72b6\u614b\u306e\u30b9\u30ca\u30c3\u30d7\u30b7\u30e7\u30c3\u30c8:",
    "\u8981\u6c42\u30ad\u30e5\u30fc\u540d:",
    "\u8981\u6c42\u30ad\u30e5\u30fc\u306b\u540d\u524d\u304c\u3042\u308a\u307e\u305b\u3093\u3002",
    "\u30a2\u30bf\u30c3\u30c1\u3055\u308c\u3066\u3044\u308b\u30d7\u30ed\u30bb\u30b9\u6570:",
    "\u30d7\u30ed\u30bb\u30b9 ID:",
    "\u30d7\u30ed\u30bb\u30b9:",
    "\u30a4\u30e1\u30fc\u30b8",
    "URL \u30b0\u30eb\u30fc\u30d7:",
    "\u767b\u9332\u6e08\u307f URL:",
)
_LANGUAGES = {"de": GERMAN, "it": ITALIAN, "ja": JAPANESE}


def run(computer: Computer, arguments: Sequence[str]) -> ProgramResult:
    """`netsh.exe http VERB OBJECT name=value ...`, a firewall rule's, or the excluded ports'."""
    if arguments[0] == "advfirewall":
        return advfirewall.run(computer, arguments)
    if arguments[0] == "int":
        return _show_excluded(computer, arguments)
    context, verb, noun, *rest = arguments
    assert context == "http"
    words = _LANGUAGES.get(computer.installation.culture[:2], ENGLISH)
    values = dict(argument.split("=", 1) for argument in rest)
    if not computer.http.usable():
        return ProgramResult(1, ("", f"{words.failed} 6", "The handle is invalid.", ""))
    try:
        return _ANSWERS[verb, noun](computer, words, values)
    except Win32Error as error:
        return ProgramResult(1, ("", f"{words.failed} {error.code}", error.text, ""))


def _show_excluded(computer: Computer, arguments: Sequence[str]) -> ProgramResult:
    assert list(arguments) == ["int", "ipv4", "show", "excludedportrange", "protocol=tcp"]
    german = computer.installation.culture.startswith("de")
    title = "Portausschlussbereiche f\u00fcr das Protokoll tcp" if german else "Protocol tcp Port Exclusion Ranges"
    first, last = ("Startport", "Endport") if german else ("Start Port", "End Port")
    note = "* - Verwaltete Portausschl\u00fcsse." if german else "* - Administered port exclusions."
    ranges = [f"{start:>10}{end:>12}      " for start, end in computer.sockets.excluded]
    ranges += [f"{start:>10}{end:>12}     *" for start, end in computer.sockets.administered]
    return ProgramResult(0, ("", title, "", f"{first:<14}{last}", "----------    --------", *ranges, "", note, ""))


def _show_list(computer: Computer, words: Language, values: dict[str, str]) -> ProgramResult:
    assert not values
    entries = tuple(f"    {address}" for address in computer.http.effective())
    return ProgramResult(0, ("", words.listed, "-" * len(words.listed), "", *entries, ""))


def _add_list(computer: Computer, words: Language, values: dict[str, str]) -> ProgramResult:
    computer.http.add_listen(values["ipaddress"])
    return ProgramResult(0, ("", words.added, ""))


def _delete_list(computer: Computer, words: Language, values: dict[str, str]) -> ProgramResult:
    computer.http.delete_listen(values["ipaddress"])
    return ProgramResult(0, ("", words.added, ""))


def _add_url(computer: Computer, words: Language, values: dict[str, str]) -> ProgramResult:
    computer.http.reserve(values["url"], security.to_bytes(values["sddl"]))
    return ProgramResult(0, ("", words.added, ""))


def _delete_url(computer: Computer, words: Language, values: dict[str, str]) -> ProgramResult:
    computer.http.unreserve(values["url"])
    return ProgramResult(0, ("", words.added, ""))


def _show_state(computer: Computer, words: Language, values: dict[str, str]) -> ProgramResult:
    assert values == {"view": "requestq", "verbose": "yes"}
    version = tuple(int(part) for part in computer.installation.os_version.split("."))
    lines = ["", words.snapshot, "-" * len(words.snapshot)]
    queues = dict.fromkeys((one.process_id, one.queue) for one in computer.http.registrations)
    for process_id, queue in queues:
        urls = [one.shown for one in computer.http.registrations if (one.process_id, one.queue) == (process_id, queue)]
        name = f"{words.queue} {queue or words.unnamed}"
        shape = _new_queue if version >= _NEW_LAYOUT else _old_queue
        lines += shape(words, name, computer.process_name(process_id) or "<?>", (process_id, urls))
    return ProgramResult(0, tuple(lines))


def _old_queue(words: Language, name: str, image: str, owned: tuple[int, list[str]]) -> list[str]:
    process_id, urls = owned
    assert image
    return [
        name,
        "    Version: 2.0",
        "    Max requests: 1000",
        f"    {words.attached} 1",
        f"    {words.process_ids}",
        f"        {process_id} ",
        "",
        f"    {words.groups}",
        "    URL group ID: FE00000040000001",
        f"        {name}",
        f"        {words.registered}",
        *(f"            {url}" for url in urls),
        "",
    ]


def _new_queue(words: Language, name: str, image: str, owned: tuple[int, list[str]]) -> list[str]:
    process_id, urls = owned
    return [
        f"    {name}",
        "        Version: 2.0",
        "        Max queued request age: 0s",
        f"        {words.attached} 1",
        f"        {words.processes}",
        f"            ID: {process_id}, {words.image}: C:\\Windows\\System32\\{image}",
        "            Services: WinRM",
        f"        {words.registered}",
        *(f"            {url}" for url in urls),
        "",
    ]


_ANSWERS = {
    ("show", "iplisten"): _show_list,
    ("add", "iplisten"): _add_list,
    ("delete", "iplisten"): _delete_list,
    ("add", "urlacl"): _add_url,
    ("delete", "urlacl"): _delete_url,
    ("show", "servicestate"): _show_state,
}
