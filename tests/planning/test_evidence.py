from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.evidence import (
    answers,
    bound_endpoint,
    data_store_failure,
    effective_endpoints,
    endpoint_url,
    listens_at,
    loopback,
    url_path,
)
from certify_automation.model.facts import ApiFacts
from certify_automation.model.host import Endpoint
from planning.situations import observed
from planning.tables import table


@table("evidence")
def test_evidence(case: Any) -> None:
    facts = observed(case)
    if "effective" in case:
        assert list(effective_endpoints(facts)) == case["effective"]
        assert listens_at(facts, Endpoint("127.0.0.2", 9696), (9696,)) is case["at"]
    if "bound" in case:
        assert bound_endpoint(facts) == case["bound"]
    if "failure" in case:
        failure = data_store_failure(facts)
        assert bool(failure) == (case["failure"] is not None)
        assert (case["failure"] or "") in failure


@pytest.mark.parametrize(
    ("host", "v6", "v7"),
    [
        ("127.0.0.2", True, True),
        ("[::1]", True, True),
        ("[::ffff:127.0.0.1]", True, True),
        ("[::ffff:10.0.0.5]", False, False),
        ("localhost", False, True),
        ("127.1", False, True),
        ("127.0.513", False, True),
        ("0x7f.1", False, True),
        ("0177.0.0.1", False, True),
        ("2130706433", False, True),
        ("127", False, False),
        ("10.1", False, False),
        ("127.256.1", False, False),
        ("127.0.0.256", False, False),
        ("127.0.0.0.1", False, False),
        ("1.127.0.0.1.", False, False),
        ("127.x", False, False),
        ("099.1", False, False),
        ("*", False, False),
        ("+", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 - compared, never bound
        ("[::]", False, False),
        ("", False, False),
    ],
)
def test_who_can_reach_a_host(host: str, *, v6: bool, v7: bool) -> None:
    found = tuple(loopback(f"http://{host}:9696", generation) for generation in ("v6", "v7"))
    assert found == (v6, v7)


@pytest.mark.parametrize(
    ("url", "endpoint", "path"),
    [
        ("HTTP://127.0.0.2:9696:127.0.0.2/", "http://127.0.0.2:9696", "/"),
        ("HTTP://127.0.0.2:9696/", "http://127.0.0.2:9696", "/"),
        ("http://127.0.0.2:9696", "http://127.0.0.2:9696", "/"),
        ("HTTP://+:5985/WSMAN/", "http://+:5985", "/WSMAN/"),
        ("HTTP://[FE80::1]:80:[FE80::1]/X/", "http://[fe80::1]:80", "/X/"),
        ("\\\\.\\pipe\\certify", "\\\\.\\pipe\\certify", "/"),
    ],
)
def test_urls_of_http_sys(url: str, endpoint: str, path: str) -> None:
    assert endpoint_url(url) == endpoint
    assert url_path(url) == path


@pytest.mark.parametrize(
    ("api", "answered"),
    [
        ({"status": 200, "body": '"6.1.10.0"'}, True),
        ({"status": 200, "body": "7.0.0.0\n"}, True),
        ({"status": 200, "body": "<html>It works 1.2</html>"}, False),
        ({"status": 200, "body": "9696"}, False),
        ({"status": 200, "body": None}, False),
        ({"status": 401, "authenticate": ("NTLM", "negotiate")}, True),
        ({"status": 401, "authenticate": ("Basic",)}, False),
        ({"status": 500, "body": "7.0.0.0"}, False),
        ({"status": None, "error": "refused"}, False),
    ],
)
def test_only_a_version_or_a_demand_for_windows_credentials_is_the_products_answer(
    api: dict[str, Any], answered: bool
) -> None:
    assert answers(ApiFacts("http://127.0.0.2:9696", **api)) is answered


def test_not_asked_is_no_answer() -> None:
    assert not answers(None)


def test_a_port_nobody_asked_about_is_proved_by_the_log_alone() -> None:
    facts = observed({"generation": "v7", "facts": {"sockets": []}})
    assert not listens_at(facts, Endpoint("127.0.0.2", 9696), (9696,))
    assert listens_at(facts, Endpoint("127.0.0.2", 9696), (80,))


@given(st.lists(st.text(max_size=60) | st.sampled_from(["Service Startup", "IsTerminating=", "data store", "[ERR]"])))
def test_no_log_is_too_strange(lines: list[str]) -> None:
    log = {"path": "x", "exists": True, "lines": lines}
    for generation in ("v6", "v7"):
        facts = observed(
            {"generation": generation, "facts": {"logs.startup": log, "logs.session": log, "logs.unhandled": log}}
        )
        assert isinstance(data_store_failure(facts), str)
        assert isinstance(effective_endpoints(facts), tuple)
