"""The simulated API answers as the vendor's did when it was recorded: status, headers, body, length."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.certify import ApiRequest, ApiResponse, Caller
from certify_automation.lab.certify.api.core_api import CoreApi
from certify_automation.lab.certify.api.framework_api import FrameworkApi
from certify_automation.lab.certify.data_store import DATABASE, DataStore, DataStoreFailure, database
from certify_automation.lab.windows import MemoryFiles, StillClock

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "cases" / "certify-api" / "answers.json").read_text("utf-8")
)
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
FOLDER = "C:\\ProgramData\\certify"
JSON = {"Content-Type": "application/json"}


def group(name: str) -> list[dict[str, Any]]:
    return [entry for entry in RECORDED if entry["group"] == name]


def stored(value: Any) -> Any:
    """An answered item as the database keeps it: PascalCase, without nulls and what is computed."""
    if isinstance(value, dict):
        computed = ("health", "certificateLifetime", "isChanged", "deleted", "instanceId")
        kept = {k: v for k, v in value.items() if v is not None and k not in computed}
        return {name[0].upper() + name[1:]: stored(part) for name, part in kept.items()}
    return [stored(part) for part in value] if isinstance(value, list) else value


def recorded_items() -> list[dict[str, Any]]:
    whole = next(entry for entry in RECORDED if entry["name"] == "results-page1-no-size")
    return [stored(item) for item in whole["response"]["body"]["results"]]


def make_store(instance_id: str, items: list[dict[str, Any]]) -> DataStore:
    files = MemoryFiles(StillClock(NOW))
    files.make_folder(FOLDER)
    store = DataStore(files, FOLDER, "vm")
    store.open("7.0.0.0")
    store.put_items(items)
    store.settings["InstanceId"] = instance_id
    store.save()
    return store


def core_api() -> CoreApi:
    return CoreApi("7.0.0.0", lambda: NOW, windows_powershell=False)


def request_of(entry: dict[str, Any]) -> ApiRequest:
    request = entry["request"]
    text = request.get("bodyText", "")
    if "body" in request:
        text = json.dumps(request["body"], separators=(", ", ": "))
    return ApiRequest(request["method"], request["path"], request["headers"], text.encode(), Caller.ADMINISTRATOR)


def without_trace(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "traceId"} if isinstance(value, dict) else value


def check(entry: dict[str, Any], answer: ApiResponse) -> None:
    expected = entry["response"]
    assert answer.status == expected["status"]
    assert dict(answer.headers) == expected["headers"]
    assert len(answer.body) == expected["bytes"]
    if expected["bodyKind"] == "json":
        body = json.loads(answer.body)
        wanted = expected["body"]
        assert without_trace(body[: len(wanted)] if "note" in expected else body) == without_trace(wanted)
    elif expected["bodyKind"] == "text":
        assert answer.body.decode() == expected["bodyText"]


@pytest.mark.parametrize("entry", group("1-empty"), ids=lambda entry: entry["name"])
def test_an_empty_service(entry: dict[str, Any]) -> None:
    store = make_store("6500ab66-2082-407e-bb0f-7033ea46b1e2", [])
    check(entry, core_api().answer(request_of(entry), store))


@pytest.mark.parametrize("entry", group("2-items"), ids=lambda entry: entry["name"])
def test_thirteen_certificates(entry: dict[str, Any]) -> None:
    store = make_store("d10ce7d1-5765-4b93-8760-eeeb75d51611", recorded_items())
    check(entry, core_api().answer(request_of(entry), store))


def test_preferences_in_the_recorded_order() -> None:
    """Each request meets what the ones before it left."""
    store = make_store("d10ce7d1-5765-4b93-8760-eeeb75d51611", recorded_items())
    entries = [entry for entry in group("3-preferences") if entry["name"] != "summary-after"]
    assert len(entries) == 11
    for entry in entries:
        check(entry, core_api().answer(request_of(entry), store))


def test_leaving_out_the_data_store_in_preferences_makes_the_next_start_fail() -> None:
    store = make_store("any", [])
    core_api().answer(ApiRequest("POST", "/api/preferences", JSON, b"{}", Caller.ADMINISTRATOR), store)
    assert store.settings["ConfigDataStoreConnectionId"] == "0"
    with pytest.raises(DataStoreFailure) as failed:
        store.open("7.0.0.0")
    assert failed.value.log == ("FATAL: Managed Item Store 0 could not connect or load. Service will not start.")


@pytest.mark.parametrize(
    ("path", "status"), [("/api/system/appversion", 200), ("/health", 200), ("/api/preferences", 401)]
)
def test_v7_wants_credentials_for_all_but_the_version(path: str, status: int) -> None:
    answer = core_api().answer(ApiRequest("GET", path, caller=Caller.ANONYMOUS), make_store("any", []))
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_v7_refuses_a_user_who_is_no_administrator() -> None:
    answer = core_api().answer(ApiRequest("GET", "/api/preferences", caller=Caller.USER), make_store("any", []))
    assert answer.status == 403


def test_a_route_the_lab_lacks_says_so() -> None:
    answer = core_api().answer(ApiRequest("GET", "/api/accounts", caller=Caller.ADMINISTRATOR), make_store("any", []))
    assert answer.status == 501
    assert b"does not simulate" in answer.body


@pytest.mark.parametrize(("make", "body"), [(core_api, b""), (lambda: FrameworkApi("6.1.0.0", lambda: NOW), None)])
def test_one_unreadable_row_breaks_the_summary_but_not_the_version(make: Any, body: bytes | None) -> None:
    store = make_store("any", [])
    store._files.write(store.path(DATABASE), database({"ok": '{"Id":"ok"}', "bad": '{"Id":'}))
    summary = ApiRequest("POST", "/api/managedcertificates/summary", JSON, b"{}", Caller.ADMINISTRATOR)
    version = ApiRequest("GET", "/api/system/appversion", caller=Caller.ADMINISTRATOR)
    answer = make().answer(summary, store)
    assert answer.status == 500
    assert answer.body == body if body is not None else b"exception" in answer.body
    assert make().answer(version, store).status == 200


def test_a_row_without_domains_breaks_only_the_summary() -> None:
    store = make_store("any", [{"Id": "x", "Name": "x", "DomainOptions": None}])
    store._files.write(store.path(DATABASE), database({"x": '{"Id":"x","Name":"x","DomainOptions":null}'}))
    search = ApiRequest("POST", "/api/managedcertificates/search", JSON, b"{}", Caller.ADMINISTRATOR)
    summary = ApiRequest("POST", "/api/managedcertificates/summary", JSON, b"{}", Caller.ADMINISTRATOR)
    assert core_api().answer(search, store).status == 200
    assert core_api().answer(summary, store).status == 500


class TestFramework:
    """v6 has manners of its own."""

    def answer(self, method: str, path: str, caller: Caller = Caller.ADMINISTRATOR, **headers: str) -> ApiResponse:
        body = b"{}" if method == "POST" else b""
        request = ApiRequest(method, path, {**JSON, **headers}, body, caller)
        return FrameworkApi("6.1.0.0", lambda: NOW).answer(request, make_store("any", recorded_items()))

    @pytest.mark.parametrize("path", ["/api/system/appversion", "/api/preferences", "/api/nope"])
    def test_nobody_gets_in_without_credentials(self, path: str) -> None:
        answer = self.answer("GET", path, Caller.ANONYMOUS)
        assert (answer.status, dict(answer.headers)) == (401, {"WWW-Authenticate": "Negotiate"})

    def test_any_user_may_ask_for_the_version_and_for_nothing_else(self) -> None:
        assert self.answer("GET", "/api/system/appversion", Caller.USER).body == b'"6.1.0.0"'
        assert self.answer("GET", "/api/preferences", Caller.USER).status == 401

    def test_a_browser_gets_xml(self) -> None:
        answer = self.answer("GET", "/api/system/appversion", Accept="text/html,application/xml;q=0.9")
        assert answer.body.startswith(b"<string")
        assert b"6.1.0.0" in answer.body

    def test_a_missing_item_is_null(self) -> None:
        answer = self.answer("GET", "/api/managedcertificates/does-not-exist")
        assert (answer.status, answer.body) == (200, b"null")

    def test_what_v6_hides(self) -> None:
        item = json.loads(self.answer("GET", "/api/managedcertificates/ok-1").body)
        assert not {"health", "deleted", "certificateLifetime", "isChanged"} & set(item)
        assert not any("isChanged" in option for option in item["domainOptions"])
        assert json.loads(self.answer("POST", "/api/managedcertificates/summary").body)["total"] == 13

    def test_a_wrong_verb_and_an_unknown_route(self) -> None:
        assert self.answer("GET", "/api/managedcertificates/search").status == 405
        assert self.answer("GET", "/api/nope").status == 404
        assert self.answer("GET", "/api/accounts").status == 501
