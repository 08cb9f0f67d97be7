"""A selector that fits nothing may be a slip of the pen: it is said, with what there is."""

from __future__ import annotations

import pytest

from certify_automation.model.certificate import ManagedCertificate
from certify_automation.renewal import Filters, Met, met, missed_warnings

ITEMS = (
    ManagedCertificate("1", "shop", ("shop.example.com",), current_authority="letsencrypt.org"),
    ManagedCertificate("2", "mail", ("mail.example.com", "*.mail.example.com"), authority="zerossl.com"),
)


def found(filters: Filters, items: tuple[ManagedCertificate, ...] = ITEMS) -> list[Met]:
    return [met(filters, "web01", items[:1], {}), met(filters, "web02", items[1:], {})]


@pytest.mark.parametrize(
    ("filters", "about", "hint"),
    [
        (Filters(issuer="letsencrypt"), "--issuer letsencrypt", "issuers there: letsencrypt.org, zerossl.com"),
        (Filters(domain="shop.example.org"), "--domain shop.example.org", "`certs` shows the names"),
        (Filters(ids=("3",)), "3", "`certs -v` shows the ids"),
    ],
)
def test_what_fits_nothing_is_named(filters: Filters, about: str, hint: str) -> None:
    ((name, problem),) = missed_warnings(filters, found(filters))
    assert name == about
    assert hint in problem.hint


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(issuer="LetsEncrypt*"),
        Filters(domain="*.example.com"),
        Filters(ids=("web02/2", "1")),
        # Each fits alone: that both fit no certificate together is an answer, not a slip.
        Filters(issuer="zerossl.com", domain="shop.example.com"),
    ],
)
def test_what_fits_something_is_not(filters: Filters) -> None:
    assert not list(missed_warnings(filters, found(filters)))


def test_of_hosts_that_did_not_answer_nothing_is_concluded() -> None:
    assert not list(missed_warnings(Filters(issuer="nobody", domain="nobody"), []))


def test_where_there_are_no_certificates_none_are_listed() -> None:
    filters = Filters(issuer="letsencrypt.org")
    ((_, problem),) = missed_warnings(filters, [met(filters, "web01", (), {})])
    assert problem.hint == "there are no certificates"
