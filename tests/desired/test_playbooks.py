"""Playbooks that can be used: their steps, parameters and hosts, and those that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from certify_automation import bundled
from certify_automation.desired import reference
from certify_automation.desired.expressions import ExpressionFailed
from certify_automation.desired.playbook import hosts_of, playbook_names, read_playbook
from certify_automation.desired.playbook_steps import applies, needs, step_values
from certify_automation.desired.source import read as read_yaml
from certify_automation.errors import ConfigurationError
from certify_automation.model.playbook import OnFailure, Strategy, Verb
from desired.playbook_cases import HEAD, read, repository

SHIPPED = {
    "align-config-files": {},
    "change-port": {"port": "9700"},
    "enable-http-driver": {},
    "http-listener": {},
    "reconcile": {},
    "reissue-from-issuer": {"issuer": "letsencrypt.org"},
    "renew-overdue": {},
    "service-not-started": {},
    "upgrade-check": {"expected_major": "7"},
}
READ_ONLY = {Verb.DOCTOR, Verb.ASSERT, Verb.VERIFY, Verb.WAIT_FOR}
TYPED = """parameters:
  port: {type: port, description: d, default: 9696}
  share: {type: number, description: d, default: 0.5}
  sure: {type: boolean, description: d, default: false}
  wait: {type: duration, description: d, default: 5m}
  names: {type: list, description: d, default: []}
  text: {type: string, description: d, default: null}
steps: [{verify: }]
"""
INNER = """parameters: {port: {type: port, description: d}, wait: {type: duration, description: d, default: 1m}}
steps:
  - {name: wait, wait_for: {what: api, timeout: '{{ parameters.wait }}'}, when: parameters.port == 9700}
  - {restart: , on_failure: continue}
  - {restart: }
"""
OUTER = """parameters: {wanted: {type: port, description: d}}
steps:
  - {verify: }
  - run: {playbook: b, parameters: {port: '{{ parameters.wanted }}', wait: 2m}}
    when: parameters.wanted > 1024 and facts.api.answers
    on_failure: rollback
    name: inner
  - {verify: }
"""


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_playbooks_can_be_read_and_fit_a_plain_validator(name: str, tmp_path: Path) -> None:
    playbook = read_playbook(name, repository(tmp_path, {}), SHIPPED[name])
    assert (playbook.name, playbook.targets) == (name, ())
    path = bundled.folder("playbooks") / f"{name}.yaml"
    document, problems = read_yaml(path, name)
    assert document is not None
    assert problems == ()
    assert list(Draft202012Validator(dict(reference.schema("playbook"))).iter_errors(document.data)) == []
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../schemas/playbook.schema.json\n#\n# ")


def test_those_that_ship_are_those_that_are_tested(tmp_path: Path) -> None:
    assert {path.stem for path in bundled.folder("playbooks").iterdir()} == set(SHIPPED)
    assert dict(playbook_names(tmp_path)).keys() == SHIPPED.keys()
    assert all(description for _, description in playbook_names(tmp_path))


def test_the_check_of_an_upgrade_only_reads(tmp_path: Path) -> None:
    steps = read_playbook("upgrade-check", repository(tmp_path, {}), SHIPPED["upgrade-check"]).steps
    assert {step.verb for step in steps} <= READ_ONLY


def test_a_playbook_of_the_repository_comes_before_one_that_ships(tmp_path: Path) -> None:
    fleet = repository(tmp_path, {"reconcile": HEAD.format("reconcile") + "steps: [{verify: }]\n", "broken": "["})
    assert [step.verb for step in read_playbook("reconcile", fleet, {}).steps] == [Verb.VERIFY]
    listed = dict(playbook_names(tmp_path))
    assert (listed["reconcile"], listed["broken"]) == ("d", "")
    other = tmp_path / "elsewhere.yaml"
    other.write_text(HEAD.format("elsewhere") + "steps: [{restart: }]\n", "utf-8")
    assert read_playbook(str(other), fleet, {}).steps[0].position.file == str(other)


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({}, (9696, 0.5, False, 300, [], None)),
        (
            {"port": "443", "share": "1e-1", "sure": "True", "wait": "90", "names": "a, b,,c", "text": "x=1,y"},
            (443, 0.1, True, 90, ["a", "b", "c"], "x=1,y"),
        ),
        ({"wait": "2h", "share": "2", "names": "", "text": "{{ 1 }}"}, (9696, 2, False, 7200, [], "{{ 1 }}")),
    ],
    ids=["defaults", "given", "others"],
)
def test_values_are_converted_to_the_types_that_are_declared(
    given: dict[str, str], values: tuple[Any, ...], tmp_path: Path
) -> None:
    found = read(tmp_path, {"a": TYPED}, given).parameters
    assert found == dict(zip(("port", "share", "sure", "wait", "names", "text"), values, strict=True))


def test_steps_of_another_playbook_come_in_its_place_with_their_own_parameters(tmp_path: Path) -> None:
    steps = read(tmp_path, {"a": OUTER, "b": INNER}, {"wanted": "9700"}).steps
    assert [step.name for step in steps] == [
        "verify",
        "inner / wait",
        "inner / restart",
        "inner / restart 2",
        "verify 2",
    ]
    wait, first, second = steps[1:4]
    assert [step.on_failure for step in (wait, first, second)] == [
        OnFailure.ROLLBACK,
        OnFailure.CONTINUE,
        OnFailure.ROLLBACK,
    ]
    assert wait.parameters == {"port": 9700, "wait": 120}
    view: dict[str, object] = {"facts": {"api": {"answers": True}}, "parameters": {}}
    assert step_values(wait, view) == {"what": "api", "timeout": 120}
    assert applies(wait, view)
    assert not applies(wait, {"facts": {"api": {"answers": False}}})
    assert needs(wait) == {"facts", "parameters"}
    assert needs(steps[0]) == frozenset()
    other = read(tmp_path, {"a": OUTER, "b": INNER}, {"wanted": "9701"}).steps[1]
    assert not applies(other, view)


def test_the_digest_is_over_what_a_playbook_would_do(tmp_path: Path) -> None:
    plain = "strategy: {{}}\nsteps:\n  - wait_for: {{what: api, timeout: {}}}\n"
    first = read(tmp_path, {"a": plain.format("5m")}).digest
    assert first == read(tmp_path, {"a": "# a comment\n" + plain.format("5m")}).digest
    assert first != read(tmp_path, {"a": plain.format("6m")}).digest
    assert first != read(tmp_path, {"a": plain.format("5m").replace("{}", "{canary: 1}")}).digest
    typed = [read(tmp_path, {"a": TYPED}, {"port": port}).digest for port in ("1", "2", "1")]
    assert (typed[0] == typed[2], typed[0] == typed[1]) == (True, False)


def test_a_strategy_as_written_and_without_one(tmp_path: Path) -> None:
    written = (
        "strategy: {canary: 2, batch: 25%, pause: 2m, max_failures: 1, max_unreachable: 10%}\nsteps: [{verify: }]\n"
    )
    assert read(tmp_path, {"a": written}).strategy == Strategy(2, "25%", 120, "1", "10%")
    assert read(tmp_path, {"a": "steps: [{verify: }]\n"}).strategy == Strategy()
    usual = reference.schema("playbook")["$defs"]["strategy"]["properties"]["max_failures"]["default"]
    assert str(usual) == Strategy().max_failures


def test_limit_narrows_the_targets(tmp_path: Path) -> None:
    playbook = read(tmp_path, {"a": "targets: web01\nsteps: [{verify: }]\n"})
    fleet = repository(tmp_path, {})
    assert list(hosts_of(playbook, fleet, []).hosts) == ["web01"]
    assert list(hosts_of(playbook, fleet, ["web"]).hosts) == ["web01"]
    with pytest.raises(ConfigurationError, match="no host of --limit web02 is a target of a: web01") as caught:
        hosts_of(playbook, fleet, ["web02"])
    assert caught.value.id == "CA1613"
    with pytest.raises(ConfigurationError, match="matches no host"):
        hosts_of(playbook, fleet, ["nobody"])


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("doctor:", {"fail_on": "error"}),
        ("doctor: {only: [files_disagree, ca6205]}", {"fail_on": "error", "only": ["CA6101", "CA6205"]}),
        ("doctor: {only: '{{ parameters.names }}'}", {"fail_on": "error", "only": ["CA6205"]}),
        ("apply:", {"declared": True}),
        ("apply: {overrides: {service: {}}}", {"declared": False, "overrides": {"service": {}}}),
        ("remediate:", {"allow_data": False, "allow_lockout": False}),
        ("renew: {max: '{{ parameters.none }}', wait: 10m, due: true}", {"wait": 600, "due": True}),
        ("wait_for: {what: api}", {"what": "api", "timeout": 300}),
        ("verify:", {}),
        (
            "assert: {that: [facts.api.answers], message: 'is {{ parameters.names | first }}'}",
            {"that": ["facts.api.answers"], "message": "is driver_stopped"},
        ),
    ],
)
def test_the_values_of_a_step_on_a_host(step: str, values: dict[str, Any], tmp_path: Path) -> None:
    names = "names: {type: list, description: d, default: [driver_stopped]}"
    none = "none: {type: integer, description: d, default: null}"
    (made,) = read(tmp_path, {"a": f"parameters: {{{names}, {none}}}\nsteps:\n  - {step}\n"}).steps
    assert step_values(made, {}) == values


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("renew: {max: '{{ parameters.text }}'}", "the step renew: max must be a whole number"),
        ("wait_for: {what: api, timeout: '{{ parameters.text }}'}", "timeout is 'x', but must be whole seconds"),
        ("doctor: {only: '{{ parameters.text }}'}", "only must be a list"),
        ("doctor: {only: ['{{ parameters.text }}']}", "there is no finding 'x'"),
        ("renew: {max: '{{ facts.certificates.total }}'}", "'facts' is not defined"),
    ],
)
def test_values_that_do_not_fit_once_evaluated_fail_on_that_host(step: str, words: str, tmp_path: Path) -> None:
    text = f"parameters: {{text: {{type: string, description: d, default: x}}}}\nsteps:\n  - {step}\n"
    (made,) = read(tmp_path, {"a": text}).steps
    with pytest.raises(ExpressionFailed) as caught:
        step_values(made, {})
    assert words in str(caught.value)


def test_every_verb_has_its_parameters_in_the_schema() -> None:
    step = reference.schema("playbook")["$defs"]["step"]["properties"]
    assert {*step} - {"name", "when", "on_failure"} == {*(verb.value for verb in Verb), "run"}
