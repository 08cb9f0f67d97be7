"""What holds for every repository: the order of files, documents and keys decides nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from certify_automation.desired.fleet import Origin
from certify_automation.desired.layering import Merged, merge_level, overlay, tree
from certify_automation.errors import Position
from desired.cases import outcome

INVENTORY = """version: 1
defaults: {vars: {port: 9700}}
groups:
  web: {labels: {ring: a}, hosts: {web01: {}, web02: {labels: {site: x}}}}
  db: {vars: {extra: 1}, hosts: {web02: {}, db01: {labels: {ring: b}}}}
"""
TARGETS: list[Any] = [
    "all",
    {"groups": ["web"]},
    {"groups": ["db"]},
    {"labels": {"ring": "a"}},
    {"labels": {"ring": ["a", "b"]}},
    {"hosts": ["web*"]},
    {"hosts": ["db01"], "groups": ["db"]},
]
PORT = st.sampled_from([9700, 9701, "{{ vars.port }}", None])
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["127.0.0.2", "127.0.0.3", None]),
        "port": PORT,
        "log_level": st.sampled_from(["debug", "verbose"]),
        "additional": st.dictionaries(st.sampled_from(["A", "a", "B"]), st.integers(0, 1), max_size=1),
    },
)
ENTRY = st.fixed_dictionaries(
    {"name": st.sampled_from(["(local)", "(LOCAL)", "other"])},
    optional={"default": st.booleans(), "port": PORT, "state": st.sampled_from(["present", "absent"])},
)
RECOVERY = st.fixed_dictionaries(
    {},
    optional={
        "reset_after": st.sampled_from(["1d", "never", 60, None]),
        "actions": st.sampled_from([[], [{"action": "restart"}], [{"action": "none", "delay": 5}], None]),
        "on_stop_with_error": st.booleans(),
    },
)
EXPOSURE = st.sampled_from(["loopback", {"scope": "loopback"}, {"scope": "loopback", "block": True}, None])
VARIABLE = st.sampled_from(["D:\\a", "D:\\b", {"state": "absent"}, None])
PREFERENCES = st.fixed_dictionaries(
    {}, optional={"ntp_server": st.sampled_from(["a", "b", None]), "feature_flags": st.sampled_from([[], ["A"], None])}
)
SERVED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"endpoint": st.sampled_from(["a", "A", "a:443"])},
    optional={"sni": st.sampled_from(["a", "b", None]), "certificate": st.sampled_from(["one", "two", None])},
)
RENEWALS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "ensure_valid_for": st.sampled_from(["21d", "14d", None]),
        "percent": st.sampled_from([70, None]),
        "window": st.none() | st.fixed_dictionaries({}, optional={"start": st.sampled_from(["22:00", None])}),
        "served": st.lists(SERVED, max_size=3, unique_by=lambda one: (one["endpoint"].casefold(), one.get("sni"))),
    },
)
DOCUMENT = st.fixed_dictionaries(
    {"version": st.just(1), "applies_to": st.sampled_from(TARGETS)},
    optional={
        "service": st.fixed_dictionaries(
            {}, optional={"config": st.none() | CONFIG, "http_01": st.booleans(), "recovery": st.none() | RECOVERY}
        ),
        "security": st.fixed_dictionaries({}, optional={"api_exposure": EXPOSURE}),
        "preferences": st.none() | PREFERENCES,
        "renewals": st.none() | RENEWALS,
        "environment": st.none()
        | st.dictionaries(st.sampled_from(["ASPNETCORE_URLS", "CERTIFY_APP_DATA"]), VARIABLE, max_size=2)
        | st.dictionaries(st.sampled_from(["aspnetcore_urls", "certify_app_data"]), VARIABLE, max_size=2),
        "connections": st.none() | st.lists(ENTRY, max_size=2, unique_by=lambda entry: entry["name"].casefold()),
        "http_sys": st.fixed_dictionaries(
            {}, optional={"ip_listen": st.sampled_from(["reachable", {"include": ["10.0.0.1"]}, {"exactly": []}, None])}
        ),
    },
)


def _resolved(names: Mapping[str, dict[str, Any]], *, backwards: bool) -> tuple[object, ...]:
    """States of all hosts if there are no errors, and the problems without their places in files."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "inventory.yaml").write_text(INVENTORY, "utf-8")
        (root / "state").mkdir()
        for name, document in names.items():
            content = dict(reversed(document.items())) if backwards else document
            (root / "state" / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        fleet, problems = outcome(root)
    found = sorted({problem.id for problem in problems})
    return found, {name: (host.state, host.files) for name, host in fleet.hosts.items()} if fleet else None


@settings(max_examples=60, deadline=None)
@given(st.lists(DOCUMENT, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_files_and_keys_decides_nothing(documents: list[dict[str, Any]], chance: Any) -> None:
    names = [f"{index}.yaml" for index in range(len(documents))]
    shuffled = chance.sample(names, len(names))
    first = _resolved(dict(zip(names, documents, strict=True)), backwards=False)
    second = _resolved(dict(zip(shuffled, documents, strict=True)), backwards=True)
    assert first == second


PATHS = st.sampled_from([("a",), ("a", "b"), ("a", "b", "c"), ("a", "d"), ("e",)])
LEVELS = st.lists(st.dictionaries(PATHS, st.sampled_from([None, 1, 2, "x"]), max_size=3), max_size=4)


@settings(deadline=None)
@given(LEVELS)
def test_the_highest_level_that_says_something_wins(levels: list[dict[tuple[str, ...], object]]) -> None:
    merged: Merged = {}
    for number, level in enumerate(levels):
        layer = {
            path: Origin(Position("f", number + 1, 1), f"l{number}", value, path[-1]) for path, value in level.items()
        }
        upper, conflicts = merge_level([layer])
        consistent = not any(path[:end] in layer for path in layer for end in range(1, len(path)))
        assert bool(conflicts) is not consistent
        merged = overlay(merged, upper)
        for path, origins in upper.items():
            assert merged[path][0] == origins[0]
    for path in merged:
        assert not any(path[:end] in merged for end in range(1, len(path)))
    assert None not in _leaves(tree(merged, {}))


def _leaves(data: object) -> list[object]:
    if isinstance(data, Mapping):
        return [leaf for value in data.values() for leaf in _leaves(value)]
    return [data]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_content_of_a_file_ends_in_a_traceback(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "state").mkdir()
        (root / "inventory.yaml").write_bytes(content)
        (root / "state" / "a.yaml").write_bytes(content)
        fleet, problems = outcome(root)
    assert fleet is None
    assert all(problem.id.startswith("CA1") for problem in problems)
