"""The schemas agree with each other, and cover every property of the product's files."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import certify_automation
from certify_automation import bundled
from certify_automation.desired import reference
from certify_automation.desired.schema import check
from certify_automation.desired.source import read
from certify_automation.model.folder_acl import OPEN_TO

CASES = Path(__file__).parent.parent / "cases"
OURS = ("desired-state", "inventory", "settings", "playbook", "serviceconfig", "servers")


@pytest.mark.parametrize("name", OURS)
def test_they_are_schemas_with_a_title_and_descriptions(name: str) -> None:
    schema = reference.schema(name)
    Draft202012Validator.check_schema(dict(schema))
    assert schema["title"]
    assert schema["description"]


def test_every_property_of_the_product_can_be_declared_or_is_refused_in_words() -> None:
    serviceconfig = reference.schema("serviceconfig")["properties"]
    servers = reference.schema("servers")["items"]["properties"]
    assert set(reference.product_names("config").values()) == set(serviceconfig)
    assert set(reference.product_names("connection").values()) == set(servers)
    assert len(serviceconfig) == 17
    assert len(servers) == 11
    for kind, properties in (("config", serviceconfig), ("connection", servers)):
        fixed = {reference.product_names(kind)[name] for name in reference.written_by_product(kind)}
        assert fixed == {name for name, part in properties.items() if part.get("readOnly")}


def _recorded_preferences() -> dict[str, object]:
    """What the product answers to GET preferences on an installation that nobody has configured."""
    answers = json.loads((CASES / "certify-api" / "answers.json").read_text("utf-8"))
    (found,) = (one for one in answers if one["name"] == "preferences-get-defaults")
    body: dict[str, object] = found["response"]["body"]
    return body


def test_every_preference_of_the_product_can_be_declared_or_is_refused_in_words() -> None:
    names = reference.product_names("preferences")
    assert set(names.values()) == set(_recorded_preferences()) - {"isChanged"}
    assert len(names) == 29
    assert set(reference.written_by_product("preferences")) == {
        "instance_id",
        "is_instance_registered",
        "config_data_store_connection_id",
    }


def test_defaults_of_preferences_are_those_of_an_installation_nobody_has_configured() -> None:
    recorded = _recorded_preferences()
    properties = reference.schema("desired-state")["$defs"]["preferences"]["properties"]
    for name, product_name in reference.product_names("preferences").items():
        if "default" in properties[name]:
            default = properties[name]["default"]
            words = reference.product_words("preferences", name)
            assert words.get(default, default) == recorded[product_name], name


def test_every_word_for_a_preference_has_a_value_of_the_product() -> None:
    properties = reference.schema("desired-state")["$defs"]["preferences"]["properties"]
    with_words = {name for name, part in properties.items() if "x-values" in part}
    assert with_words == {"renewal_interval_mode", "certificate_cleanup_mode"}
    for name in with_words:
        assert reference.known_values("preferences", name) == tuple(reference.product_words("preferences", name))


def test_defaults_are_the_same_wherever_they_stand() -> None:
    for kind in ("config", "connection"):
        declared = reference.schema("desired-state")["$defs"][kind]["properties"]
        for name, product_name in reference.product_names(kind).items():
            if "default" in declared[name]:
                assert declared[name]["default"] == reference.product_defaults(kind)[product_name], name


def test_known_values_are_the_same_wherever_they_stand() -> None:
    for kind, properties in (
        ("config", reference.schema("serviceconfig")["properties"]),
        ("connection", reference.schema("servers")["items"]["properties"]),
    ):
        for name, product_name in reference.product_names(kind).items():
            if "enum" in properties[product_name]:
                known = [value for value in properties[product_name]["enum"] if value is not None]
                assert sorted(reference.known_values(kind, name)) == sorted(known)


def test_the_variables_an_editor_offers_are_those_that_are_taken() -> None:
    section = reference.schema("desired-state")["properties"]["environment"]
    assert len(section["properties"]) == 8
    assert (
        check(
            {"version": 1, "applies_to": "all", "environment": dict.fromkeys(section["properties"], "x")},
            "desired-state",
        )
        == ()
    )


def test_every_key_a_user_writes_is_described_for_the_editor() -> None:
    def walk(part: object, path: str) -> None:
        if isinstance(part, dict):
            for name, child in part.get("properties", {}).items():
                resolved = {**definitions.get(str(child.get("$ref", "")).rpartition("/")[2], {}), **child}
                assert resolved.get("description") or path.endswith("then"), f"{path}.{name}"
            for name, child in part.items():
                walk(child, f"{path}.{name}")

    for name in ("desired-state", "inventory", "settings", "playbook"):
        schema = reference.schema(name)
        definitions = schema.get("$defs", {})
        walk(schema, name)


def test_the_groups_that_a_closed_data_folder_is_closed_to_are_named_wherever_it_is_described() -> None:
    security = reference.schema("desired-state")["properties"]["security"]["properties"]
    page = (Path(__file__).parents[2] / "docs" / "desired-state.md").read_text("utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith("| `security.data_directory_acl` |"))
    for text in (security["data_directory_acl"]["description"], row):
        assert [name for name in (*OPEN_TO.values(), "Domain Users", "Domain Guests") if name not in text] == []


def test_the_examples_fit_a_plain_validator_as_editors_use_it() -> None:
    kinds = {"inventory.yaml": "inventory", "certify-automation.yaml": "settings"}
    for path in bundled.folder("examples").rglob("*.yaml"):
        document, problems = read(path, path.name)
        assert document is not None
        assert problems == ()
        schema = dict(reference.schema(kinds.get(path.name, "desired-state")))
        assert list(Draft202012Validator(schema).iter_errors(document.data)) == [], path


def test_templates_are_accepted_in_files_and_refused_once_resolved() -> None:
    document = {"version": 1, "applies_to": "all", "service": {"config": {"port": "{{ vars.port }}"}}}
    assert check(document, "desired-state") == ()
    assert [misfit.path for misfit in check(document, "desired-state", resolved=True)] == [
        ("service", "config", "port")
    ]


def test_templates_ship_with_their_explanation() -> None:
    for path in sorted(Path(bundled.folder("templates")).glob("*.json.j2")):
        assert path.read_text("utf-8").startswith("{#-")


def words_of(source: Path) -> Iterator[str]:
    """Every text of a module that can be shown."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_what_the_program_says_to_declare_can_be_declared() -> None:
    sections = reference.schema("desired-state")["$defs"]
    declarable = {name: set(sections[name]["properties"]) for name in ("preferences", "renewals")}
    package = Path(certify_automation.__file__).parent
    sources = [path for path in package.rglob("*.py") if "lab" not in path.relative_to(package).parts]
    named = {
        match.groups()
        for path in sources
        for text in words_of(path)
        for match in re.finditer(r"\b(preferences|renewals)\.([A-Za-z_]+)", text)
    }
    assert {("preferences", "renewal_interval_mode"), ("renewals", "percent")} <= named
    assert [f"{section}.{name}" for section, name in sorted(named) if name not in declarable[section]] == []
