"""--limit patterns, and the ranges of host names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from certify_automation.desired.ranges import expand
from certify_automation.desired.selection import select
from certify_automation.errors import ConfigurationError
from desired.cases import table


@pytest.mark.parametrize("case", table("selection"))
def test_patterns(case: dict[str, Any], tmp_path: Path) -> None:
    for name, text in case.get("files", {}).items():
        (tmp_path / name).write_text(text, "utf-8")
    hosts = case.get("inventory", HOSTS)
    groups: dict[str, list[str]] = case.get("groups", GROUPS)
    patterns = [pattern.replace("{folder}", str(tmp_path)) for pattern in case["limit"]]
    if "error" in case:
        with pytest.raises(ConfigurationError) as caught:
            select(patterns, hosts, groups)
        assert [problem.id for problem in caught.value.problems] == case["error"]
        assert case.get("says", "") in "\n".join(str(problem) for problem in caught.value.problems)
    else:
        chosen = select(patterns, hosts, groups)
        assert [name for name in hosts if name in chosen] == case["selects"]


HOSTS = {
    "web01.example.com": {"ring": "canary", "env": "prod"},
    "web02.example.com": {"ring": "stable", "env": "prod"},
    "web03.example.com": {"ring": "stable", "env": "test"},
    "DB01.example.com": {"env": "prod"},
    "fe80::12": {},
    "10.0.0.7": {},
}
GROUPS = {
    "web": ["web01.example.com", "web02.example.com", "web03.example.com"],
    "db": ["DB01.example.com"],
    "dc1": ["web01.example.com", "DB01.example.com"],
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web01", ("web01",)),
        ("web[08:11]", ("web08", "web09", "web10", "web11")),
        ("n[0:10:5].x", ("n0.x", "n5.x", "n10.x")),
        ("db-[a:c]", ("db-a", "db-b", "db-c")),
        ("r[1:2]h[1:2]", ("r1h1", "r1h2", "r2h1", "r2h2")),
        ("[fe80::1]", ("[fe80::1]",)),
    ],
)
def test_ranges_count_as_in_ansible(name: str, expected: tuple[str, ...]) -> None:
    assert expand(name) == expected


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("web[3:1]", "backwards"),
        ("web[01:100]", "same length"),
        ("web[1:c]", "number to number"),
        ("web[a:C]", "same case"),
        ("web[1:9:0]", "step"),
        ("web[1:99999999]", "at most"),
        ("a[1:999]b[1:999]", "at most"),
        ("web[1:99999999999999999999]", "too large"),
    ],
)
def test_ranges_that_cannot_be_counted(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        expand(name)


def test_a_host_list_that_names_itself_ends(tmp_path: Path) -> None:
    file = tmp_path / "hosts.txt"
    file.write_text(f"web01.example.com\n@{file}\n", "utf-8")
    with pytest.raises(ConfigurationError, match="named by a list"):
        select([f"@{file}"], HOSTS, GROUPS)


def test_a_host_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hosts.txt"
    file.write_bytes("web01.example.com # für später".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        select([f"@{file}"], HOSTS, GROUPS)
