"""What the API does with managed certificates besides listing them: store, delete, renew, revoke, read their logs.

Both hosts answer these with the same objects; how each writes them is its own affair.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from certify_automation.lab.certify.api import items
from certify_automation.lab.certify.certificate_requests import Requester, RequestResult, log_name
from certify_automation.lab.certify.data_store import DataStore
from certify_automation.lab.certify.deployment import identifiers
from certify_automation.lab.certify.item_rows import read_date
from certify_automation.lab.certify.scheduler import Scheduler
from certify_automation.lab.windows.files import join

SETTINGS: dict[str, Any] = {
    "startDate": None, "endDate": None, "mode": 0, "isPreviewMode": False, "targetManagedCertificates": [],
    "awaitResults": True,
}  # fmt: skip
"""RenewalSettings."""
SETTINGS_TYPES = {
    "startDate": "System.Nullable`1[System.DateTimeOffset]",
    "endDate": "System.Nullable`1[System.DateTimeOffset]",
    "mode": "Certify.Models.RenewalMode",
}

_DATE = "System.Nullable`1[System.DateTimeOffset]"
ITEM_TYPES = {
    "name": "System.String?",
    "itemType": "Certify.Models.ManagedCertificateType",
    "lastRenewalStatus": "System.Nullable`1[Certify.Models.RequestState]",
    "health": "Certify.Models.ManagedCertificateHealth",
    "dateStart": _DATE, "dateExpiry": _DATE, "dateRenewed": _DATE, "dateLastOcspCheck": _DATE,
    "dateLastRenewalInfoCheck": _DATE, "dateNextScheduledRenewalAttempt": _DATE, "dateLastRenewalAttempt": _DATE,
    "customRenewalTarget": "System.Nullable`1[System.Single]",
    "skipCertificateRequest": "System.Nullable`1[System.Boolean]",
    "certificateLifetime": "Certify.Models.Lifetime",
}  # fmt: skip
"""CLR types of ManagedCertificate's properties whose default does not tell them."""

_COMPUTED = ("instanceId", "health", "deleted", "certificateLifetime", "isChanged", "version")
_NESTED = {
    "requestConfig": "CertRequestConfig",
    "domainOptions": "DomainOption",
    "challenges": "CertRequestChallengeConfig",
    "preRequestTasks": "DeploymentTaskConfig",
    "postRequestTasks": "DeploymentTaskConfig",
}
_LOG_LINE = re.compile(r"(?P<date>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d) \[(?P<level>\w+)\](?P<text>.*)")


class Process(Requester, Protocol):
    """The running product, as the API sees it."""

    store: DataStore | None
    scheduler: Scheduler | None


class NotServing(Exception):
    """The process has no manager that could do anything."""


def store_of(process: Process) -> DataStore:
    """The data of a running process; raises NotServing."""
    if process.store is None:
        raise NotServing
    return process.store


def update(process: Process, given: Mapping[str, Any]) -> dict[str, Any]:
    """Store a whole item in place of the one with its id, or a new one; what was not given is reset.

    Returns:
        The item as the API answers it. The version is the server's own count, whatever was sent.
    """
    store = store_of(process)
    item = to_stored("ManagedCertificate", {k: v for k, v in given.items() if k not in _COMPUTED})
    item["Id"] = item.get("Id") or str(uuid.uuid4())
    before = store.item(item["Id"])
    item["Version"] = 0 if before is None else int(before.get("Version") or 0) + 1
    for name, value in item.items():
        if name.startswith("Date") and value is not None:
            item[name] = read_date(value).isoformat()
    store.change([_without_nulls(item)])
    return items.rendered(item, process.computer.clock.now(), str(store.settings["InstanceId"]))


def delete(process: Process, item_id: str) -> bool:
    """Delete an item; true, also when there is none of this id."""
    store = store_of(process)
    if store.item(item_id) is not None:
        store.change([], [item_id])
    return True


def autorenew(process: Process, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A renewal pass; its results do not tell which instance they are of."""
    now = process.computer.clock.now
    return [_result(result, now(), None) for result in _scheduler(process).autorenew(asked)]


def renew(process: Process, item_id: str, *, resume_paused: bool) -> dict[str, Any]:
    """One request at once; raises KeyError for an unknown id."""
    result = _scheduler(process).request(item_id, resume_paused=resume_paused)
    return _result(result, process.computer.clock.now(), str(store_of(process).settings["InstanceId"]))


def revoke(process: Process, item_id: str) -> dict[str, Any]:
    """Have the certificate of an item revoked by its authority; cannot be undone."""
    store = store_of(process)
    item = store.item(item_id)
    authority = None if item is None else process.conditions.reachable(process.computer.clock.now()).get(
        str(item.get("CertificateCurrentCA"))
    )  # fmt: skip
    if item is None or authority is None or not item.get("CertificateThumbprintHash"):
        return _status("There is no certificate that could be revoked.", ok=False)
    authority.revoked.add(str(item["CertificateThumbprintHash"]))
    store.change([{**item, "CertificateRevoked": True}])
    return _status("Certificate revoked", ok=True)


def clean_up_challenges(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is found of http-01 challenges where the names of an item cannot be reached from outside."""
    item = to_stored("ManagedCertificate", given)
    found = []
    for name in identifiers(item)[:1]:
        path = f"http://{name}/.well-known/acme-challenge/configcheck"
        summary = (
            f"Config checks failed to verify http://{name} is both publicly accessible and can serve extensionless "
            f"files e.g. {path}"
        )
        found.append(_status(f"Could not verify URL is accessible: {path}", ok=False, failed=[summary]))
    return found


def log(process: Process, item_id: str, limit: int) -> list[dict[str, Any]]:
    """Entries of an item's log, newest first, of its last `limit` lines.

    The file is read backwards: the further lines of an entry come in reverse, and those whose first one is not among
    the lines read are lost.
    """
    files, path = process.computer.files, join(join(process.data_folder(), "logs"), log_name(item_id))
    if not files.exists(path):
        return []
    lines = files.read(path).decode("utf-8", "replace").splitlines()
    found: list[dict[str, Any]] = []
    further: list[str] = []
    for line in reversed(lines[-limit:] if limit > 0 else []):
        match = _LOG_LINE.fullmatch(line)
        if match is None:
            further.append(line)
            continue
        message = "\n".join([match["text"], *further])
        found.append({"eventDate": _log_date(match["date"]), "logLevel": match["level"], "message": message})
        further = []
    return found


def to_stored(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """An object of the wire as the product keeps it: PascalCase, names in any case, unknown ones ignored."""
    names = {name.lower(): name for name in items.model_defaults()[kind]}
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = names.get(key.lower())
        if name is None or name == "isChanged":
            continue
        nested = _NESTED.get(name)
        part = value
        if nested is not None and isinstance(value, Mapping):
            part = to_stored(nested, value)
        elif nested is not None and isinstance(value, Sequence):
            part = [to_stored(nested, one) for one in value if isinstance(one, Mapping)]
        found[name[0].upper() + name[1:]] = part
    return found


def _result(result: RequestResult, now: datetime, instance_id: str | None) -> dict[str, Any]:
    return {
        "managedItem": items.rendered(result.item, now, instance_id),
        "isSuccess": result.succeeded,
        "abort": result.abort,
        "message": result.message,
        "result": None,
        "actions": [],
        "challengeResponsePropagationSeconds": 0,
    }


def _status(message: str, *, ok: bool, failed: Sequence[str] = ()) -> dict[str, Any]:
    return {"isOK": ok, "hasWarning": False, "message": message, "failedItemSummary": list(failed), "result": None}


def _scheduler(process: Process) -> Scheduler:
    if process.scheduler is None:
        raise NotServing
    return process.scheduler


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _log_date(stamp: str) -> str:
    """As .NET writes it: without zeros at the end of the fraction."""
    date, time, zone = stamp.split(" ")
    return f"{date}T{time.rstrip('0').rstrip('.') if '.' in time else time}{zone}"
