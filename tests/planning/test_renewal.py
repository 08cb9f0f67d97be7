from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certify_automation.errors import Severity
from certify_automation.model.certificate import ManagedCertificate, RequestState
from certify_automation.model.renewal import Hold, RenewalPolicy, Window
from certify_automation.renewal import Choice, Filters, Wanted, authority_of, choose, failing, matches, matches_any
from planning.managed import DEFAULTS, certificate, inventory, moment, policy, preferences
from planning.tables import table
from planning.test_due import CERTIFICATES, NOW, PREFERENCES

DAY_MS = 86_400_000
KEYS = {"name", "now", "policy", "preferences", "wanted", "certificates", "renew", "held", "warnings", "first"}


def wanted(written: dict[str, Any] | None) -> Wanted:
    fields = dict(written or {})
    return Wanted(**{**fields, "filters": filters(fields.get("filters", {}))})


def filters(written: dict[str, Any]) -> Filters:
    return Filters(**{name: tuple(value) if isinstance(value, list) else value for name, value in written.items()})


@table("renewal/choice")
def test_what_is_requested_now_and_what_is_not(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS
    items = [certificate(item) for item in case["certificates"]]
    found = inventory(*items, preferences=preferences(case.get("preferences")))
    choice = choose("web01", policy(case.get("policy")), found, wanted(case.get("wanted")), moment(case["now"]))
    renew, held, warned = case.get("renew", {}), case.get("held", {}), case.get("warnings", {})
    assert [change.id for change in choice.renew] == list(renew)
    assert [hold.id for hold in choice.held] == list(held)
    assert [problem.id for problem in choice.warnings] == list(warned)
    for change, reason in zip(choice.renew, renew.values(), strict=True):
        assert reason in change.reason
        assert change.reason
    for hold, (kind, until, text) in zip(choice.held, held.values(), strict=True):
        assert (hold.hold, hold.until_utc_ms) == (Hold(kind), until and moment(until))
        assert text in hold.text
    for problem, part in zip(choice.warnings, warned.values(), strict=True):
        assert part in problem.message
        assert problem.severity is Severity.WARNING
    for name, value in case.get("first", {}).items():
        assert getattr(choice.renew[0], name) == (tuple(value) if isinstance(value, list) else value)


@table("renewal/filters")
def test_which_certificates_a_command_is_about(case: dict[str, Any]) -> None:
    item, wishes = certificate(case["certificate"]), preferences(case.get("preferences"))
    for written in case["matches"]:
        assert matches(filters(written), "web01", item, wishes, NOW), written
    for written in case["others"]:
        assert not matches(filters(written), "web01", item, wishes, NOW), written


@pytest.mark.parametrize("missing", ["preferences", "certificates"])
def test_nothing_is_chosen_from_what_was_not_answered(missing: str) -> None:
    assert choose("web01", RenewalPolicy(), inventory(certificate({}), **{missing: None}), Wanted(), NOW) == Choice()


@pytest.mark.parametrize(("asked", "most"), [(0, 50), (-1, 50), (7, 7), ("7", 50), (None, 50)])
def test_one_pass_of_the_product_is_the_most(asked: Any, most: int) -> None:
    items = [certificate({"id": f"{number:03}"}) for number in range(60)]
    found = inventory(*items, preferences={**DEFAULTS, "maxRenewalRequests": asked})
    choice = choose("web01", RenewalPolicy(), found, Wanted(), NOW)
    assert [change.id for change in choice.renew] == [item.id for item in items[:most]]
    assert {hold.hold for hold in choice.held} == {Hold.MAX_PER_RUN}
    assert len(choice.held) == 60 - most


def test_the_order_does_not_depend_on_that_of_the_answer() -> None:
    items = [certificate({"id": f"{number}", "expiry": NOW + number % 3}) for number in range(9)]
    forth, back = (choose("w", RenewalPolicy(), inventory(*some), Wanted(), NOW) for some in (items, items[::-1]))
    assert [change.id for change in forth.renew] == ["0", "3", "6", "1", "4", "7", "2", "5", "8"]
    assert forth == back


@pytest.mark.parametrize(
    ("written", "preferred", "asked"),
    [
        ({"authority": "a", "current_authority": "b"}, "p", "a"),
        ({"current_authority": "b"}, "p", "p"),
        ({"current_authority": "b"}, None, "b"),
        ({"current_authority": "b"}, "", "b"),
        ({"last_authority": "c"}, None, "letsencrypt.org"),
        ({}, 7, "letsencrypt.org"),
    ],
)
def test_whom_the_product_will_ask(written: dict[str, Any], preferred: Any, asked: str) -> None:
    assert authority_of(certificate(written), {"defaultCertificateAuthority": preferred}) == asked


def fits(pattern: str, text: str) -> bool:
    """What a pattern means, letter by letter."""
    reached = {0}
    for sign in pattern:
        if sign == "*":
            reached = set(range(min(reached, default=len(text) + 1), len(text) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(text) and sign in {"?", text[at]}}
    return len(text) in reached


@given(st.text("ab*?[.", max_size=10), st.text("ab[.\n", max_size=12))
@example("a*b*b", "aab")
@example("*ab*ab", "ab")
@example("**", "")
@example("[!a]", "b")
def test_a_pattern_fits_what_its_letters_say(pattern: str, text: str) -> None:
    assert matches_any((pattern,), (text,)) == fits(pattern, text)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not matches_any(("*a" * 1000 + "*b",), ("a" * 5000,))
    assert not matches_any(("*?a" * 50 + "*b",), ("a" * 5000 + "c",))


def test_patterns_fit_whole_texts_with_line_ends_in_them() -> None:
    assert matches_any(("a*c",), ("A\nC",))
    assert not matches_any(("a",), ("ab", "ba"))
    assert not matches_any((), ("a",))


@pytest.mark.parametrize(("status", "failures", "said"), [("error", 1, True), ("success", 0, False)])
def test_what_the_product_said_counts_while_it_fails(status: str, failures: int, *, said: bool) -> None:
    message = "DNS problem " + "x" * 1000
    item = certificate({"status": status, "failures": failures, "failure_message": message, "attempted": NOW})
    (held,) = choose("web01", RenewalPolicy(), inventory(item), Wanted(), NOW).held
    assert ("DNS problem" in held.text) == said
    assert len(held.text) < 400


def due_at(host: str, name: str, jitter_seconds: int, days_left: int) -> int:
    """From when on a certificate is chosen, in milliseconds after its policy makes it due."""
    item = certificate({"id": name, "start": NOW - 60 * DAY_MS, "renewed": NOW - 60 * DAY_MS})
    item = replace(item, expiry_utc_ms=NOW + days_left * DAY_MS)
    declared = RenewalPolicy(ensure_valid_for_seconds=days_left * 86400, jitter_seconds=jitter_seconds)
    low, high = NOW - 1, NOW + jitter_seconds * 1000 + DAY_MS
    while high - low > 1:
        middle = (low + high) // 2
        if choose(host, declared, inventory(item), Wanted(), middle).renew:
            high = middle
        else:
            low = middle
    return high - NOW


def test_the_jitter_of_a_certificate_is_always_the_same_and_spread_over_all() -> None:
    late = [due_at("web01", str(number), 86400, 30) for number in range(40)]
    assert late == [due_at("WEB01", str(number), 86400, 30) for number in range(40)]
    assert late != [due_at("web02", str(number), 86400, 30) for number in range(40)]
    assert all(0 <= one <= DAY_MS for one in late)
    assert len({one // (DAY_MS // 4) for one in late}) == 4


def test_the_jitter_leaves_a_day_before_expiry() -> None:
    late = [due_at("web01", str(number), 30 * 86400, 2) for number in range(20)]
    assert max(late) == DAY_MS
    assert {due_at("web01", str(number), 30 * 86400, 1) for number in range(20)} == {0}


POLICIES = st.builds(
    RenewalPolicy,
    ensure_valid_for_seconds=st.none() | st.integers(0, 400 * 86400),
    percent=st.none() | st.integers(1, 99),
    retry_failed=st.booleans(),
    include=st.just(()) | st.just(("a",)),
    exclude=st.just(()) | st.just(("b",)),
    window=st.none()
    | st.builds(
        Window,
        days=st.frozensets(st.integers(0, 6)),
        start_minute=st.integers(0, 1439),
        duration_seconds=st.integers(0, 200_000),
        timezone=st.sampled_from(["Europe/Berlin", "UTC", "nowhere"]),
    ),
    jitter_seconds=st.integers(0, 100_000),
    max_per_run=st.none() | st.integers(1, 3),
)
WANTED = st.builds(
    Wanted, force=st.booleans(), reissue=st.booleans(), outside_window=st.booleans(), filters=st.just(Filters())
)
FLEET = st.lists(CERTIFICATES, max_size=5, unique_by=lambda item: item.id)


@given(FLEET, PREFERENCES, POLICIES, WANTED)
def test_what_is_held_is_never_requested(
    items: list[ManagedCertificate], wishes: dict[str, Any], declared: RenewalPolicy, asked: Wanted
) -> None:
    choice = choose("web01", declared, inventory(*items, preferences=wishes), asked, NOW)
    chosen = {change.id for change in choice.renew}
    assert not chosen & {hold.id for hold in choice.held}
    assert len(chosen) == len(choice.renew) <= (declared.max_per_run or 50)
    assert all(hold.until_utc_ms is None or hold.until_utc_ms > NOW for hold in choice.held)
    busy = {RequestState.PAUSED, RequestState.RUNNING, RequestState.QUEUED}
    assert not [item for item in items if item.id in chosen and item.status in busy]


@given(FLEET, PREFERENCES, POLICIES, st.sampled_from(list(RequestState)), st.integers(0, 5 * 3_600_000))
def test_what_was_just_attempted_is_not_requested_again(
    items: list[ManagedCertificate],
    wishes: dict[str, Any],
    declared: RenewalPolicy,
    outcome: RequestState,
    later: int,
) -> None:
    declared = replace(declared, max_per_run=None, window=None)
    chosen = {one.id for one in choose("w", declared, inventory(*items, preferences=wishes), Wanted(), NOW).renew}
    after = [
        replace(item, attempted_utc_ms=NOW, status=outcome, failures=item.failures + 1) if item.id in chosen else item
        for item in items
    ]
    second = choose("w", declared, inventory(*after, preferences=wishes), Wanted(), NOW + later)
    assert not chosen & {one.id for one in second.renew}


@given(FLEET, PREFERENCES, st.integers(0, 300 * DAY_MS))
def test_what_is_requested_now_would_be_requested_later(
    items: list[ManagedCertificate], wishes: dict[str, Any], later: int
) -> None:
    sane = [replace(item, attempted_utc_ms=None) for item in items]
    first, second = (
        choose("w", RenewalPolicy(jitter_seconds=86400), inventory(*sane, preferences=wishes), Wanted(), now)
        for now in (NOW, NOW + later)
    )
    assert {one.id for one in first.renew} <= {one.id for one in second.renew}


@given(CERTIFICATES)
def test_failing_is_what_the_filter_finds(item: ManagedCertificate) -> None:
    assert matches(Filters(failing=True), "w", item, {}, NOW) == failing(item)
