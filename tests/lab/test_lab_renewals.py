"""The simulated product renews: passes, requests, deployment, and what goes wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from certify_automation.lab.certificates import STATES
from certify_automation.lab.certify import FAILURES
from certify_automation.lab.certify.item_rows import database, rows
from certify_automation.lab.hosts import start, stop
from certify_automation.lab.windows.power import lose_power
from tests.lab.renewing_product import GENERATIONS, NOW, Host, make_host, spec

DAY = 86_400


def bound(host: Host, name: str) -> str:
    value = host.computer.sni_bindings[name]["SslCertHash"]
    assert isinstance(value, bytes)
    return value.hex().upper()


def attempted(host: Host, since: datetime = NOW) -> list[str]:
    """The items whose last attempt ended after a moment, in the order they ended."""
    store = host.product.store
    assert store is not None
    dates = {str(item["Id"]): item.get("DateLastRenewalAttempt", "") for item in store.items_as_written()}
    return sorted((name for name, date in dates.items() if date > since.isoformat()), key=lambda name: dates[name])


@pytest.mark.parametrize("generation", GENERATIONS)
class TestOneRequest:
    def test_nothing_is_seen_of_it_before_it_ends(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation=generation)
        before = host.item("a.example.com")
        assert host.autorenew("a.example.com") == []
        host.pass_time(7.9)
        assert host.item("a.example.com") == before
        host.pass_time(0.2)
        after = host.item("a.example.com")
        assert (after["lastRenewalStatus"], after["renewalFailureCount"]) == (3, 0)
        assert after["dateLastRenewalAttempt"] == after["dateRenewed"]
        assert after["certificatePreviousThumbprintHash"] == before["certificateThumbprintHash"]
        assert after["certificateThumbprintHash"] != before["certificateThumbprintHash"]

    def test_an_awaited_one_takes_the_time_of_the_computer(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation=generation)
        began = host.computer.clock.now()
        (result,) = host.autorenew("a.example.com", wait=True)
        assert (result["isSuccess"], result["abort"]) == (True, False)
        assert result["managedItem"]["instanceId"] is None
        assert host.computer.clock.now() - began == timedelta(seconds=8)

    def test_the_certificate_is_where_it_belongs(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue", endpoint="a.example.com:443"), generation=generation)
        host.autorenew("a.example.com", wait=True)
        item = host.item("a.example.com")
        thumbprint = item["certificateThumbprintHash"]
        assert bound(host, "a.example.com:443") == thumbprint
        kept = host.computer.certificates.find("My", thumbprint)
        assert kept is not None
        assert kept.key_pem is not None
        assert datetime.fromisoformat(item["dateExpiry"]) == kept.expiry
        leaf = x509.load_der_x509_certificate(kept.der)
        (chain,) = host.computer.certificates.of("CA")
        leaf.verify_directly_issued_by(x509.load_der_x509_certificate(chain.der))
        _, in_file, _ = pkcs12.load_key_and_certificates(host.computer.files.read(item["certificatePath"]), None)
        assert in_file == leaf

    def test_a_deployment_that_does_not_follow(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "served_old", endpoint="a.example.com:443"), generation=generation)
        item = host.item("a.example.com")
        assert bound(host, "a.example.com:443") == item["certificatePreviousThumbprintHash"]
        host.autorenew("a.example.com", wait=True)
        assert bound(host, "a.example.com:443") == item["certificatePreviousThumbprintHash"]
        new = host.item("a.example.com")["certificateThumbprintHash"]
        assert host.computer.certificates.find("My", new) is not None

    def test_one_by_name_ignores_what_is_due_and_does_not_run_twice(self, generation: str) -> None:
        host = make_host(spec("a.example.com"), generation=generation)
        host.autorenew("a.example.com")
        twice = host.get("GET", "managedcertificates/renewcert/a.example.com/false/false")
        assert (twice["isSuccess"], twice["abort"]) == (False, True)
        host.pass_time(10)
        began = host.computer.clock.now()
        assert host.get("GET", "managedcertificates/renewcert/a.example.com/false/false")["isSuccess"]
        assert host.computer.clock.now() - began == timedelta(seconds=8)
        assert host.ask("GET", "managedcertificates/renewcert/nope/false/false").status == 500

    def test_a_paused_item_is_refused_until_it_is_resumed(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "paused"), generation=generation)
        (refused,) = host.autorenew("a.example.com", wait=True)
        assert (refused["isSuccess"], refused["abort"], refused["message"]) == (False, True, "")
        del host.product.conditions.failing["a.example.com"]
        assert not host.get("GET", "managedcertificates/renewcert/a.example.com/false/false")["isSuccess"]
        assert host.get("GET", "managedcertificates/renewcert/a.example.com/true/false")["isSuccess"]

    def test_a_restart_interrupts_it(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation=generation)
        before = host.item("a.example.com")
        host.autorenew("a.example.com")
        stop(host.computer, host.product)
        host.pass_time(60)
        start(host.computer, host.product)
        assert host.item("a.example.com") == before

    def test_what_ended_before_the_service_did_is_kept(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation=generation)
        host.autorenew("a.example.com")
        host.pass_time(8)
        stop(host.computer, host.product)
        start(host.computer, host.product)
        assert attempted(host) == ["a.example.com"]

    def test_the_log_of_the_item(self, generation: str) -> None:
        host = make_host(spec("a:b/..\\c", "failing_dns", identifiers=("a.example.com",)), generation=generation)
        answer = host.get("GET", "managedcertificates/renewcert/a%3Ab%2F..%5Cc/false/false")
        assert "NXDOMAIN" in answer["message"]
        entries = host.get("GET", "managedcertificates/log/a%3Ab%2F..%5Cc/100")
        assert [entry["logLevel"] for entry in entries] == ["ERR", "INF", "INF"]
        assert entries[0]["message"] == f" {answer['message']}"
        assert host.get("GET", "managedcertificates/log/a%3Ab%2F..%5Cc/0") == []
        assert host.get("GET", "managedcertificates/log/unknown/10") == []


@pytest.mark.parametrize(
    ("option", "moved"),
    [
        (5, {"a.example.com:443", "old.example.net:443", "192.0.2.10:443"}),
        (10, {"x.example.org:443"}),
        (20, {"a.example.com:443", "old.example.net:443", "192.0.2.10:443"}),
        (30, set()),
        (40, set()),
    ],
)
def test_deployment(option: int, moved: set[str]) -> None:
    host = make_host(spec("*.example.com", "overdue"))
    item = host.item("*.example.com")
    old = bytes.fromhex(item["certificateThumbprintHash"])
    other = bytes(20)
    names = {"a.example.com:443": other, "b.a.example.com:443": other, "old.example.net:443": old}
    for name, value in {**names, "x.example.org:443": other}.items():
        host.computer.sni_bindings[name] = {"SslCertHash": value, "SslCertStoreName": "My"}
    host.computer.ssl_bindings["192.0.2.10:443"] = {"SslCertHash": old, "SslCertStoreName": "My"}
    host.product.conditions.sites["7"] = ["x.example.org:443"]
    item["requestConfig"]["deploymentSiteOption"] = option
    host.get("POST", "managedcertificates/update", item | {"serverSiteId": "7"})
    host.autorenew("*.example.com", wait=True)
    new = bytes.fromhex(host.item("*.example.com")["certificateThumbprintHash"])
    bindings = {**host.computer.sni_bindings, **host.computer.ssl_bindings}
    assert {name for name, values in bindings.items() if values["SslCertHash"] == new} == moved


def test_the_store_that_is_preferred() -> None:
    host = make_host(spec("a.example.com", "overdue", endpoint="a.example.com:443"))
    preferences = host.get("GET", "preferences")
    changed = {"defaultCertificateStore": "WebHosting", "featureFlags": [], "configDataStoreConnectionId": "(default)"}
    host.get("POST", "preferences", {**preferences, **changed})
    host.autorenew("a.example.com", wait=True)
    assert len(host.computer.certificates.of("WebHosting")) == 1
    assert host.computer.sni_bindings["a.example.com:443"]["SslCertStoreName"] == "WebHosting"


class TestPasses:
    def test_the_first_is_300_seconds_after_the_start(self) -> None:
        host = make_host(spec("a.example.com", "overdue"), timer=True)
        host.pass_time(299.9)
        host.product.settle()
        assert host.passes() == []
        host.pass_time(0.2)
        host.product.settle()
        assert len(host.passes()) == 1
        assert host.passes()[0].startswith("2026-11-23 10:05:04.000 +00:00 [INF] Attempting 1 renewal tasks.")
        host.pass_time(8)
        assert attempted(host) == []
        host.product.settle()
        assert attempted(host) == ["a.example.com"]

    def test_a_turned_clock_makes_up_for_all_of_them(self) -> None:
        host = make_host(spec("a.example.com"), spec("b.example.com", "failing_dns"), timer=True)
        host.pass_time(365 * DAY)
        host.product.settle()
        renewed = datetime.fromisoformat(host.item("a.example.com")["dateRenewed"])
        assert host.computer.clock.now() - renewed < timedelta(days=68)
        orders = host.product.conditions.reachable(NOW)["letsencrypt.org"].orders
        assert len(orders) == 5, "20 % had passed, then one each 67.5 days"
        assert host.item("b.example.com")["renewalFailureCount"] > 100

    def test_an_item_is_renewed_by_the_first_pass_after_it_is_due(self) -> None:
        host = make_host(spec("a.example.com"), timer=True)
        due_at = NOW + timedelta(seconds=4, days=90 * 0.55)
        for _ in range(2):
            host.pass_time(40 * DAY)
            host.product.settle()
        renewed = datetime.fromisoformat(host.item("a.example.com")["dateRenewed"])
        assert timedelta(0) < renewed - due_at <= timedelta(seconds=308)

    def test_none_runs_while_the_service_is_stopped(self) -> None:
        host = make_host(spec("a.example.com", "overdue"), timer=True)
        stop(host.computer, host.product)
        host.pass_time(DAY)
        host.product.settle()
        start(host.computer, host.product)
        assert (attempted(host), host.passes()) == ([], [])

    def test_none_starts_while_one_runs(self) -> None:
        host = make_host(spec("a.example.com", "overdue"), timer=True)
        host.product.conditions.slow["a.example.com"] = 900
        host.pass_time(301)
        assert host.autorenew("a.example.com") == []
        host.pass_time(890)
        host.product.settle()
        assert (len(host.passes()), attempted(host)) == (1, [])
        host.pass_time(20)
        host.product.settle()
        assert (len(host.passes()), attempted(host)) == (1, ["a.example.com"])

    def test_the_one_renewed_longest_ago_comes_first_after_those_that_never_were(self) -> None:
        items = [
            spec("a", "overdue", identifiers=("a.example.com",)),
            spec("b", "expired", identifiers=("b.example.com",)),
        ]
        tried_since = spec("c", "failing_credentials", identifiers=("c.example.com",), days=100)
        host = make_host(*items, tried_since, spec("d", "never", identifiers=("d.example.com",)))
        assert [one["managedItem"]["id"] for one in host.autorenew(wait=True)] == ["d", "b", "c", "a"]
        assert attempted(host) == ["d", "b", "c", "a"]

    @pytest.mark.parametrize(("limit", "attempts"), [(0, 50), (3, 3), (60, 60), (200, 75)])
    def test_only_so_many_items_in_a_pass(self, limit: int, attempts: int) -> None:
        host = make_host(*(spec(f"n{number}.example{number}.com", "never") for number in range(80)))
        store = host.product.store
        assert store is not None
        store.settings["MaxRenewalRequests"] = limit
        store.save()
        assert len(host.autorenew(wait=True)) == attempts
        assert f"is set to {limit}, max supported tasks is 75" in host.passes()[0]

    def test_failed_items_do_not_use_up_a_pass(self) -> None:
        failing = [spec(f"f{number}.example{number}.com", "failing_credentials") for number in range(60)]
        host = make_host(*failing)
        assert len(host.autorenew(wait=True)) == 60

    def test_all_at_once(self) -> None:
        host = make_host(*(spec(f"n{number}.example{number}.com", "never") for number in range(5)))
        store = host.product.store
        assert store is not None
        store.settings["EnableParallelRenewals"] = True
        store.save()
        host.autorenew()
        host.pass_time(8)
        host.product.settle()
        assert len(attempted(host)) == 5

    def test_a_stopped_site_is_left_alone(self) -> None:
        host = make_host(spec("a.example.com", "overdue"))
        item = host.item("a.example.com") | {"serverSiteId": "3"}
        item["requestConfig"]["deploymentSiteOption"] = 10
        host.get("POST", "managedcertificates/update", item)
        host.product.conditions.stopped_sites.add("3")
        assert host.autorenew(wait=True) == []
        store = host.product.store
        assert store is not None
        store.settings["IgnoreStoppedSites"] = False
        store.save()
        assert len(host.autorenew(wait=True)) == 1

    def test_a_stopped_site_does_not_matter_to_a_request_by_name(self) -> None:
        host = make_host(spec("a.example.com", "overdue"))
        item = host.item("a.example.com") | {"serverSiteId": "3"}
        item["requestConfig"]["deploymentSiteOption"] = 10
        host.get("POST", "managedcertificates/update", item)
        host.product.conditions.stopped_sites.add("3")
        assert len(host.autorenew("a.example.com", wait=True)) == 1

    def test_nothing_happens_without_power(self) -> None:
        host = make_host(spec("a.example.com", "overdue"), timer=True)
        lose_power(host.computer)
        host.pass_time(DAY)
        host.product.settle()
        assert attempted(host) == []


ALL_STATES = ("ok", "overdue", "never", "paused", "failing_credentials", "served_old")


@pytest.mark.parametrize(
    ("generation", "mode", "expected"),
    [
        ("v7", 0, {"overdue", "never", "failing_credentials", "by_hand"}),
        ("v7", 1, {"overdue", "never", "failing_credentials", "by_hand"}),
        ("v7", 2, {"ok", "overdue", "never", "failing_credentials", "served_old", "by_hand"}),
        ("v7", 4, {"ok", "overdue", "never", "failing_credentials", "served_old", "by_hand"}),
        ("v7", 128, {"ok", "overdue", "never", "failing_credentials", "served_old", "by_hand"}),
        ("v6", 0, {"overdue", "never", "failing_credentials"}),
        ("v6", 1, {"overdue", "never", "failing_credentials", "by_hand"}),
        ("v6", 2, {"failing_credentials"}),
        ("v6", 4, {"never"}),
        ("v6", 128, {"ok", "overdue", "never", "failing_credentials", "served_old", "by_hand"}),
    ],
)
def test_modes(generation: str, mode: int, expected: set[str]) -> None:
    items = [spec(state, state, identifiers=(f"{number}.example.com",)) for number, state in enumerate(ALL_STATES)]
    by_hand = spec("by_hand", "overdue", identifiers=("hand.example.com",), automatic=False)
    host = make_host(*items, by_hand, generation=generation)
    done = host.autorenew(wait=True, mode=mode)
    assert {one["managedItem"]["id"] for one in done} == expected


@pytest.mark.parametrize("generation", GENERATIONS)
class TestStuck:
    def spoil(self, host: Host) -> None:
        path = f"{host.product.data_folder()}\\manageditems.db"
        content = rows(host.computer.files.read(path)) | {"bad": '{"Id":"bad","LastRenewalStatus":"Broken"}'}
        host.computer.files.write(path, database(content))

    def mend(self, host: Host) -> None:
        path = f"{host.product.data_folder()}\\manageditems.db"
        content = rows(host.computer.files.read(path))
        del content["bad"]
        host.computer.files.write(path, database(content))

    def test_one_unreadable_row_ends_all_passes_until_a_restart(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation=generation, timer=True)
        self.spoil(host)
        host.pass_time(400)
        for path in ("search", "results", "summary"):
            assert host.ask("POST", f"managedcertificates/{path}", {}).status == 500
        assert host.item("a.example.com")["id"] == "a.example.com"
        self.mend(host)
        assert host.autorenew("a.example.com", wait=True) == []
        host.pass_time(DAY)
        host.product.settle()
        assert (attempted(host), host.passes()) == ([], [])
        assert host.get("GET", "managedcertificates/renewcert/a.example.com/false/false")["isSuccess"]
        stop(host.computer, host.product)
        start(host.computer, host.product)
        assert len(host.autorenew("a.example.com", wait=True)) == 1

    def test_a_request_for_a_pass_meets_it_too(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation=generation)
        self.spoil(host)
        request = {"targetManagedCertificates": ["a.example.com"]}
        assert host.ask("POST", "managedcertificates/autorenew", request).status == 500
        self.mend(host)
        assert host.autorenew("a.example.com", wait=True) == []

    def test_a_full_disk_ends_a_pass_halfway(self, generation: str) -> None:
        host = make_host(spec("a.example.com", "overdue"), spec("b.example.com", "overdue"), generation=generation)
        host.autorenew()
        host.pass_time(9)
        host.product.settle()
        host.computer.files.disk_full = True
        host.pass_time(60)
        host.product.settle()
        host.computer.files.disk_full = False
        assert attempted(host) == ["a.example.com"]
        assert host.autorenew("b.example.com", wait=True) == []


class TestFailures:
    @pytest.mark.parametrize("kind", sorted(FAILURES))
    def test_each_kind(self, kind: str) -> None:
        host = make_host(spec("a.example.com", "overdue"))
        host.product.conditions.failing["a.example.com"] = FAILURES[kind]
        (result,) = host.autorenew("a.example.com", wait=True)
        item = host.item("a.example.com")
        assert not result["isSuccess"]
        assert result["message"] == item["renewalFailureMessage"]
        assert result["message"]
        expected = {"paused": (4, 0), "account": (2, 2)}.get(kind, (2, 1))
        assert (item["lastRenewalStatus"], item["renewalFailureCount"]) == expected
        assert item["certificateThumbprintHash"]

    def test_without_an_account(self) -> None:
        host = make_host(spec("a.example.com", "overdue"))
        host.product.conditions.accounts.clear()
        (result,) = host.autorenew("a.example.com", wait=True)
        assert (result["isSuccess"], result["abort"]) == (False, True)
        assert result["message"].startswith("There is no matching ACME account")

    def test_an_authority_that_cannot_be_reached(self) -> None:
        host = make_host(spec("a.example.com", "overdue"))
        host.product.conditions.accounts.append("buypass.com")
        host.get(
            "POST", "managedcertificates/update", host.item("a.example.com") | {"certificateAuthorityId": "buypass.com"}
        )
        (result,) = host.autorenew("a.example.com", wait=True)
        assert result["message"].startswith("Failed to communicate with the Certificate Authority")

    def test_another_authority_after_three_failures(self) -> None:
        host = make_host(spec("a.example.com", "overdue"))
        host.product.conditions.accounts.append("zerossl.com")
        host.product.conditions.failing["a.example.com"] = FAILURES["http"]
        used = []
        for _ in range(6):
            host.autorenew("a.example.com", wait=True)
            used.append(host.item("a.example.com")["lastAttemptedCA"])
        lets, zero = "letsencrypt.org", "zerossl.com"
        assert used == [lets, lets, lets, zero, lets, zero]
        del host.product.conditions.failing["a.example.com"]
        host.autorenew("a.example.com", wait=True)
        assert host.item("a.example.com")["certificateCurrentCA"] == lets

    def test_a_preview_counts_as_an_attempt(self) -> None:
        host = make_host(spec("a.example.com"), spec("b.example.com", "never"))
        first, second = host.autorenew("a.example.com", "b.example.com", wait=True, isPreviewMode=True)
        assert (first["isSuccess"], second["isSuccess"]) == (True, False)
        assert host.item("b.example.com")["renewalFailureCount"] == 1
        assert host.product.conditions.reachable(NOW)["letsencrypt.org"].orders == []


class TestAuthoritiesTell:
    def test_a_revoked_certificate_is_renewed_within_the_hour(self) -> None:
        host = make_host(spec("a.example.com", endpoint="a.example.com:443"))
        before = host.item("a.example.com")
        told = host.get("GET", "managedcertificates/revoke/a.example.com")
        assert told["isOK"]
        assert host.item("a.example.com")["certificateRevoked"]
        host.get("POST", "managedcertificates/update", before)
        host.pass_time(3600)
        noticed = host.item("a.example.com")
        assert noticed["certificateRevoked"]
        assert noticed["dateNextScheduledRenewalAttempt"] == noticed["dateLastOcspCheck"]
        host.pass_time(600)
        after = host.item("a.example.com")
        assert (after["certificateRevoked"], after["dateNextScheduledRenewalAttempt"]) == (False, None)
        assert after["certificateThumbprintHash"] != before["certificateThumbprintHash"]

    def test_nothing_can_be_revoked_of_an_item_without_a_certificate(self) -> None:
        host = make_host(spec("a.example.com", "never"))
        assert not host.get("GET", "managedcertificates/revoke/a.example.com")["isOK"]
        assert not host.get("GET", "managedcertificates/revoke/nope")["isOK"]

    @pytest.mark.parametrize(("left", "scheduled"), [(timedelta(hours=3), True), (timedelta(minutes=90), False)])
    def test_what_expires_within_the_hour_is_not_scheduled_for_being_revoked(
        self, left: timedelta, scheduled: bool
    ) -> None:
        host = make_host(spec("a.example.com"), timer=False)
        item = host.item("a.example.com")
        host.product.conditions.reachable(NOW)["letsencrypt.org"].revoked.add(item["certificateThumbprintHash"])
        host.get("POST", "managedcertificates/update", item | {"dateExpiry": (NOW + left).isoformat()})
        host.pass_time(3600)
        noticed = host.item("a.example.com")
        assert noticed["certificateRevoked"]
        assert (noticed["dateNextScheduledRenewalAttempt"] is not None) == scheduled

    @pytest.mark.parametrize(("days", "moved"), [(10, True), (49, True), (50, False), (80, False)])
    def test_a_suggested_window_moves_a_renewal_to_earlier_only(self, days: int, moved: bool) -> None:
        host = make_host(spec("a.example.com"))
        authority = host.product.conditions.reachable(NOW)["letsencrypt.org"]
        window = (NOW + timedelta(days=days), NOW + timedelta(days=days + 2))
        authority.suggested[host.item("a.example.com")["certificateThumbprintHash"]] = window
        host.pass_time(3600)
        planned = host.item("a.example.com")["dateNextScheduledRenewalAttempt"]
        assert (planned is not None) == moved
        if planned is not None:
            assert window[0] <= datetime.fromisoformat(planned) <= window[1]


class TestApi:
    def test_every_request_is_noted(self) -> None:
        host = make_host(spec("a.example.com"))
        host.ask("GET", "preferences")
        host.autorenew("a.example.com")
        assert [(one.method, one.path) for one in host.product.requests] == [
            ("GET", "/api/preferences"), ("POST", "/api/managedcertificates/autorenew"),
        ]  # fmt: skip
        assert b'"targetManagedCertificates": ["a.example.com"]' in host.product.requests[1].body

    @pytest.mark.parametrize("generation", GENERATIONS)
    def test_delete_is_always_true(self, generation: str) -> None:
        host = make_host(spec("a.example.com"), generation=generation)
        assert host.get("DELETE", "managedcertificates/delete/nope") is True
        assert host.get("DELETE", "managedcertificates/delete/a.example.com") is True
        assert host.get("POST", "managedcertificates/search", {}) == []

    @pytest.mark.parametrize(("generation", "status"), [("v6", 200), ("v7", 400)])
    def test_only_v7_refuses_nulls_in_preferences(self, generation: str, status: int) -> None:
        host = make_host(generation=generation)
        assert host.ask("POST", "preferences", host.get("GET", "preferences")).status == status

    def test_v6_tells_no_more_in_results_than_in_lists(self) -> None:
        host = make_host(spec("a.example.com", "overdue"), generation="v6")
        (result,) = host.autorenew("a.example.com", wait=True)
        assert not {"health", "certificateLifetime", "isChanged", "deleted"} & set(result["managedItem"])

    def test_an_exception_on_v6_has_its_stack(self) -> None:
        host = make_host(generation="v6")
        answer = host.ask("GET", "managedcertificates/renewcert/nope/false/false")
        assert answer.status == 500
        assert b"System.NullReferenceException" in answer.body

    @pytest.mark.parametrize(
        ("name", "value", "type_name"),
        [
            ("dateRenewed", "yesterday", "System.Nullable`1[System.DateTimeOffset]"),
            ("customRenewalTarget", "many", "System.Nullable`1[System.Single]"),
            ("includeInAutoRenew", "yes", "System.Boolean"),
            ("domainOptions", "a", "$.domainOptions"),
        ],
    )
    def test_what_v7_does_not_store(self, name: str, value: Any, type_name: str) -> None:
        host = make_host()
        answer = host.ask("POST", "managedcertificates/update", {"id": "x", name: value})
        assert answer.status == 400
        assert type_name.encode() in answer.body.replace(b"\\u0060", b"`")

    @pytest.mark.parametrize(("name", "status"), [("name", 200), ("domainOptions", 400), ("requestConfig", 400)])
    def test_what_may_be_null(self, name: str, status: int) -> None:
        host = make_host()
        assert host.ask("POST", "managedcertificates/update", {"id": "x", name: None}).status == status

    def test_thousands_come_page_by_page(self) -> None:
        host = make_host(*(spec(f"n{number:04}.example.com") for number in range(1100)))
        seen: list[str] = []
        for index in range(5):
            page = host.get("POST", "managedcertificates/results", {"pageIndex": index, "pageSize": 250})
            assert page["totalResults"] == 1100
            seen += [item["id"] for item in page["results"]]
        assert seen == [f"n{number:04}.example.com" for number in range(1100)]


def test_a_timer_that_attempts_nothing_still_logs_its_passes() -> None:
    host = make_host(spec("a.example.com", "overdue"))
    host.pass_time(90 * 24 * 3600)
    host.get("GET", "preferences")
    assert attempted(host) == []
    last = datetime.strptime(host.passes()[-1][:30], "%Y-%m-%d %H:%M:%S.%f %z")
    assert "Attempting 0 renewal tasks." in host.passes()[-1]
    assert timedelta(0) <= host.computer.clock.now() - last < timedelta(minutes=5)


def test_a_timer_that_is_stuck_logs_no_pass() -> None:
    host = make_host(spec("a.example.com", "overdue"))
    before = host.passes()
    assert host.product.scheduler is not None
    host.product.scheduler.running = True
    host.pass_time(7200)
    host.get("GET", "preferences")
    assert host.passes() == before


def test_every_state_of_a_certificate_can_be_made() -> None:
    host = make_host(*(spec(state, state, identifiers=(f"x{n}.example.com",)) for n, state in enumerate(STATES)))
    summary = host.get("POST", "managedcertificates/summary", {})
    assert summary["total"] == len(STATES)
    assert (summary["awaitingUser"], summary["noCertificate"]) == (1, 1)
    assert not host.product.conditions.timer


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"state": "fine"}, "no such state of a certificate: fine"),
        ({"authority": "nobody.example"}, "no such authority: nobody.example"),
    ],
)
def test_what_does_not_exist(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make_host(spec("a.example.com", **wrong))


@pytest.mark.parametrize(
    "row",
    [
        '{"Id":', "[]", '{"Id":"bad","DateRenewed":"yesterday"}', '{"Id":"bad","LastRenewalStatus":"Error"}',
        '{"Id":"bad","RequestConfig":[]}', '{"Id":"bad","DomainOptions":{}}', '{"Id":"bad","DateRenewed":5}',
    ],
)  # fmt: skip
def test_rows_that_cannot_be_read(row: str) -> None:
    host = make_host(spec("a.example.com"))
    path = f"{host.product.data_folder()}\\manageditems.db"
    host.computer.files.write(path, database(rows(host.computer.files.read(path)) | {"bad": row}))
    assert host.ask("POST", "managedcertificates/search", {}).status == 500
    assert host.ask("GET", "managedcertificates/bad").status == 500
    assert host.ask("GET", "managedcertificates/a.example.com").status == 200
    assert host.ask("GET", "system/appversion").status == 200


def test_an_interval_that_leads_to_no_date_sticks_every_pass() -> None:
    host = make_host(spec("a.example.com"))
    preferences = {"featureFlags": [], "configDataStoreConnectionId": "(default)", "renewalIntervalDays": 2**31 - 1}
    host.get("POST", "preferences", preferences | {"renewalIntervalMode": "DaysAfterLastRenewal"})
    item = host.item("a.example.com")
    undated = {name: value for name, value in item.items() if name not in ("dateStart", "dateExpiry")}
    host.get("POST", "managedcertificates/update", undated)
    assert host.ask("POST", "managedcertificates/autorenew", {}).status == 500
    assert host.autorenew("a.example.com", wait=True) == []


def test_values_of_strange_types_do_not_break_a_pass() -> None:
    host = make_host(spec("a.example.com", "overdue"))
    store = host.product.store
    assert store is not None
    item = dict(store.items()[0])
    item["RequestConfig"] = {**item["RequestConfig"], "PreferredExpiryDays": "many"}
    store.change([item | {"CustomRenewalTarget": "much", "RenewalFailureCount": 9, "LastRenewalStatus": 2}])
    store.settings |= {"RenewalIntervalDays": "75", "MaxRenewalRequests": None}
    store.save()
    assert len(host.autorenew(wait=True)) == 1
