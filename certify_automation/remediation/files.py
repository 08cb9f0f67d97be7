"""Remedies of findings about the product's files, the folder they are in, and the database among them."""

from __future__ import annotations

from collections.abc import Mapping

from certify_automation.config_merge import default_connection, merge_servers
from certify_automation.diff import content_of
from certify_automation.doctor.data import DEFAULT_STORE, data_file, good_backup
from certify_automation.model.config_files import (
    BACKUPS,
    DATABASE,
    FileName,
    JsonValue,
    ServerConnection,
    ServiceConfig,
)
from certify_automation.model.facts import DataFile
from certify_automation.model.finding import Finding
from certify_automation.model.host import HostState
from certify_automation.model.service import ServiceState, WindowsService
from certify_automation.remediation.fragment import Fragment, NeedsPerson, Remedy, together
from certify_automation.remediation.goal import Goal
from certify_automation.remediation.listening import Remedial, connection_at_target, files_at_target

_LOCAL = "(local)"


def _config_written(goal: Goal, _: Finding) -> Remedy:
    """What the service uses in its place now, said in the file; the rest of what stands there and can be read stays."""
    end = goal.target
    values = ServiceConfig({"Host": end.host, "Port": end.port, "UseHTTPS": end.https})
    return together(files_at_target(goal), Fragment(HostState(service_config=values)))


def _connections_written(goal: Goal, _: Finding) -> Remedy:
    declared = goal.case.declared.connections
    if declared is not None:
        return Fragment(HostState(connections=declared))
    servers, name = content_of(goal.case.facts, FileName.SERVERS), goal.case.facts.host.name
    readable = merge_servers((), servers, name).content
    found, end = default_connection(readable), goal.target
    if found is not None and found.name:
        kept = Fragment(HostState(connections=(ServerConnection(found.name),)))
        return together(kept, connection_at_target(goal, readable))
    values: dict[str, JsonValue] = {"Host": end.host, "Port": end.port, "UseHTTPS": end.https, "IsDefault": True}
    return Fragment(HostState(connections=(ServerConnection(_LOCAL, values),)))


def _fault_taken_away(_: Goal, __: Finding) -> Remedy:
    return Fragment(HostState(service_config=ServiceConfig(removed=("ServiceFaultMsg",))))


def _folder_closed(_: Goal, __: Finding) -> Remedy:
    return Fragment(HostState(data_directory_restricted=True))


def _restored(goal: Goal, _: Finding) -> Remedy:
    return _from_backup(goal, good_backup(goal.case.facts))


def _refilled(goal: Goal, _: Finding) -> Remedy:
    """The newest backup that is fuller than the database: a newer one can be of the emptied database already."""
    database = data_file(goal.case.facts, DATABASE)
    backups = (data_file(goal.case.facts, name) for name in BACKUPS)
    return _from_backup(goal, next((one for one in backups if one and database and one.size > database.size), None))


def _from_backup(goal: Goal, backup: DataFile | None) -> Remedy:
    if backup is None:
        return NeedsPerson("there is no backup from before beside the database: restore one from elsewhere")
    return _on_other_data(goal, HostState(data_backup=backup.name))


def _own_store(goal: Goal, _: Finding) -> Remedy:
    return _on_other_data(goal, HostState(data_store_id=DEFAULT_STORE))


def _on_other_data(goal: Goal, state: HostState) -> Remedy:
    """The service opens its data at its start only; one that is declared to be stopped stays so."""
    stopped = goal.case.declared.service.state is ServiceState.STOPPED
    service = WindowsService(None if stopped else ServiceState.RUNNING)
    return together(Fragment(state, restart=True), Fragment(HostState(service, endpoint=goal.target)))


FILES: Mapping[str, Remedial] = {
    "CA6301": _config_written,
    "CA6302": _config_written,
    "CA6303": _connections_written,
    "CA6304": _fault_taken_away,
    "CA6401": _restored,
    "CA6402": _restored,
    "CA6403": _refilled,
    "CA6405": _own_store,
    "CA6603": _folder_closed,
}
"""Finding id -> its remedy."""
