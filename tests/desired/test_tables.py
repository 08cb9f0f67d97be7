"""Every case of tests/cases/{invalid,rules,layering}."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from certify_automation.desired import DesiredHost
from certify_automation.model.recovery import Recovery
from certify_automation.model.renewal import RenewalPolicy
from desired.cases import expect_problems, table


@pytest.mark.parametrize("case", table("invalid"))
def test_wrong_files_are_explained(case: dict[str, Any], tmp_path: Path) -> None:
    assert case["problems"], "a case of wrong files expects problems"
    expect_problems(case, tmp_path)


@pytest.mark.parametrize("case", table("rules"))
def test_rules_of_the_product(case: dict[str, Any], tmp_path: Path) -> None:
    expect_problems(case, tmp_path)


@pytest.mark.parametrize("case", table("layering"))
def test_layers(case: dict[str, Any], tmp_path: Path) -> None:
    fleet = expect_problems(case, tmp_path)
    for name, expected in case.get("hosts", {}).items():
        assert fleet is not None
        assert {key: _seen(fleet.hosts[name], key, tmp_path) for key in expected} == expected


def _recovery(recovery: Recovery) -> list[object]:
    actions = [f"{one.action.word} {one.delay_ms}" for one in recovery.actions]
    return [recovery.reset_seconds, actions, recovery.on_stop_with_error]


def _policy(policy: RenewalPolicy) -> dict[str, object]:
    usual, found = asdict(RenewalPolicy()), asdict(policy)
    if policy.window:
        found["window"] = {**asdict(policy.window), "days": sorted(policy.window.days)}
    found["served"] = tuple(f"{one.host} {one.port} {one.sni!r} {one.certificate}" for one in policy.served)
    changed = {name: value for name, value in found.items() if value != usual[name]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()}


def _seen(host: DesiredHost, key: str, folder: Path) -> object:
    """One aspect of a host as the tables write it."""
    if key.startswith("origins of "):
        chain = host.origins[key.removeprefix("origins of ")]
        return [f"{str(o.position).removeprefix(f'{folder}/')} {o.layer} {o.value}" for o in chain]
    state = host.state
    aspects: dict[str, object] = {
        "config": dict(state.service_config.properties) if state.service_config else None,
        "connections": {c.name: "absent" if c.absent else dict(c.properties) for c in state.connections or ()},
        "reservations": {r.url: "absent" if r.absent else r.sddl for r in state.url_reservations or ()},
        "ip_listen": state.ip_listen and [str(state.ip_listen.rule), *state.ip_listen.addresses],
        "service": [value and str(value) for value in (state.service.state, state.service.start_mode)],
        "driver": [value and str(value) for value in (state.driver.state, state.driver.start_mode)],
        "endpoint": state.endpoint and state.endpoint.url,
        "kestrel_endpoint": str(state.kestrel_endpoint),
        "account": state.account,
        "recovery": state.recovery and _recovery(state.recovery),
        "data_directory": state.data_directory_restricted,
        "exposure": state.api_exposure and {"block": state.api_exposure.block},
        "environment": {variable.name: variable.value for variable in state.environment},
        "preferences": state.preferences and dict(state.preferences),
        "renewals": None if state.renewals is None else _policy(state.renewals),
        "labels": dict(host.labels),
        "vars": dict(host.vars),
        "groups": list(host.groups),
    }
    return aspects[key]
