"""What expressions see of a host: every documented name, whatever the host is like, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from planning.computer import Computer

from certify_automation.desired import DesiredHost
from certify_automation.desired.expressions import evaluated, holds
from certify_automation.desired.facts_view import FACTS, VIEW, facts_view, known_names
from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, RequestState
from certify_automation.model.facts import Facts, HostFacts, ListenListFacts, LockFacts, ProductFacts
from certify_automation.model.finding import Finding, Repair, Severity
from desired.cases import outcome, write

DECLARED = "version: 1\napplies_to: all\nservice: {config: {port: 9800}}\n"
NOTHING = Facts(
    HostFacts(
        "WEB01", "10.0.20348", "5.1", "Desktop", "FullLanguage", administrator=True, culture="en-US", clock_utc_ms=0
    ),
    ProductFacts(),
    None,
    {},
    ListenListFacts(None, None, 1),
    (),
    (),
    (),
    {},
    (),
    (),
    (),
    None,
    LockFacts(held=False, holder=None),
)


def host(folder: Path, state: str = "version: 1\napplies_to: all\n") -> DesiredHost:
    write(folder, {"state": state})
    fleet, _ = outcome(folder)
    assert fleet is not None
    return fleet.hosts["web01"]


def names(view: object, above: str = "") -> set[str]:
    """Dotted names of everything that is no mapping."""
    if not isinstance(view, Mapping):
        return {above}
    return {name for key, value in view.items() for name in names(value, f"{above}.{key}" if above else str(key))}


def finding(finding_id: str) -> Finding:
    return Finding(finding_id, Severity.ERROR, "t", "s", "c", (), "f", "r", Repair.PERSON)


@pytest.mark.parametrize(
    "facts",
    [NOTHING, Computer().started().facts(), Computer("v7").started().facts(), Computer(state="Stopped").facts()],
    ids=["nothing installed", "v6", "v7", "stopped"],
)
def test_every_documented_name_is_there_whatever_the_host_is_like(facts: Facts, tmp_path: Path) -> None:
    view = facts_view(facts, (), host(tmp_path), {"port": 1})
    assert names(view["facts"], "facts") == set(FACTS)
    assert names({name: view[name] for name in ("findings",)}) == {"findings"}
    assert set(view) == {name.partition(".")[0] for name in VIEW}
    for name in FACTS:
        value = evaluated(f"{{{{ {name} }}}}", view)
        assert value is None or isinstance(value, bool | int | str | list), name


def test_the_documented_names_are_those_that_are_checked_before_a_run() -> None:
    known = known_names({"port": 1})
    assert names(known) - {"parameters.port"} == set(VIEW) - {"parameters"}
    assert known["parameters"] == {"port": None}


def test_what_a_running_service_shows(tmp_path: Path) -> None:
    computer = Computer(files={"serviceconfig": b'{"Host": "127.0.0.1", "Port": 9700}', "servers": None})
    computer.files["appsettings_core"] = None
    view = facts_view(computer.started().facts(), (), host(tmp_path, DECLARED), {})
    for expression in (
        "facts.product.installed and facts.product.generation == 'v6' and facts.product.major == 6",
        "facts.service.state == 'running' and facts.service.account == 'LocalSystem'",
        "facts.configured.host == '127.0.0.1' and facts.configured.port == 9700 and not facts.configured.https",
        "facts.target.host == '127.0.0.1' and facts.target.port == 9800",  # the port is declared, the host is not
        "facts.api.answers and facts.api.urls == ['http://127.0.0.1:9700'] and not facts.api.exposed",
        "facts.http_sys.listen_list == [] and facts.certificates.total is none",
        "host.name == 'web01' and 'web' in host.groups",
    ):
        assert holds(expression, view), expression


def test_a_host_without_the_product_has_no_version(tmp_path: Path) -> None:
    view = facts_view(NOTHING, (), host(tmp_path), {})
    assert holds("not facts.product.installed and facts.product.major is none and not facts.api.answers", view)
    assert holds("facts.configured.port == 9696 and facts.driver.state is none", view)
    odd = facts_view(replace(NOTHING, product=ProductFacts(version="next")), (), host(tmp_path), {})
    assert holds("facts.product.version == 'next' and facts.product.major is none", odd)


def test_findings_go_by_id_and_by_name(tmp_path: Path) -> None:
    view = facts_view(NOTHING, [finding("CA6101"), finding("CA6101"), finding("CA6205")], host(tmp_path), {})
    assert view["findings"] == ["CA6101", "CA6205", "files_disagree", "driver_stopped"]


def test_certificates_are_counted_only_where_all_were_told(tmp_path: Path) -> None:
    day = 86_400_000
    items = (
        ManagedCertificate("a", "a", ("a.example.com",)),
        ManagedCertificate("b", "b", status=RequestState.ERROR, failures=9, expiry_utc_ms=day, renewed_utc_ms=1),
    )
    told = CertificateInventory("caller", preferences={}, total=2, certificates=items)
    facts = replace(NOTHING, host=replace(NOTHING.host, clock_utc_ms=2 * day), certificates=told)
    view = facts_view(facts, (), host(tmp_path), {})
    assert evaluated("{{ facts.certificates }}", view) == {"total": 2, "due": 1, "failing": 1, "expired": 1}
    silent = replace(facts, certificates=CertificateInventory("caller"))
    assert facts_view(silent, (), host(tmp_path), {})["facts"]["certificates"]["total"] is None  # type: ignore[index]


def test_without_a_visit_there_are_no_facts(tmp_path: Path) -> None:
    view = facts_view(None, (), host(tmp_path), {"port": 1})
    assert set(view) == {"host", "parameters"}
    assert holds("parameters.port == 1", view)
