from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.config_merge import (
    authentication_mode,
    config_property,
    kestrel_endpoints,
    merge_kestrel,
    merge_servers,
    merge_service_config,
)
from certify_automation.config_merge.lenient_json import JsonObject, NumberText, read
from certify_automation.model.config_files import ServerConnection, ServiceConfig
from planning.declared import connection
from planning.tables import content, table


@table("merge")
def test_serviceconfig(case: Any) -> None:
    merged = merge_service_config(ServiceConfig(case["declared"]), content(case["found"]))
    written = None if merged.content is None else merged.content.decode()
    assert written == case["written"]
    assert (merged.content is None) == (not merged.differences)
    if "changed" in case:
        assert [difference.path for difference in merged.differences] == case["changed"]
    if "condition" in case:
        assert merged.condition == case["condition"]
    if "hub" in case:
        assert merged.hub_identity is case["hub"]
    if "reason" in case:
        assert case["reason"] in merged.reason
    if "lost" in case:
        assert len(merged.lost) == len(case["lost"])
        assert all(words in lost for words, lost in zip(case["lost"], merged.lost, strict=True))
    if merged.content is not None:
        again = merge_service_config(ServiceConfig(case["declared"]), merged.content)
        assert again.content is None
        assert again.lost == ()


@table("merge_servers")
def test_servers(case: Any) -> None:
    declared = [connection(entry) for entry in case["declared"]]
    merged = merge_servers(declared, content(case["found"]), "web01.example.com")
    entries = None if merged.content is None else json.loads(merged.content)
    for entry in entries or []:
        if len(entry.get("Id", "")) == 36:
            entry["Id"] = "ID"
    assert entries == case["entries"]
    assert (merged.content is None) == (not merged.differences)
    if "changed" in case:
        assert [difference.path for difference in merged.differences] == case["changed"]
    for words in case.get("lost", []):
        assert any(words in lost for lost in merged.lost), merged.lost
    if merged.content is not None:
        assert merge_servers(declared, merged.content, "web01.example.com").content is None


def test_planning_twice_gives_the_same_bytes_and_hosts_have_ids_of_their_own() -> None:
    declared = [ServerConnection("(local)", {"Port": 9696})]
    one, again, other = (merge_servers(declared, None, host).content for host in ("a", "a", "b"))
    assert one == again
    assert one != other


def test_every_known_property_has_a_name_for_users() -> None:
    assert config_property("HTTPCHALLENGESERVERPORT").declared == "http_challenge_port"
    assert config_property("usehttps").declared == "https"
    assert config_property("Unheard").declared == "additional.Unheard"


NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(
    ["Port", "port", "Host", "LogLevel", "Mine", "IsManagementHub"]
)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).map(NumberText)
SCALARS = st.none() | st.booleans() | st.text(max_size=8) | NUMBERS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(st.text(max_size=5), inner), max_size=3).map(lambda pairs: JsonObject(tuple(pairs)))
    ),
    max_leaves=8,
)
UNKNOWN = st.text(min_size=1, max_size=8).filter(lambda name: not config_property(name).kind)
DECLARED = st.fixed_dictionaries(
    {},
    optional={
        "Port": st.integers(1, 65535),
        "Host": st.sampled_from(["127.0.0.1", "127.0.0.2", "::1"]),
        "UseHTTPS": st.booleans(),
        "LogLevel": st.sampled_from(["information", "debug"]),
        "CustomPowerShellPaths": st.lists(st.text(max_size=5), max_size=2),
        "Extra": st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
    },
)


def text_of(value: Any) -> str:
    """JSON text of any value, numbers in their own digits."""
    if isinstance(value, JsonObject):
        return "{" + ",".join(f"{json.dumps(name)}:{text_of(item)}" for name, item in value.members) + "}"
    if isinstance(value, NumberText):
        return value
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value)


def members(content: bytes) -> Mapping[str, Any]:
    document = read(content)
    assert isinstance(document.value, JsonObject)
    return dict(document.value.members)


@given(
    found=st.dictionaries(UNKNOWN, VALUES, max_size=5).filter(lambda d: len({n.casefold() for n in d}) == len(d)),
    declared=DECLARED,
)
def test_merging_never_loses_an_undeclared_property(found: dict[str, Any], declared: dict[str, Any]) -> None:
    before = text_of(JsonObject(tuple(found.items()))).encode()
    merged = merge_service_config(ServiceConfig(declared), before)
    after = members(merged.content or before)
    kept = {name: value for name, value in found.items() if name.casefold() not in {d.casefold() for d in declared}}
    assert {name: text_of(after[name]) for name in kept} == {name: text_of(value) for name, value in kept.items()}
    assert [name for name in after if name in kept] == list(kept)


@given(found=st.binary(max_size=40) | st.text(max_size=40).map(str.encode), declared=DECLARED)
def test_whatever_is_found_the_merge_is_read_as_declared_and_is_stable(found: bytes, declared: dict[str, Any]) -> None:
    merged = merge_service_config(ServiceConfig(declared), found)
    if merged.content is not None:
        again = merge_service_config(ServiceConfig(declared), merged.content)
        assert again.content is None
        json.loads(merged.content.decode("utf-8"))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), DECLARED)
def test_repeated_and_ill_typed_members_settle_in_one_merge(
    pairs: list[tuple[str, Any]], declared: dict[str, Any]
) -> None:
    found = text_of(JsonObject(tuple(pairs))).encode()
    merged = merge_service_config(ServiceConfig(declared), found)
    assert merge_service_config(ServiceConfig(declared), merged.content or found).content is None


@given(st.lists(st.tuples(st.sampled_from("aAbc"), st.booleans(), st.integers(1, 9)), max_size=5))
def test_a_servers_merge_settles_at_once_with_one_default(entries: list[tuple[str, bool, int]]) -> None:
    found = json.dumps([{"DisplayName": n, "IsDefault": d, "Port": p} for n, d, p in entries]).encode()
    declared = [ServerConnection("a", {"IsDefault": True, "Port": 5}), ServerConnection("b", absent=True)]
    merged = merge_servers(declared, found, "host").content or found
    assert merge_servers(declared, merged, "host").content is None
    after = json.loads(merged)
    assert [e["DisplayName"].lower() for e in after if e["IsDefault"]] == ["a"]
    kept = [(n, p) for n, _, p in entries if n == "c"]
    assert [(e["DisplayName"], e["Port"]) for e in after if e["DisplayName"] == "c"] == kept


@table("merge_kestrel")
def test_kestrel(case: Any) -> None:
    merged = merge_kestrel(case["urls"], content(case["found"]))
    written = None if merged.content is None else merged.content.decode()
    assert written == case["written"]
    assert (merged.content is None) == (not merged.differences)
    if "changed" in case:
        assert {d.path: [d.observed, d.declared] for d in merged.differences} == case["changed"]
    assert list(merged.lost) == case.get("lost", [])
    if merged.content is not None:
        assert merge_kestrel(case["urls"], merged.content).content is None


@pytest.mark.parametrize(("start", "end"), [('{"a":', "}"), ("[", "]")])
@pytest.mark.parametrize("depth", [80, 900, 50_000])
def test_what_is_nested_too_deeply_ends_version_7_and_nothing_here(start: str, end: str, depth: int) -> None:
    nested = f'{{"Kestrel": {start * depth}1{end * depth}}}'.encode()
    with pytest.raises(ValueError, match="nested too deeply"):
        kestrel_endpoints(nested, [])
    assert merge_kestrel({"a": "http://127.0.0.2:9696"}, nested).content is None
    assert authentication_mode(nested) == ""
