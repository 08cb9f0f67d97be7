"""Task definitions: what the task scheduler reads of a task's XML, and which XML it refuses.

Sources: Microsoft's "Task Scheduler Schema" and MS-TSCH 2.5 (elements and their defaults), "Task Scheduler Error and
Success Constants" (codes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from certify_automation.lab.windows import win32
from certify_automation.lab.windows.win32 import Win32Error

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
DEFAULT_TIME_LIMIT = "PT72H"
NO_TIME_LIMIT = "PT0S"

_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
_PARTS = {"RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions"}
_TRIGGERS = {
    "BootTrigger", "RegistrationTrigger", "IdleTrigger", "TimeTrigger", "EventTrigger", "LogonTrigger",
    "SessionStateChangeTrigger", "CalendarTrigger",
}  # fmt: skip
_PRINCIPAL = {
    "UserId", "LogonType", "GroupId", "DisplayName", "RunLevel", "ProcessTokenSidType", "RequiredPrivileges",
}  # fmt: skip
_SETTINGS = {
    "AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries",
    "StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable", "NetworkProfileName",
    "RunOnlyIfNetworkAvailable", "WakeToRun", "Enabled", "Hidden", "DeleteExpiredTaskAfter", "IdleSettings",
    "NetworkSettings", "ExecutionTimeLimit", "Priority", "RunOnlyIfIdle", "UseUnifiedSchedulingEngine",
    "DisallowStartOnRemoteAppSession", "MaintenanceSettings", "Volatile",
}  # fmt: skip
_EXEC = {"Command", "Arguments", "WorkingDirectory"}
_TIME_TRIGGER = {"Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "RandomDelay"}
_REPETITION = {"Interval", "Duration", "StopAtDurationEnd"}
_MINUTES = re.compile(r"PT(\d+)M")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Definition:
    """What a task's XML says.

    Attributes:
        command: the program of its action.
        arguments: its command line without the program.
        user: the principal, a SID or a name.
        highest: run level HighestAvailable.
        at_boot: it has a boot trigger that is enabled.
        every: after how many seconds a time trigger starts it again, for ever; None = it has none that does.
        on_batteries: it starts on batteries and goes on when they are all there is.
        time_limit: after how long it is ended, as an XML duration; `PT0S` is never.
        enabled: it may run at all.
    """

    command: str
    arguments: str
    user: str
    highest: bool
    at_boot: bool
    every: float | None
    on_batteries: bool
    time_limit: str
    enabled: bool


def parse_definition(xml: str) -> Definition:
    """Read a task's XML.

    Raises:
        Win32Error: 0x8004131A no XML, 0x80041317 another namespace, 0x80041316 an element that does not belong there,
            0x80041319 an element is missing, 0x80041318 a value that is none.
    """
    try:
        root = fromstring(_DECLARATION.sub("", xml))  # noqa: S314 - without a DTD there are no entities
    except (ParseError, ValueError) as error:
        raise Win32Error(win32.SCHED_MALFORMED_XML) from error
    if root.tag != f"{{{NAMESPACE}}}Task":
        raise Win32Error(win32.SCHED_NAMESPACE, root.tag)
    parts = _children(root, _PARTS)
    actions = _children(_required(parts, "Actions"), {"Exec", "ComHandler", "SendEmail", "ShowMessage"})
    action = _children(_required(actions, "Exec"), _EXEC)
    principals = _children(parts["Principals"], {"Principal"}) if "Principals" in parts else {}
    principal = _children(principals["Principal"], _PRINCIPAL) if "Principal" in principals else {}
    settings = _children(parts["Settings"], _SETTINGS) if "Settings" in parts else {}
    disallowed = _truth(settings, "DisallowStartIfOnBatteries", default=True)
    stopped = _truth(settings, "StopIfGoingOnBatteries", default=True)
    return Definition(
        command=_text(_required(action, "Command")),
        arguments=_text(action.get("Arguments")),
        user=_text(principal.get("UserId")),
        highest=_text(principal.get("RunLevel")) == "HighestAvailable",
        at_boot=_at_boot(parts.get("Triggers")),
        every=_repetition(parts.get("Triggers")),
        on_batteries=not (disallowed or stopped),
        time_limit=_text(settings.get("ExecutionTimeLimit")) or DEFAULT_TIME_LIMIT,
        enabled=_truth(settings, "Enabled", default=True),
    )


def _at_boot(triggers: Element | None) -> bool:
    if triggers is None:
        return False
    _children(triggers, _TRIGGERS)
    return any(
        _truth({_name(part): part for part in one}, "Enabled", default=True)
        for one in triggers
        if _name(one) == "BootTrigger"
    )


def _repetition(triggers: Element | None) -> float | None:
    for one in () if triggers is None else triggers:
        if _name(one) == "TimeTrigger":
            trigger = _children(one, _TIME_TRIGGER)
            _required(trigger, "StartBoundary")
            repetition = _children(trigger["Repetition"], _REPETITION) if "Repetition" in trigger else {}
            interval = _text(repetition.get("Interval"))
            minutes = _MINUTES.fullmatch(interval)
            if interval and minutes is None:
                raise Win32Error(win32.SCHED_INVALID_VALUE, f"Interval: {interval}")
            if minutes is not None and "Duration" not in repetition:
                return 60.0 * int(minutes[1])
    return None


def _name(element: Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _children(element: Element, known: set[str]) -> dict[str, Element]:
    found = {_name(child): child for child in element}
    for name in found:
        if name not in known:
            raise Win32Error(win32.SCHED_UNEXPECTED_NODE, name)
    return found


def _required(parts: dict[str, Element], name: str) -> Element:
    if name not in parts:
        raise Win32Error(win32.SCHED_MISSING_NODE, name)
    return parts[name]


def _text(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _truth(parts: dict[str, Element], name: str, *, default: bool) -> bool:
    if name not in parts:
        return default
    text = _text(parts[name])
    if text not in _TRUTH:
        raise Win32Error(win32.SCHED_INVALID_VALUE, f"{name}: {text}")
    return _TRUTH[text]
