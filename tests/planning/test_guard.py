from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.due import authority_of
from certify_automation.guard import limits as guard_limits
from certify_automation.guard.counting import Admission, admit
from certify_automation.guard.domains import name_and_domain
from certify_automation.guard.limits import LONGEST_WINDOW_SECONDS, WINDOW_SECONDS, Limit, read_limits
from certify_automation.guard.observing import observed, without_recorded
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, RequestState
from certify_automation.model.renewal import CertificateRenew
from planning.tables import CASES

HOUR_MS = 60 * 60 * 1000
NOW_HOURS = 1000


def cases(file: str) -> pytest.MarkDecorator:
    every = yaml.safe_load((CASES / "guard" / file).read_text("utf-8"))
    return pytest.mark.parametrize("case", every, ids=[case["name"] for case in every])


def hours(value: float) -> int:
    return round(value * HOUR_MS)


def requests(entries: list[dict[str, Any]]) -> list[tuple[CertificateRequest, dict[str, Any]]]:
    """The requests an entry of a table stands for, each with its entry."""
    result = []
    for entry in entries:
        for number in range(entry.get("times", 1)):
            name = str(len(result))
            identifiers = entry.get("identifiers", ["www.example.com"])
            if "numbered" in entry:
                identifiers = [entry["numbered"].format(number), *entry.get("with", [])]
            request = CertificateRequest(
                entry.get("host", "web01"),
                name,
                name,
                entry.get("authority", "letsencrypt.org"),
                entry.get("staging", False),
                tuple(identifiers),
            )
            result.append((request, entry))
    return result


@cases("domains.yaml")
def test_identifiers_as_authorities_compare_them(case: dict[str, Any]) -> None:
    assert name_and_domain(case["identifier"]) == (case["compared"], case["domain"])


@cases("admitting.yaml")
def test_what_may_be_requested_now(case: dict[str, Any]) -> None:
    past = [
        PastRequest(request, hours(entry["at"]), entry["succeeded"])
        for request, entry in requests(case.get("past", []))
    ]
    wanted = [request for request, _ in requests(case["requests"])]
    admission = admit(wanted, past, read_limits(case.get("limits", {})), hours(NOW_HOURS))
    admitted, held = case.get("admitted", []), case.get("held", {})
    assert [int(request.id) for request in admission.admitted] == (
        list(range(len(wanted))) if admitted == "all" else admitted
    )
    assert {int(one.request.id): (one.limit, one.until_utc_ms) for one in admission.held} == {
        number: (one["limit"], None if one["until"] is None else hours(one["until"])) for number, one in held.items()
    }
    for one in admission.held:
        assert held[int(one.request.id)].get("text", "") in one.text


def test_every_published_limit_has_its_source_and_date() -> None:
    data = yaml.safe_load((guard_limits._DATA).read_text("utf-8"))
    assert {"letsencrypt.org", "zerossl.com", "buypass.com"} <= set(data["authorities"])
    for entry in data["authorities"].values():
        assert re.match("https://", entry["source"])
        assert isinstance(entry["read"], date)
    for entry in [data["default"], *data["authorities"].values()]:
        for system in (entry["production"], entry["staging"]):
            assert set(system) == {*Limit, "concurrency"}
            assert system["concurrency"] >= 1


def test_the_published_limits_of_lets_encrypt() -> None:
    limits = read_limits({})
    assert limits.of("letsencrypt.org", staging=False).counts == {
        Limit.REGISTERED_DOMAIN: 50,
        Limit.DUPLICATE: 5,
        Limit.ORDERS: 300,
        Limit.FAILED: 5,
    }
    assert limits.of("letsencrypt.org", staging=True).counts[Limit.REGISTERED_DOMAIN] == 30_000
    assert limits.sources["letsencrypt.org"] == "https://letsencrypt.org/docs/rate-limits/"


def test_the_case_of_an_authority_does_not_count() -> None:
    limits = read_limits({"Letsencrypt.org": {"new_orders": 1}, "Corp-CA": {"new_orders": 2}})
    assert limits.of("letsencrypt.org", staging=False).counts[Limit.ORDERS] == 1
    assert limits.of("LETSENCRYPT.ORG", staging=False).counts[Limit.ORDERS] == 1
    assert limits.of("corp-ca", staging=False).counts[Limit.ORDERS] == 2
    assert limits.of("corp-ca", staging=True).counts[Limit.ORDERS] == 300


def test_how_many_hosts_ask_an_authority_at_the_same_time() -> None:
    limits = read_limits({"corp-ca": {"concurrency": 2}, "letsencrypt.org": {"staging": {"concurrency": 1}}})
    assert limits.concurrency("corp-ca", staging=False) == 2
    assert limits.concurrency("corp-ca", staging=True) == limits.concurrency("unheard-of", staging=True)
    assert limits.concurrency("letsencrypt.org", staging=True) == 1
    assert limits.concurrency("letsencrypt.org", staging=False) == 10


def test_a_planned_renewal_is_a_request() -> None:
    change = CertificateRenew(
        "a-1", "shop", ("www.example.com",), "corp-ca", staging=True, reason="due", attempted_utc_ms=5, thumbprint="AB"
    )
    assert CertificateRequest.of("web01", change) == CertificateRequest(
        "web01",
        "a-1",
        "shop",
        "corp-ca",
        staging=True,
        identifiers=("www.example.com",),
        thumbprint="AB",
        attempted_utc_ms=5,
    )


NAMES = st.sampled_from(["www.example.com", "mail.example.com", "www.example.org", "*.example.org", "intranet"])
REQUESTS = st.builds(
    CertificateRequest,
    host=st.sampled_from(["web01", "web02"]),
    id=st.just("x"),
    name=st.just("x"),
    authority=st.sampled_from(["letsencrypt.org", "corp-ca"]),
    staging=st.just(False),  # noqa: FBT003
    identifiers=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
)
OVERRIDES = st.fixed_dictionaries({limit.value: st.integers(0, 4) for limit in Limit})


@given(
    batches=st.lists(st.tuples(st.integers(0, 200), st.lists(REQUESTS, max_size=8)), max_size=6),
    override=OVERRIDES,
    succeeded=st.sampled_from([True, False, None]),
)
def test_no_window_ever_has_more_than_the_limit(
    batches: list[tuple[int, list[CertificateRequest]]], override: dict[str, int], succeeded: bool | None
) -> None:
    limits = read_limits({"letsencrypt.org": override, "corp-ca": override})
    past: list[PastRequest] = []
    now = 0
    for later_hours, wanted in batches:
        now += hours(later_hours)
        admission = admit(wanted, past, limits, now)
        assert Counter(admission.admitted) + Counter(one.request for one in admission.held) == Counter(wanted)
        assert [one for one in wanted if one in admission.admitted] == list(
            filter(admission.admitted.__contains__, wanted)
        )
        past += [PastRequest(request, now, succeeded) for request in admission.admitted]
    for end in past:
        for limit, counted in windows(past, end.at_utc_ms, succeeded):
            assert all(number <= override[limit] for number in counted.values())


def windows(past: list[PastRequest], end_ms: int, succeeded: bool | None) -> list[tuple[Limit, Counter[Any]]]:
    """What each limit counts in the window that ends then, told apart from scratch."""
    result = []
    for limit, seconds in WINDOW_SECONDS.items():
        inside = [p.request for p in past if end_ms - seconds * 1000 < p.at_utc_ms <= end_ms]
        counted: Counter[Any] = Counter()
        for request in inside:
            pairs = [name_and_domain(identifier) for identifier in request.identifiers]
            if limit is Limit.ORDERS:
                counted[request.authority] += 1
            elif limit is Limit.FAILED and succeeded is not True:
                counted.update((request.authority, name) for name in {name for name, _ in pairs})
            elif limit is Limit.DUPLICATE and succeeded is not False:
                counted[request.authority, frozenset(name for name, _ in pairs)] += 1
            elif limit is Limit.REGISTERED_DOMAIN and succeeded is not False:
                counted.update((request.authority, domain) for domain in {domain for _, domain in pairs})
        result.append((limit, counted))
    return result


@given(past_hours=st.lists(st.integers(0, 400), max_size=12), limit=st.integers(1, 4))
def test_what_is_held_may_run_at_the_time_named_and_not_a_moment_before(past_hours: list[int], limit: int) -> None:
    request = requests([{}])[0][0]
    past = [PastRequest(request, hours(at), succeeded=True) for at in past_hours]
    limits = read_limits({"letsencrypt.org": {"duplicate_certificates": limit}})

    def asked(now_utc_ms: int) -> Admission:
        return admit([request], past, limits, now_utc_ms)

    now = hours(400)
    for held in asked(now).held:
        assert held.until_utc_ms is not None
        assert held.until_utc_ms > now
        assert asked(held.until_utc_ms).admitted == (request,)
        assert asked(held.until_utc_ms - 1).admitted == ()


ITEM = ManagedCertificate(
    "a-1", "shop", ("www.example.com",), authority="letsencrypt.org", current_authority="zerossl.com", thumbprint="AB"
)


def seen(item: ManagedCertificate, *, since: int = 0, preferences: dict[str, Any] | None = None) -> list[Any]:
    inventory = CertificateInventory("caller", preferences=preferences, certificates=(item,))
    return [(past.request.authority, past.at_utc_ms, past.succeeded) for past in observed("web01", inventory, since)]


@pytest.mark.parametrize("preferences", [None, {}, {"defaultCertificateAuthority": ""}])
def test_where_nobody_prefers_an_authority_the_next_request_goes_to_the_last_one(
    preferences: dict[str, Any] | None,
) -> None:
    item = replace(ITEM, authority=None, attempted_utc_ms=hours(900), status=RequestState.ERROR, failures=1)
    assert seen(item, preferences=preferences) == [("zerossl.com", hours(900), False)]
    assert authority_of(item, preferences or {}) == "zerossl.com"


@pytest.mark.parametrize("ahead", [-170, -3, 0, 3, 170])
def test_times_of_a_host_whose_clock_is_wrong_are_put_right(ahead: int) -> None:
    item = replace(ITEM, renewed_utc_ms=hours(900 + ahead), status=RequestState.SUCCESS)
    inventory = CertificateInventory("caller", certificates=(item,))
    (past,) = observed("web01", inventory, hours(900), ahead * HOUR_MS)
    assert past.at_utc_ms == hours(900)
    assert observed("web01", inventory, hours(900) + 1, ahead * HOUR_MS) == ()


def test_a_renewal_of_the_product_counts_for_the_authority_that_issued_it() -> None:
    item = replace(ITEM, renewed_utc_ms=hours(900), attempted_utc_ms=hours(900), status=RequestState.SUCCESS)
    assert seen(item) == [("zerossl.com", hours(900), True)]
    assert seen(item, since=hours(900)) == [("zerossl.com", hours(900), True)]
    assert seen(item, since=hours(900) + 1) == []


@pytest.mark.parametrize(("failures", "attempts"), [(0, 1), (1, 1), (2, 2), (4, 4), (5, 1), (900, 1)], ids=str)
def test_failures_before_the_back_off_came_one_pass_after_another(failures: int, attempts: int) -> None:
    item = replace(
        ITEM,
        attempted_utc_ms=hours(900),
        status=RequestState.ERROR,
        failures=failures,
        last_authority="buypass.com",
    )
    passes = [hours(900) - number * 5 * 60 * 1000 for number in range(attempts)]
    assert seen(item) == [("buypass.com", at, False) for at in passes]


@pytest.mark.parametrize("status", [None, *[one for one in RequestState if one is not RequestState.ERROR], 99])
def test_an_attempt_that_did_not_fail_is_no_failure(status: int | None) -> None:
    assert seen(replace(ITEM, attempted_utc_ms=hours(900), status=status)) == []


@pytest.mark.parametrize(
    ("preferences", "authority"),
    [
        (None, "letsencrypt.org"),
        ({"defaultCertificateAuthority": None}, "letsencrypt.org"),
        ({"defaultCertificateAuthority": ""}, "letsencrypt.org"),
        ({"defaultCertificateAuthority": "corp-ca"}, "corp-ca"),
    ],
)
def test_an_authority_that_is_nowhere_named_is_the_preferred_one(
    preferences: dict[str, Any] | None, authority: str
) -> None:
    item = ManagedCertificate("a-1", "shop", renewed_utc_ms=hours(900))
    assert seen(item, preferences=preferences) == [(authority, hours(900), True)]


def test_what_is_renewed_elsewhere_does_not_count() -> None:
    item = replace(ITEM, renewed_utc_ms=hours(900))
    assert [len(seen(replace(item, item_type=kind))) for kind in (0, 1, 2, 3, 4)] == [1, 1, 1, 0, 0]
    assert observed("web01", CertificateInventory("caller"), 0) == ()


@pytest.mark.parametrize(
    ("recorded", "left"),
    [
        ([], 1),
        ([(900, True)], 0),
        ([(900.9, None)], 0),
        ([(899.1, True)], 0),
        ([(901.1, True)], 1),
        ([(898, None)], 1),
        ([(900, False)], 1),
    ],
    ids=str,
)
def test_what_is_recorded_is_not_counted_again(recorded: list[tuple[float, bool | None]], left: int) -> None:
    request = requests([{}])[0][0]
    one = PastRequest(request, hours(900), succeeded=True)
    known = [PastRequest(replace(request, name="renamed"), hours(at), succeeded) for at, succeeded in recorded]
    assert without_recorded([one], known) == (one,) * left


def test_one_recorded_request_stands_for_one_that_was_seen() -> None:
    request = requests([{}])[0][0]
    failed = [PastRequest(request, hours(900) - number, succeeded=False) for number in range(3)]
    elsewhere = PastRequest(replace(request, host="web02"), hours(900), succeeded=False)
    assert without_recorded(failed, [failed[0], elsewhere]) == tuple(failed[1:])


def test_the_longest_window_is_a_week() -> None:
    assert LONGEST_WINDOW_SECONDS == 7 * 24 * 60 * 60
