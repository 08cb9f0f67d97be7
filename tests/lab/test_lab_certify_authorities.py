"""The authorities of a lab: what they issue, and their limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from certify_automation.lab.certify import FAILURES, AcmeAuthority, RateLimits, public_authorities
from certify_automation.lab.certify.acme import AcmeProblem, registered_domain
from tests.lab.renewing_product import NOW, make_host, spec

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def authority(**limits: int | timedelta | None) -> AcmeAuthority:
    return AcmeAuthority("letsencrypt.org", NOW, RateLimits(**limits))  # type: ignore[arg-type]


def problem(of: AcmeAuthority, name: str, at: datetime) -> str:
    with pytest.raises(AcmeProblem) as refused:
        of.order([name], at)
    return str(refused.value)


def test_a_certificate_verifies_to_its_root() -> None:
    known = public_authorities(NOW)
    issued = known["zerossl.com"].order(["www.example.com", "example.com"], NOW)
    roots = Store(x509.load_pem_x509_certificates(known.roots_pem))
    chain = x509.load_pem_x509_certificates(issued.chain_pem)
    verifier = PolicyBuilder().store(roots).time(NOW).build_server_verifier(x509.DNSName("example.com"))
    leaf = x509.load_pem_x509_certificate(issued.certificate_pem)
    assert verifier.verify(leaf, chain)[0] == leaf
    assert issued.expiry - issued.start == 90 * DAY
    assert issued.start == NOW - HOUR


def test_addresses_and_lifetimes() -> None:
    issued = authority().order(["192.0.2.7"], NOW, 6)
    leaf = x509.load_pem_x509_certificate(issued.certificate_pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7"]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == 6 * DAY


def test_five_of_the_same_names_a_week_in_any_order_and_case() -> None:
    lets = authority()
    for number in range(5):
        lets.order(
            [["a.example.com", "b.example.com"], ["B.example.com", "a.example.com"]][number % 2], NOW + number * DAY
        )
    with pytest.raises(AcmeProblem) as refused:
        lets.order(["a.example.com", "b.example.com"], NOW + 5 * DAY)
    assert "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s" in str(
        refused.value
    )
    assert "retry after 2026-11-30T10:00:00Z" in str(refused.value)
    lets.order(["a.example.com", "b.example.com"], NOW + 7 * DAY)


def test_fifty_new_ones_a_week_for_a_registered_domain_renewals_excepted() -> None:
    lets = authority(per_registered_domain=3)
    for number in range(3):
        lets.order([f"n{number}.example.co.uk"], NOW)
    lets.order(["n0.example.co.uk"], NOW + HOUR)
    assert [order.renewal for order in lets.orders] == [False, False, False, True]
    assert 'already issued for "example.co.uk"' in problem(lets, "n9.example.co.uk", NOW + HOUR)
    lets.order(["n9.another.co.uk"], NOW + HOUR)
    lets.order(["n9.example.co.uk"], NOW + 8 * DAY)


def test_what_was_issued_before_the_lab_began_is_renewed_for_nothing() -> None:
    known = public_authorities(NOW)
    known["letsencrypt.org"].limits = RateLimits(per_registered_domain=0)
    host = make_host(spec("a.example.com", "overdue"), spec("b.example.com", "never"), authorities=known)
    results = {one["managedItem"]["id"]: one["isSuccess"] for one in host.autorenew(wait=True)}
    assert results == {"a.example.com": True, "b.example.com": False}


def test_the_test_service_has_no_limits_and_counts_nothing() -> None:
    lets = authority(per_exact_set=1)
    for _ in range(3):
        lets.order(["a.example.com"], NOW, staging=True)
    assert lets.orders == []


def test_failed_validations_of_a_name_within_an_hour() -> None:
    lets = authority()
    texts = [str(lets.refuse("a.example.com", "NXDOMAIN", NOW + timedelta(minutes=number))) for number in range(6)]
    assert texts[:5] == ["NXDOMAIN"] * 5
    assert 'too many failed authorizations (5) for "a.example.com" in the last 1h0m0s' in texts[5]
    assert "retry after 2026-11-23T11:00:00Z" in texts[5]
    assert str(lets.refuse("b.example.com", "NXDOMAIN", NOW)) == "NXDOMAIN"
    assert str(lets.refuse("a.example.com", "NXDOMAIN", NOW + HOUR)) == "NXDOMAIN"


def test_without_limits() -> None:
    free = authority(per_registered_domain=None, per_exact_set=None, failed_validations=None)
    for _ in range(60):
        free.order(["a.example.com"], NOW)
        assert str(free.refuse("a.example.com", "no", NOW)) == "no"


def test_a_limit_lands_in_the_item_and_is_shared_by_all_computers() -> None:
    known = public_authorities(NOW)
    hosts = [make_host(spec("a.example.com", "overdue"), authorities=known) for _ in range(6)]
    results = [host.autorenew("a.example.com", wait=True)[0] for host in hosts]
    assert [one["isSuccess"] for one in results] == [True] * 5 + [False]
    assert "exact set of identifiers" in hosts[5].item("a.example.com")["renewalFailureMessage"]


def test_a_failing_item_meets_the_limit_of_validations_by_its_retries() -> None:
    host = make_host(spec("a.example.com", "overdue"))
    host.product.conditions.failing["a.example.com"] = FAILURES["dns"]
    messages = []
    for _ in range(6):
        host.get("GET", "managedcertificates/renewcert/a.example.com/false/false")
        messages.append(host.item("a.example.com")["renewalFailureMessage"])
    assert all("NXDOMAIN" in text for text in messages[:5])
    assert "too many failed authorizations" in messages[5]


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.example.com", "example.com"), ("*.a.example.com", "example.com"), ("EXAMPLE.com", "example.com"),
        ("www.example.co.uk", "example.co.uk"), ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"),
        ("localhost", "localhost"),
    ],
)  # fmt: skip
def test_registered_domains(name: str, domain: str) -> None:
    assert registered_domain(name) == domain


def test_now_is_an_argument() -> None:
    past = AcmeAuthority("letsencrypt.org", datetime(2020, 1, 1, tzinfo=UTC))
    assert past.order(["a.example.com"], datetime(2020, 1, 2, tzinfo=UTC)).start.year == 2020
