"""The simulated API answers as the vendor's did when it was recorded: status, headers, body, length."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.certify import ApiRequest, ApiResponse, Caller, Product, Setup, install
from certify_automation.lab.certify.api.core_api import CoreApi
from certify_automation.lab.certify.api.framework_api import FrameworkApi
from certify_automation.lab.certify.api.renewals import store_of
from certify_automation.lab.certify.conditions import Failure
from certify_automation.lab.certify.data_store import DATABASE, DataStoreFailure
from certify_automation.lab.certify.item_rows import database
from certify_automation.lab.hosts import start
from certify_automation.lab.windows import Installation, StillClock, make_computer
from certify_automation.lab.windows.files import join

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "cases" / "certify-api" / "answers.json").read_text("utf-8")
)
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
INSTANCE = "d10ce7d1-5765-4b93-8760-eeeb75d51611"
JSON = {"Content-Type": "application/json"}


SKIPPED = {
    "deploymentproviders": "deployment tasks are not simulated",
    "account-add-offline": "accounts are data of the lab, not of its API",
    "accounts-list-leak": "answers private keys, which the lab does not hold and clients never ask for",
    "credentials-empty": "stored credentials are not simulated",
    "cred-list": "stored credentials are not simulated",
    "ca-add-minimal": "custom authorities are data of the lab, not of its API",
    "ca-list": "authorities are data of the lab, not of its API",
    "preview-ok-1": "the prose of a preview is not simulated",
}
"""Recordings that are not replayed, and why."""

ACTING = (
    "update-version-from-client", "update-stale-version", "update-partial-body", "get-after-partial", "update-no-id",
    "update-enum-out-of-range", "update-enum-string", "update-date-Z", "update-date-nozone", "update-date-empty",
    "challengecleanup", "log-ok-1", "autorenew-preview-due", "autorenew-targeted-real-new-1",
    "autorenew-unknown-target", "renewcert-paused-1", "renewcert-fail-2", "get-fail-2-after", "log-fail-2",
    "summary-after",
)  # fmt: skip
"""Recordings of group 2 that depend on the ones before them."""


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


def make(generation: str, instance_id: str, items: list[dict[str, Any]], version: str = "7.0.0.0") -> Product:
    """A running product on a computer of its own, with these items."""
    computer = make_computer(Installation("WEB01"), StillClock(NOW))
    product = install(computer, Setup(generation, version=version))
    start(computer, product)
    computer.clock.set(NOW)
    store = store_of(product)
    store.put_items(items)
    store.settings["InstanceId"] = instance_id
    store.save()
    return product


def core_api(product: Product) -> CoreApi:
    return CoreApi(product, windows_powershell=False)


def delete_what_was_made(product: Product) -> None:
    known = {item["Id"] for item in recorded_items()}
    store = store_of(product)
    store.change([], [item["Id"] for item in store.items() if item["Id"] not in known])


def log_a_preview(product: Product) -> None:
    """What a request for a preview of www.example.test leaves in its log."""
    log = product.log("log_ok-1.txt")
    log.session(NOW, "INF", "Previewing Certificate Deployment: www.example.test")
    stored_in = "Certificate will be stored in the computer certificate store [My]"
    log.session(NOW, "INF", f"CertificateStorage: Certificate Storage - {stored_in}")
    log.session(NOW, "INF", "[Preview Mode] Completed certificate request and automated binding updates")


def store_dates_again(product: Product) -> None:
    """A store between two recordings that nobody recorded."""
    entry = next(one for one in RECORDED if one["name"] == "update-date-Z")
    core_api(product).answer(request_of(entry))


def preview_new(product: Product) -> None:
    """The request between two recordings that nobody recorded."""
    body = b'{"isPreviewMode": true, "targetManagedCertificates": ["new-1"]}'
    core_api(product).answer(ApiRequest("POST", "/api/managedcertificates/autorenew", JSON, body, Caller.ADMINISTRATOR))


def break_accounts(product: Product) -> None:
    """The recorded service could not read its account's key: requests fail as it said."""
    for name in ("new-1", "fail-2"):
        entry = next(
            one for one in RECORDED if name in one["name"] and one["name"].startswith(("autorenew-t", "renewc"))
        )
        body = entry["response"]["body"]
        message = (body[0] if isinstance(body, list) else body)["message"]
        product.conditions.failing[name] = Failure(message.replace("{", "{{").replace("}", "}}"), abort=True, counts=2)


def log_a_stack_trace(product: Product) -> None:
    """The log of the recorded service: a Linux, with the exception's lines in the order it was thrown through."""
    entry = next(one for one in RECORDED if one["name"] == "log-fail-2")
    lines = []
    for said in reversed(entry["response"]["body"]):
        first, *further = said["message"].split("\n")
        lines += [f"2026-11-23 10:00:00.000 +00:00 [{said['logLevel']}]{first}", *reversed(further)]
    path = join(product.data_folder(), "logs\\log_fail-2.txt")
    product.computer.files.write(path, "\r\n".join(lines).encode())


BETWEEN: dict[str, tuple[Callable[[Product], None], ...]] = {
    "update-date-nozone": (store_dates_again,),
    "challengecleanup": (delete_what_was_made,),
    "log-ok-1": (log_a_preview,),
    "log-fail-2": (log_a_stack_trace,),
    "autorenew-targeted-real-new-1": (preview_new, break_accounts),
}


def without_moments(value: Any) -> Any:
    """The same without what no two runs have in common."""
    if isinstance(value, dict):
        own = ("traceId", "dateLastRenewalAttempt", "eventDate")
        kept = {k: without_moments(v) for k, v in value.items() if k not in own}
        if value.get("name") == "no id given":
            kept.pop("id")
        return kept
    return [without_moments(part) for part in value] if isinstance(value, list) else value


def check_but_moments(entry: dict[str, Any], answer: ApiResponse) -> None:
    expected = entry["response"]
    assert answer.status == expected["status"], entry["name"]
    assert dict(answer.headers) == expected["headers"]
    body = json.loads(answer.body)
    assert without_moments(body) == without_moments(expected["body"]), entry["name"]


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


def replayed(name: str) -> list[dict[str, Any]]:
    return [entry for entry in group(name) if entry["name"] not in SKIPPED and entry["name"] not in ACTING]


@pytest.mark.parametrize("entry", replayed("1-empty"), ids=lambda entry: entry["name"])
def test_an_empty_service(entry: dict[str, Any]) -> None:
    product = make("v7", "6500ab66-2082-407e-bb0f-7033ea46b1e2", [])
    check(entry, core_api(product).answer(request_of(entry)))


@pytest.mark.parametrize("entry", replayed("2-items"), ids=lambda entry: entry["name"])
def test_thirteen_certificates(entry: dict[str, Any]) -> None:
    product = make("v7", INSTANCE, recorded_items())
    check(entry, core_api(product).answer(request_of(entry)))


def test_what_changes_items_in_the_recorded_order() -> None:
    """Each request meets what the ones before it left; moments and made-up ids are the recording's own."""
    product = make("v7", INSTANCE, recorded_items())
    entries = [entry for entry in group("2-items") if entry["name"] in ACTING]
    assert len(entries) == len(ACTING)
    for entry in entries:
        for step in BETWEEN.get(entry["name"], ()):
            step(product)
        check_but_moments(entry, core_api(product).answer(request_of(entry)))


def test_every_recording_is_replayed_or_has_its_reason() -> None:
    named = {entry["name"] for entry in RECORDED}
    assert set(SKIPPED) <= named
    assert all(reason for reason in SKIPPED.values())
    assert set(ACTING) <= named - set(SKIPPED)
    assert len(RECORDED) - sum(entry["name"] in SKIPPED for entry in RECORDED) >= 66


def test_preferences_in_the_recorded_order() -> None:
    """Each request meets what the ones before it left."""
    product = make("v7", INSTANCE, [])
    entries = [entry for entry in group("3-preferences") if entry["name"] != "summary-after"]
    assert len(entries) == 11
    for entry in entries:
        check(entry, core_api(product).answer(request_of(entry)))


def test_leaving_out_the_data_store_in_preferences_makes_the_next_start_fail() -> None:
    product = make("v7", "any", [])
    store = store_of(product)
    core_api(product).answer(ApiRequest("POST", "/api/preferences", JSON, b"{}", Caller.ADMINISTRATOR))
    assert store.settings["ConfigDataStoreConnectionId"] == "0"
    with pytest.raises(DataStoreFailure) as failed:
        store.open("7.0.0.0")
    assert failed.value.log == ("FATAL: Managed Item Store 0 could not connect or load. Service will not start.")


@pytest.mark.parametrize(
    ("path", "status"), [("/api/system/appversion", 200), ("/health", 200), ("/api/preferences", 401)]
)
def test_v7_wants_credentials_for_all_but_the_version(path: str, status: int) -> None:
    answer = core_api(make("v7", "any", [])).answer(ApiRequest("GET", path, caller=Caller.ANONYMOUS))
    assert answer.status == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_v7_refuses_a_user_who_is_no_administrator() -> None:
    answer = core_api(make("v7", "any", [])).answer(ApiRequest("GET", "/api/preferences", caller=Caller.USER))
    assert answer.status == 403


def test_a_route_the_lab_lacks_says_so() -> None:
    answer = core_api(make("v7", "any", [])).answer(ApiRequest("GET", "/api/accounts", caller=Caller.ADMINISTRATOR))
    assert answer.status == 501
    assert b"does not simulate" in answer.body


@pytest.mark.parametrize(("generation", "api", "body"), [("v7", core_api, b""), ("v6", FrameworkApi, None)])
def test_one_unreadable_row_breaks_the_summary_but_not_the_version(
    generation: str, api: Callable[[Product], CoreApi | FrameworkApi], body: bytes | None
) -> None:
    product = make(generation, "any", [])
    store = store_of(product)
    store._files.write(store.path(DATABASE), database({"ok": '{"Id":"ok"}', "bad": '{"Id":'}))
    summary = ApiRequest("POST", "/api/managedcertificates/summary", JSON, b"{}", Caller.ADMINISTRATOR)
    version = ApiRequest("GET", "/api/system/appversion", caller=Caller.ADMINISTRATOR)
    answer = api(product).answer(summary)
    assert answer.status == 500
    assert answer.body == body if body is not None else b"exception" in answer.body
    assert api(product).answer(version).status == 200


def test_a_row_without_domains_breaks_only_the_summary() -> None:
    product = make("v7", "any", [{"Id": "x", "Name": "x", "DomainOptions": None}])
    store = store_of(product)
    store._files.write(store.path(DATABASE), database({"x": '{"Id":"x","Name":"x","DomainOptions":null}'}))
    search = ApiRequest("POST", "/api/managedcertificates/search", JSON, b"{}", Caller.ADMINISTRATOR)
    summary = ApiRequest("POST", "/api/managedcertificates/summary", JSON, b"{}", Caller.ADMINISTRATOR)
    assert core_api(product).answer(search).status == 200
    assert core_api(product).answer(summary).status == 500


class TestFramework:
    """v6 has manners of its own."""

    def answer(self, method: str, path: str, caller: Caller = Caller.ADMINISTRATOR, **headers: str) -> ApiResponse:
        body = b"{}" if method == "POST" else b""
        request = ApiRequest(method, path, {**JSON, **headers}, body, caller)
        return FrameworkApi(make("v6", "any", recorded_items(), "6.1.0.0")).answer(request)

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
