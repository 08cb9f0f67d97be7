"""The contract's JSON <-> these nouns; the documents have passed their schema before they come here."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from certify_automation.model.certificate_codec import inventory_from_json
from certify_automation.model.config_files import FileContent
from certify_automation.model.examination_codec import examination_from_json
from certify_automation.model.facts import (
    ApiFacts,
    DataFile,
    DriverFacts,
    EnvironmentVariable,
    Facts,
    FirewallRule,
    FolderAccess,
    HostFacts,
    ListenListFacts,
    LockFacts,
    ProductFacts,
    ReservationFacts,
    ServiceFacts,
    SocketFacts,
    SslBinding,
    UrlOwner,
)
from certify_automation.model.log_tail import LogTail
from certify_automation.model.outcome import HealthOutcome, Outcome, RecoveredRun, Result
from certify_automation.model.renewal import RenewalResult, RenewalStatus, Renewed
from certify_automation.model.runs import OpenRun, Records, RunFiles, RunSummary
from certify_automation.model.service import start_mode_from_cim, state_from_cim
from certify_automation.model.step import Failure, StepOutcome

T = TypeVar("T")
Json = Mapping[str, Any]


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _each(make: Callable[[Json], T], items: Iterable[Json]) -> tuple[T, ...]:
    return tuple(make(item) for item in items)


def _if_some(make: Callable[[Any], T], item: Any | None) -> T | None:  # noqa: ANN401 - any JSON value
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
        failure_actions=_bytes(j["failure_actions"]),
        failure_flag=j["failure_flag"],
    )


def _driver(j: Json) -> DriverFacts:
    return DriverFacts(state_from_cim(j["state"]), start_mode_from_cim(j["start_mode"]), j["exit_code"])


def _product(j: Json) -> ProductFacts:
    services = _each(_service, j["services"])
    environment = _each(lambda e: EnvironmentVariable(**e), j["environment"])
    return ProductFacts(**{**j, "services": services, "environment": environment})


def _file(j: Json) -> FileContent:
    return FileContent(j["path"], _bytes(j["content"]), j["sha256"], j["error"] or "")


def _log(j: Json) -> LogTail:
    return LogTail(j["path"], j["exists"], tuple(j["lines"]))


def _api(j: Json) -> ApiFacts:
    return ApiFacts(**{**j, "authenticate": tuple(j["authenticate"])})


def _data_file(j: Json) -> DataFile:
    return DataFile(j["name"], j["bytes"], j["written_utc_ms"])


def _steps(j: Json) -> tuple[StepOutcome, ...]:
    return _each(lambda s: StepOutcome(**s), j["steps"])


def _open_run(j: Json) -> OpenRun:
    return OpenRun(**{**j, "steps": _steps(j)})


def _run_files(j: Json) -> RunFiles:
    return RunFiles(**{**j, "before": {name: _bytes(text) for name, text in j["before"].items()}})


def _records(j: Json) -> Records:
    return Records(_each(lambda r: RunSummary(**r), j["runs"]), _if_some(_run_files, j["run"]))


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
        firewall_rules=_if_some(lambda rules: _each(lambda r: FirewallRule(**r), rules), j["firewall_rules"]),
        ssl_bindings=_each(lambda b: SslBinding(**b), j["ssl_bindings"]),
        open_run=_if_some(_open_run, j["open_run"]),
        records=_if_some(_records, j["records"]),
        managed={item["name"]: item["value"] for item in j["managed"]},
        certificates=_if_some(inventory_from_json, j.get("certificates")),
        examination=_if_some(examination_from_json, j.get("examination")),
    )


def _failure(j: Json) -> Failure:
    return Failure(j["code"], j["message"], j.get("step"), tuple(j.get("moved", ())))


def _recovered(j: Json) -> RecoveredRun:
    return RecoveredRun(j["run_id"], Result(j["result"]), _steps(j), _if_some(_failure, j["failure"]))


def outcome_from_json(j: Json) -> Outcome:
    """Outcome of a document that passed outcome.schema.json."""
    return Outcome(
        run_id=j["run_id"],
        result=Result(j["result"]),
        steps=_steps(j),
        refusal=_if_some(_failure, j["refusal"]),
        failure=_if_some(_failure, j["failure"]),
        health=_if_some(lambda h: HealthOutcome(**{**h, "effective": tuple(h["effective"])}), j["health"]),
        repeated=j["repeated"],
        recovered=_each(_recovered, j["recovered"]),
        facts=_if_some(facts_from_json, j["facts"]),
    )


def renewed_from_json(j: Json) -> Renewed:
    """What became of preferences and renewals, of a document that passed renewed.schema.json."""
    preferences = j["preferences"] or {"status": None, "failure": None}
    return Renewed(
        run_id=j["run_id"],
        refusal=_if_some(_failure, j["refusal"]),
        preferences=preferences["status"],
        preferences_failure=_if_some(_failure, preferences["failure"]),
        renewals=_each(lambda r: RenewalResult(**{**r, "status": RenewalStatus(r["status"])}), j["renewals"]),
        facts=_if_some(facts_from_json, j["facts"]),
    )
