"""Faults that concern certificates: what each does to a host, and to the servers of its sites."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certify_automation.lab.endpoints import EndpointFaults
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.windows import StillClock

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def faulty(*faults: str, **options: Any) -> BuiltHost:
    rules = FaultRules(FaultRule(fault, options=options) for fault in faults)
    return rules.apply_state(build(HostSpec("web01.example.com", "v7"), 0, StillClock(NOW)), 0)


def test_a_chain_that_is_incomplete() -> None:
    assert faulty().computer.certificates.finds_issuers
    assert not faulty("chain_incomplete").computer.certificates.finds_issuers


def test_a_clock_that_is_wrong() -> None:
    right, ahead = faulty().computer.clock, faulty("clock_skew", seconds=3600).computer.clock
    assert ahead.now() - right.now() == timedelta(hours=1)
    assert ahead.elapsed() == right.elapsed()


def test_requests_that_take_long() -> None:
    product = faulty("renewal_slow", seconds=77).product
    assert product is not None
    assert product.conditions.seconds("any") == 77


@pytest.mark.parametrize("fault", ["api_html", "renewal_stuck", "renewal_slow", "served_old"])
def test_a_host_without_the_product_is_left_alone(fault: str) -> None:
    assert faulty("not_installed", fault).product is None


def test_what_is_wrong_with_the_sites_of_a_host() -> None:
    rules = FaultRules(
        [
            FaultRule("endpoint_closed", ("web01*",)),
            FaultRule("endpoint_hangs", ("web02*",)),
            FaultRule("certificate_unreadable", ("web03*",), {"names": ["shop.*"]}),
            FaultRule("certificate_unreadable", ("web04*",)),
        ]
    )
    assert rules.endpoint("web01.example.com") == EndpointFaults(closed=True)
    assert rules.endpoint("WEB02.example.com") == EndpointFaults(hangs=True)
    assert rules.endpoint("web03.example.com").spoils("SHOP.example.com")
    assert not rules.endpoint("web03.example.com").spoils("www.example.com")
    assert rules.endpoint("web04.example.com").spoils(None)
    assert rules.endpoint("web05.example.com") == EndpointFaults()
