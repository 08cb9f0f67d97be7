"""The `examination` of Facts: the computer around the product, what is installed, what files and logs say."""

from __future__ import annotations

from datetime import timedelta

from certify_automation.lab.onhost.certificates import newest_log
from certify_automation.lab.onhost.file import file_facts, log_facts
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.programs import installed, processes, programs
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import PROGRAM_DATA, Computer
from certify_automation.lab.windows.accounts import account_sid
from certify_automation.lab.windows.computer import SCANNERS, SYSTEM_ROOT
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.name_resolution import hosts_lines, localhost
from certify_automation.lab.windows.system_log import HTTP_EVENTS, SERVICE_EVENTS, SystemEvent

_TIME_SERVICE = "W32Time"
_MOST_FILES = 100
_ERRORS = ("[ERR]", "FATAL")
_ERRORS_BYTES, _MOST_ERRORS = 262_144, 50
_CHALLENGES_BYTES, _MOST_CHALLENGES = 16_384, 40
_HTTP_EVENT_IDS = (15005, 15014, 15015, 15021, 15300, 15301)
_SERVICE_EVENT_IDS = (7000, 7001, 7009, 7023, 7024, 7031, 7034)
_EVENT_DAYS = timedelta(days=7)
_MOST_EVENTS = 10
_MOST_VALUES, _LONGEST_VALUE = 5, 200


def examination_facts(computer: Computer, product: Json) -> Json:
    """The `examination` of Facts, for its `product`."""
    folder = product["data_dir"] or join(PROGRAM_DATA, "certify")
    logs = join(folder, "logs")
    time_service = computer.services.get(_TIME_SERVICE)
    services = product["services"]
    challenges = join(logs, "httpChallengeServer.log")
    return {
        "addresses": [computer.installation.address],
        "localhost": list(localhost(computer.files)),
        "hosts_file": list(hosts_lines(computer.files)),
        "excluded_ports": [{"first": first, "last": last} for first, last in computer.sockets.excluded],
        "disks": _disks(computer, folder),
        "virus_scanners": _scanners(computer),
        "time_source": computer.surroundings.time_source,
        "time_service": time_service.state if time_service else None,
        "account_sid": account_sid(computer.name, services[0]["account"]) if len(services) == 1 else None,
        "installed": installed(computer),
        "programs": programs(computer, product["install_dir"]),
        "processes": processes(computer),
        "data_folder": _folder(computer, folder),
        "settings": file_facts(computer, join(folder, "appsettings.json")),
        "errors": log_facts(computer, newest_log(computer, folder), _ERRORS_BYTES, _MOST_ERRORS, _ERRORS),
        "challenges": log_facts(computer, challenges, _CHALLENGES_BYTES, _MOST_CHALLENGES),
        "events": _events(computer, {service["display_name"] for service in services}),
    }


def _disks(computer: Computer, data_folder: str) -> list[Json]:
    on = {use: _volume(computer, path) for use, path in (("system", SYSTEM_ROOT), ("data", data_folder))}
    found = []
    for name, disk in sorted(computer.surroundings.disks.items()):
        uses = [use for use, volume in on.items() if volume == name]
        free = 0 if computer.files.disk_full else disk.free_bytes
        if uses:
            found.append({"name": name, "uses": uses, "free_bytes": free, "size_bytes": disk.size_bytes})
    return found


def unexamined() -> Json:
    """The `examination` of Facts when no time is left for any part of it."""
    return {
        **dict.fromkeys(("addresses", "localhost")),
        "hosts_file": [],
        "excluded_ports": None,
        "disks": [],
        **dict.fromkeys(("virus_scanners", "time_source", "time_service", "account_sid")),
        **{name: [] for name in ("installed", "programs", "processes")},
        **dict.fromkeys(("data_folder", "settings", "errors", "challenges")),
        "events": [],
    }


def _volume(computer: Computer, path: str) -> str | None:
    """The name of the volume that a folder is on: one may be mounted in a folder of another one."""
    holding = [
        name for name in computer.surroundings.disks if f"{path}\\".casefold().startswith(f"{name}\\".casefold())
    ]
    return max(holding, key=len, default=None)


def _scanners(computer: Computer) -> list[Json]:
    return [
        {"name": one.name, "state": one.state}
        for one in computer.services.services(drivers=True)
        if one.group == SCANNERS and one.start_mode != "Disabled"
    ]


def _folder(computer: Computer, path: str) -> list[Json] | None:
    entry = computer.files.stat(path)
    if entry is None or not entry.is_folder:
        return None
    files = sorted((one for one in computer.files.entries(path) if not one.is_folder), key=lambda one: one.name)
    return [
        {"name": one.name, "bytes": one.size, "written_utc_ms": unix_ms(one.written)} for one in files[:_MOST_FILES]
    ]


def _events(computer: Computer, names: set[str]) -> list[Json]:
    oldest = computer.clock.now() - _EVENT_DAYS
    found = [
        (place, one)
        for place, one in enumerate(computer.system_log.entries)
        if one.written >= oldest and _concerns(one, names)
    ]
    newest = [one for kind in (HTTP_EVENTS, SERVICE_EVENTS) for one in _of(found, kind)[-_MOST_EVENTS:]]
    return [
        {
            "provider": one.provider,
            "event_id": one.event_id,
            "utc_ms": unix_ms(one.written),
            "values": [value[:_LONGEST_VALUE] for value in one.values[:_MOST_VALUES]],
        }
        for _, one in sorted(newest, key=lambda entry: -entry[0])
    ]


def _of(entries: list[tuple[int, SystemEvent]], provider: str) -> list[tuple[int, SystemEvent]]:
    return [entry for entry in entries if entry[1].provider == provider]


def _concerns(event: SystemEvent, names: set[str]) -> bool:
    if event.provider == HTTP_EVENTS:
        return event.event_id in _HTTP_EVENT_IDS
    listed = event.provider == SERVICE_EVENTS and event.event_id in _SERVICE_EVENT_IDS
    return listed and not names.isdisjoint(event.values)
