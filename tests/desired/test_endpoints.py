"""Endpoints and patterns as the files write them."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.desired.endpoints import EndpointUnreadable, read_endpoint
from certify_automation.desired.rules.patterns import covers

READ = {
    "www.example.com": ("www.example.com", 443),
    "WWW.Example.COM:8443": ("www.example.com", 8443),
    "10.0.0.5": ("10.0.0.5", 443),
    "[2001:DB8::0005]:1": ("2001:db8::5", 1),
    "[::1]": ("::1", 443),
    "bücher.example:65535": ("bücher.example", 65535),
    "server_1": ("server_1", 443),
}
NAME = st.from_regex(r"[a-z](?:[a-z0-9-]{0,8}[a-z0-9])?(?:\.[a-z](?:[a-z0-9-]{0,8}[a-z0-9])?){0,3}", fullmatch=True)
PATTERN = st.text("ab*?", min_size=1, max_size=6)


@pytest.mark.parametrize(("text", "expected"), READ.items(), ids=READ)
def test_endpoints(text: str, expected: tuple[str, int]) -> None:
    assert read_endpoint(text) == expected


@given(NAME | st.ip_addresses().map(str), st.integers(1, 65535))
def test_what_is_read_can_be_written_again(host: str, port: int) -> None:
    written = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert read_endpoint(written) == (host, port)


@given(st.text(st.sampled_from("a1.:[]%/*-é \n\0@"), max_size=12) | st.text(max_size=12))
def test_every_other_text_is_refused_with_a_hint(text: str) -> None:
    hint, host, port = "", "", 0
    try:
        host, port = read_endpoint(text)
    except EndpointUnreadable as error:
        hint = error.hint
    assert bool(hint) is not bool(host)
    assert hint or (host == host.lower() and 1 <= port <= 65535)


@given(PATTERN, PATTERN, st.text("ab", max_size=6))
def test_a_pattern_that_covers_another_matches_all_that_it_matches(wider: str, pattern: str, text: str) -> None:
    if covers(wider, pattern) and fnmatchcase(text, pattern):
        assert fnmatchcase(text, wider)


@given(PATTERN)
def test_a_pattern_covers_itself_and_is_covered_by_everything(pattern: str) -> None:
    assert covers(pattern, pattern)
    assert covers("*", pattern)


def test_a_pattern_of_many_stars_is_compared_at_once() -> None:
    assert not covers("*a" * 60 + "b", "a" * 5_000)
