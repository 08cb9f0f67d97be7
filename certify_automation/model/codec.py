"""The contract's JSON <-> these nouns; the documents have passed their schema before they come here."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from certify_automation.model.config_files import FileContent
from certify_automation.model.facts import (
    ApiFacts,
    DataFile,
    DriverFacts,
    EnvironmentVariable,
    Facts,
    FolderAccess,
    HostFacts,
    ListenListFacts,
    LockFacts,
    LogTail,
    ProductFacts,
    ReservationFacts,
    ServiceFacts,
    SocketFacts,
    UrlOwner,
)
from certify_automation.model.outcome import Failure, HealthOutcome, Outcome, Result, StepOutcome
from certify_automation.model.service import start_mode_from_cim, state_from_cim

T = TypeVar("T")
Json = Mapping[str, Any]


def _each(make: Callable[[Json], T], items: Iterable[Json]) -> tuple[T, ...]:
    return tuple(make(item) for item in items)


def _if_some(make: Callable[[Json], T], item: Json | None) -> T | None:
    return None if item is None else make(item)


def _strings(items: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if items is None else tuple(items)


def _host(j: Json) -> HostFacts:
    return HostFacts(**{**j, "pending_reboot": tuple(j["pending_reboot"])})


def _service(j: Json) -> ServiceFacts:
    return ServiceFacts(
        name=j["name"],
        display_name=j["display_name"],
        state=state_from_cim(j["state"]),
        start_mode=start_mode_from_cim(j["start_mode"], delayed=j["delayed"]),
        account=j["account"],
        path_name=j["path_name"],
        exit_code=j["exit_code"],
        service_exit_code=j["service_exit_code"],
        process_id=j["process_id"],
    )


def _driver(j: Json) -> DriverFacts:
    return DriverFacts(state_from_cim(j["state"]), start_mode_from_cim(j["start_mode"]), j["exit_code"])


def _product(j: Json) -> ProductFacts:
    services = _each(_service, j["services"])
    environment = _each(lambda e: EnvironmentVariable(**e), j["environment"])
    return ProductFacts(**{**j, "services": services, "environment": environment})


def _file(j: Json) -> FileContent:
    content = None if j["content"] is None else base64.b64decode(j["content"])
    return FileContent(j["path"], content, j["sha256"], j["error"] or "")


def _log(j: Json) -> LogTail:
    return LogTail(j["path"], j["exists"], tuple(j["lines"]))


def _api(j: Json) -> ApiFacts:
    return ApiFacts(**{**j, "authenticate": tuple(j["authenticate"])})


def _data_file(j: Json) -> DataFile:
    return DataFile(j["name"], j["bytes"], j["written_utc_ms"])


def facts_from_json(j: Json) -> Facts:
    """Facts of a document that passed facts.schema.json."""
    listen = j["ip_listen"]
    return Facts(
        host=_host(j["host"]),
        product=_product(j["product"]),
        driver=_if_some(_driver, j["driver"]),
        files={name: _file(item) for name, item in j["files"].items() if item is not None},
        ip_listen=ListenListFacts(_strings(listen["live"]), _strings(listen["registry"]), listen["exit_code"]),
        url_reservations=_each(
            lambda r: ReservationFacts(r["url"], base64.b64decode(r["descriptor"])), j["url_reservations"]
        ),
        url_owners=_each(lambda o: UrlOwner(o["url"], tuple(o["process_ids"])), j["url_owners"]),
        sockets=_each(lambda s: SocketFacts(**s), j["sockets"]),
        logs={name: _log(item) for name, item in j["logs"].items() if item is not None},
        api=_each(_api, j["api"]),
        data_files=_each(_data_file, j["data"]["files"]),
        data_copies=_each(_data_file, j["data"]["copies"]),
        data_access=_if_some(lambda a: FolderAccess(**a), j["data_acl"]),
        lock=LockFacts(**j["lock"]),
        managed={item["name"]: item["value"] for item in j["managed"]},
    )


def _failure(j: Json) -> Failure:
    return Failure(j["code"], j["message"], j.get("step"), tuple(j.get("moved", ())))


def outcome_from_json(j: Json) -> Outcome:
    """Outcome of a document that passed outcome.schema.json."""
    return Outcome(
        run_id=j["run_id"],
        result=Result(j["result"]),
        steps=_each(lambda s: StepOutcome(**s), j["steps"]),
        refusal=_if_some(_failure, j["refusal"]),
        failure=_if_some(_failure, j["failure"]),
        health=_if_some(lambda h: HealthOutcome(**{**h, "effective": tuple(h["effective"])}), j["health"]),
        repeated=j["repeated"],
        facts=_if_some(facts_from_json, j["facts"]),
    )
