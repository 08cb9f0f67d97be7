"""Making the changes of a plan, and putting everything back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from certify_automation.lab.onhost.access import set_data_access, set_firewall_rule
from certify_automation.lab.onhost.control import (
    restart_service,
    set_start_mode,
    start_driver,
    start_service,
    stop_service,
)
from certify_automation.lab.onhost.data import save_data, undo_restart
from certify_automation.lab.onhost.data_restore import put_data_back, restore_data
from certify_automation.lab.onhost.effect import PowerLost
from certify_automation.lab.onhost.file_change import restore_changed_file, write_changed_file
from certify_automation.lab.onhost.host import unix_ms
from certify_automation.lab.onhost.http_sys_change import set_listen_entry, set_reservation
from certify_automation.lab.onhost.journal import note, note_if_possible
from certify_automation.lab.onhost.product import product_facts
from certify_automation.lab.onhost.service import DRIVER
from certify_automation.lab.onhost.service_recovery import set_recovery
from certify_automation.lab.onhost.visit import ChangeFailed, Json, Waiting
from certify_automation.lab.onhost.wait import Run
from certify_automation.lab.windows import Win32Error

_USUAL_CODES = {
    "file.write": "file_write",
    "driver.start": "driver_start",
    "driver.start_mode": "service_config",
    "service.start_mode": "service_config",
    "service.recovery": "service_config",
    "data_directory.acl": "access_control",
    "firewall_rule.add": "firewall",
    "firewall_rule.remove": "firewall",
    "data_store.restore": "file_write",
    "service.stop": "service_stop",
    "service.start": "service_start",
    "service.restart": "service_start",
}
_UNDOABLE = ("done", "begun", "undo_failed")
_LAST_UNDONE = ("service.restart", "service.stop")
_NOT_RUNNING = ("Stopped", "Stop Pending")
_CLOCK_MOVED_MS = 120000
_STRANGE_EDIT = b"\r\n"


def make_changes(run: Run) -> Waiting[Json | None]:
    """Make the changes in order and mark each step; the failure of the first that fails, else None."""
    for index, change in enumerate(run.plan["changes"]):
        step = run.steps[index]
        _strike_before(run, index, change)
        if run.visit.monotonic_ms() >= run.until:
            return {"code": "deadline", "message": "The deadline has passed.", "step": index}
        run.in_hand, run.intended, run.acted = index, False, False
        try:
            yield 0.0
            yield from _act(run, change, undo=False)
            note(run, {"event": "done", "step": index, "acted": run.acted})
            step["status"] = "done"
        except (ChangeFailed, Win32Error, ValueError) as error:
            return _failed(run, step, error)
        finally:
            run.in_hand = None
            if not run.acted:
                run.untouched.add(index)
            if run.visit.faults.disk_full_at == index:
                run.visit.computer.files.disk_full = False
    return None


def _failed(run: Run, step: Json, error: Exception) -> Json:
    step["status"] = "failed"
    step["code"], step["message"] = _code_and_text(error, _USUAL_CODES.get(step["kind"], "netsh"))
    said = {"code": step["code"], "message": step["message"]}
    note_if_possible(run, {"event": "failed", "step": step["index"], **said, "acted": run.acted})
    return {**said, "step": step["index"]}


def undo_changes(run: Run) -> Waiting[bool]:
    """Undo in reverse order, what starts the service again last of all; whether everything is back.

    What a step found to be there already is not this run's to take away, and neither is what a failed one has not
    come to. While there are tries left, the service waits for all else.
    """
    complete = True
    for index, brings_back in _undo_order(run):
        step = run.steps[index]
        if not complete and run.tries > 0 and (brings_back or step["kind"] in _LAST_UNDONE):
            return False
        undone = "kept" if step["kind"] == "driver.start" else "undone"
        said = {"event": undone, "step": index}
        try:
            if brings_back:
                yield from _bring_back(run)
                continue
            if index not in run.untouched and undone == "undone":
                yield from _act(run, run.plan["changes"][index], undo=True)
            step["status"] = undone if step["status"] in _UNDOABLE else step["status"]
        except (ChangeFailed, Win32Error, ValueError) as error:
            complete = False
            code, step["message"] = _code_and_text(error, "undo")
            step["status"], step["code"] = "undo_failed", code if code == "data_store" else "undo"
            said = {"event": "undo_failed", "step": index, "code": step["code"], "message": step["message"]}
        note_if_possible(run, said)
    return complete


def _bring_back(run: Run) -> Waiting[None]:
    """What runs now may have read what is taken back, or runs only because of it; or it was stopped by a change.

    Process ids are used again after a start of the computer.
    """
    services = product_facts(run.visit.computer)["services"]
    if not run.begin.get("service_state") or not services:
        return
    service = services[0]
    if run.begin["service_state"] in _NOT_RUNNING:
        if service["process_id"]:
            yield from stop_service(run, service["name"])
        return
    moved = abs(unix_ms(run.visit.computer.booted) - run.begin["boot_utc_ms"])
    same = service["process_id"] == run.begin["process_id"] and service["state"] != "Stop Pending"
    if not same or moved >= _CLOCK_MOVED_MS:
        yield from undo_restart(run, service["name"])


def _undo_order(run: Run) -> list[tuple[int, bool]]:
    """In reverse, what starts the service again later, and a start mode that was disabled only after that.

    True with an index: the service is brought back, and that change is to say so when it fails.
    """
    order: list[int] = []
    last: list[int] = []
    disabled: list[int] = []
    first_mode = next((one["index"] for one in run.steps if one["kind"] == "service.start_mode"), None)
    for index in reversed(range(len(run.steps))):
        step, change = run.steps[index], run.plan["changes"][index]
        if step["status"] in ("not_run", "undone", "kept") or _is_nothing(run, step):
            continue
        if step["kind"] in _LAST_UNDONE:
            last.append(index)
        elif index == first_mode and change["before"] == "disabled":
            disabled.append(index)
        else:
            order.append(index)
    plain = [(index, False) for index in (*order, *last)]
    back = [(index, True) for index in _brings_back(run)]
    return [*plain, *back, *((index, False) for index in disabled)]


def _is_nothing(run: Run, step: Json) -> bool:
    return step["status"] == "failed" and (step["index"] in run.untouched or step["kind"] == "driver.start")


def _brings_back(run: Run) -> list[int]:
    """The change that speaks for the service when no act on it had been begun, but some other change had."""
    begun = [step for step in run.steps if step["status"] != "not_run"]
    if not begun or any(step["kind"] in _LAST_UNDONE for step in begun):
        return []
    restarts = [step for step in run.steps if step["kind"] == "service.restart"]
    return [(restarts + begun)[0]["index"]]


def _set_mode(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    name = DRIVER if change["kind"] == "driver.start_mode" else change["service"]
    set_start_mode(run, name, change["before" if undo else "after"])
    yield from ()


def _reserve(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    after = {"url_reservation.add": "sddl", "url_reservation.replace": "after"}.get(change["kind"])
    before = {"url_reservation.remove": "sddl", "url_reservation.replace": "before"}.get(change["kind"])
    wanted = before if undo else after
    set_reservation(run, change["url"], change[wanted] if wanted else "")
    yield from ()


def _list(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    set_listen_entry(run, change["address"], present=(change["kind"] == "ip_listen.add") is not undo)
    yield from ()


def _block(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    present = (change["kind"] == "firewall_rule.add") is not undo
    set_firewall_rule(run, change["name"], change["port"], present=present)
    yield from ()


def _protect(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    set_data_access(run, change["path"], change["before" if undo else "after"])
    yield from ()


def _recover(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    set_recovery(run, change["service"], change["before" if undo else "after"])
    yield from ()


def _write(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    yield from restore_changed_file(run, change) if undo else write_changed_file(run, change)


def _restore(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    yield from put_data_back(run, change) if undo else restore_data(run, change)


def _restart(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    if undo:
        yield from undo_restart(run, change["service"])
    else:
        yield from save_data(run)
        yield from restart_service(run, change["service"])


def _start(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    if undo:
        yield from stop_service(run, change["service"])
    else:
        yield from save_data(run)
        yield from start_service(run, change["service"])


def _stop(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:
    yield from start_service(run, change["service"]) if undo else stop_service(run, change["service"])


def _start_driver(run: Run, change: dict[str, Any], undo: bool) -> Waiting[None]:  # noqa: ARG001 - kept by an undo
    yield from start_driver(run)


_ACTS: dict[str, Callable[[Run, dict[str, Any], bool], Waiting[None]]] = {
    "driver.start_mode": _set_mode,
    "driver.start": _start_driver,
    "url_reservation.add": _reserve,
    "url_reservation.remove": _reserve,
    "url_reservation.replace": _reserve,
    "ip_listen.add": _list,
    "ip_listen.remove": _list,
    "firewall_rule.add": _block,
    "firewall_rule.remove": _block,
    "data_directory.acl": _protect,
    "service.start_mode": _set_mode,
    "service.recovery": _recover,
    "file.write": _write,
    "data_store.restore": _restore,
    "service.restart": _restart,
    "service.start": _start,
    "service.stop": _stop,
}


def _act(run: Run, change: dict[str, Any], *, undo: bool) -> Waiting[None]:
    act = _ACTS.get(change["kind"])
    if act is None:
        raise ValueError(f"No such kind of change: {change['kind']}")
    yield from act(run, change, undo)


def _strike_before(run: Run, index: int, change: dict[str, Any]) -> None:
    faults, files = run.visit.faults, run.visit.computer.files
    if faults.power_lost_before == index:
        raise PowerLost
    if faults.disk_full_at == index:
        files.disk_full = True
    if faults.file_edited_at == index and change["kind"] == "file.write":
        old = files.read(change["path"]) if files.exists(change["path"]) else b""
        files.write(change["path"], old + _STRANGE_EDIT)


def _code_and_text(error: Exception, usual: str) -> tuple[str, str]:
    if isinstance(error, ChangeFailed):
        return error.code, error.message
    return usual, error.text if isinstance(error, Win32Error) else str(error)
