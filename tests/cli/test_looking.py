from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run

pytestmark = pytest.mark.usefixtures("fleet")


def test_list_shows_the_selected_hosts(run: Run) -> None:
    done = run("inventory", "list", "-C", "fleet", "-l", "web:!ring=canary")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["HOST", "web02.example.com", "web03.example.com"]


def test_list_as_json(run: Run) -> None:
    hosts = run("inventory", "list", "-C", "fleet", "--json").document()["hosts"]
    assert hosts[0]["labels"] == {"env": "prod", "ring": "canary"}
    assert hosts[0]["connection"]["password"] == "${env:CERTIFY_WINRM_PASSWORD}"


def test_graph_draws_groups_and_hosts_without_one(run: Run, fleet: Path) -> None:
    with (fleet / "inventory.yaml").open("a", encoding="utf-8") as file:
        file.write("\nhosts:\n  lone.example.com: {vars: {api_port: 1234}}\n")
    lines = run("inventory", "graph", "-C", "fleet").out.splitlines()
    assert lines[:3] == ["all", "  web", "    web01.example.com"]
    assert lines[-1] == "  lone.example.com"
    document = run("inventory", "graph", "-C", "fleet", "--json").document()
    assert document["ungrouped"] == ["lone.example.com"]


def test_show_has_references_and_never_a_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CERTIFY_WINRM_PASSWORD", "hunter2-secret")
    for flags in ((), ("--json",)):
        done = run("inventory", "show", "web01.example.com", "-C", "fleet", *flags)
        assert done.code == 0
        assert "${env:CERTIFY_WINRM_PASSWORD}" in done.out
        assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize("command", [("inventory", "show"), ("explain",)])
def test_an_unknown_host_is_an_error_with_a_suggestion(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "web1.example.com", "-C", "fleet")
    assert done.code == 5
    assert "did you mean" in done.err


def test_a_pattern_without_a_host_is_an_error(run: Run) -> None:
    done = run("inventory", "list", "-C", "fleet", "-l", "wbe")
    assert done.code == 5
    assert "CA1310" in done.err


def test_explain_shows_where_a_value_came_from_and_what_it_overrode(run: Run, fleet: Path) -> None:
    (fleet / "state" / "canary.yaml").write_text(
        "version: 1\nname: canary\napplies_to: {labels: {ring: canary}}\nservice: {config: {port: 9697}}\n",
        "utf-8",
    )
    done = run("explain", "web01.example.com", "service.config.port", "-C", "fleet")
    lines = done.out.replace("\\", "/").splitlines()
    assert lines[0] == "service.config.port = 9697"
    assert lines[1].split() == ["from", "fleet/state/canary.yaml:4:26", "labels", "ring=canary", "9697"]
    assert lines[2].split()[0] == "over"
    assert "fleet/state/baseline.yaml" in lines[2]


def test_explain_follows_a_template_to_its_variables(run: Run) -> None:
    fields = run("explain", "web01.example.com", "service.config.port", "-C", "fleet", "--json").document()["fields"]
    assert [field["path"] for field in fields] == ["service.config.port", "vars.api_port"]
    assert fields[1]["origins"][0]["value"] == 9696


def test_explain_shows_preferences_and_endpoints_by_what_they_are_known_by(run: Run, fleet: Path) -> None:
    (fleet / "state" / "web01.yaml").write_text(
        """version: 1
applies_to: {hosts: [web01.example.com]}
preferences: {ntp_server: time.example.com}
renewals:
  include: ["Büro *"]
  served: [{endpoint: "10.0.0.5:8443", sni: www.example.com, certificate: Büro Nord}]
""",
        "utf-8",
    )
    done = run("explain", "web01.example.com", "renewals", "-C", "fleet")
    assert 'renewals.include = ["Büro *"]' in done.out.splitlines()
    path = "renewals.served[10.0.0.5:8443 www.example.com].certificate"
    assert f'{path} = "Büro Nord"' in done.out.splitlines()
    (field,) = run("explain", "web01.example.com", path, "-C", "fleet", "--json").document()["fields"]
    assert (field["path"], field["value"]) == (path, "Büro Nord")
    assert '= "time.example.com"' in run("explain", "web01.example.com", "preferences", "-C", "fleet").out


def test_show_says_who_asks_the_api(run: Run) -> None:
    shown = run("inventory", "show", "web01.example.com", "-C", "fleet", "--json").document()
    assert shown["host"]["connection"]["api_access"] == "auto"


def test_explain_takes_the_beginning_of_a_path(run: Run) -> None:
    done = run("explain", "web01.example.com", "service.config", "-C", "fleet")
    assert "service.config.host" in done.out
    assert "service.state" not in done.out


def test_explain_of_something_undeclared(run: Run) -> None:
    done = run("explain", "web01.example.com", "service.config.prot", "-C", "fleet")
    assert done.code == 5
    assert "service.config.port" in done.err
