"""One visit of `certs` and of `verify` to simulated hosts in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify_automation.certificates import Expected, certificates_host, served_host, verify_endpoints
from certify_automation.desired import DesiredHost
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.hosts import HostSpec
from certify_automation.model.certificate import Verdict
from certify_automation.model.host_report import HostStatus
from certify_automation.model.renewal import Served
from certify_automation.renewal import Filters
from certify_automation.verify import Roots
from planning.on_the_lab import LabSession, built, declared

YEAR_MS = 365 * 86_400_000
CERTIFICATES = (
    CertificateSpec("www.example.com", state="overdue", endpoint="www.example.com:443"),
    CertificateSpec("api.example.com"),
)


def scene(folder: Path, generation: str = "v6") -> tuple[DesiredHost, LabSession]:
    spec = HostSpec(f"{generation}.example.com", generation, certificates=CERTIFICATES)
    return declared(folder, [spec]).hosts[spec.name], LabSession(built(spec, 0))


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_one_visit_that_leaves_nothing_lists_them_by_the_clock_of_the_host(generation: str, tmp_path: Path) -> None:
    host, session = scene(tmp_path, generation)
    seen = certificates_host(host, session, now_utc_ms=round(session.host.computer.clock.now().timestamp() * 1000))
    assert session.scripts == ["Inventory"]
    assert {one.certificate.name: one.is_due for one in seen.listing.certificates} == {
        "www.example.com": True,
        "api.example.com": False,
    }
    assert (seen.report.status, seen.warnings, seen.access) == (HostStatus.OK, (), "task")

    before = session.host.computer.dump()  # with the folder of this program, which is there from now on
    late = certificates_host(host, session, now_utc_ms=seen.clock_utc_ms + YEAR_MS)
    assert session.host.computer.dump() == before
    assert [one.why for one in late.listing.certificates] == [one.why for one in seen.listing.certificates]
    assert [warning.id for warning in late.warnings] == ["CA3062"]
    assert "525600 minutes behind" in late.warnings[0].message
    assert (
        certificates_host(host, session, Filters(domain="api.*")).listing.certificates[0].certificate.name
        == "api.example.com"
    )


def test_an_api_that_does_not_answer_is_an_error_of_the_host(tmp_path: Path) -> None:
    host, session = scene(tmp_path)
    session.host.computer.services.stop("Certify.Service")
    session.host.computer.clock.advance(60)
    session.host.computer.services.settle()
    seen = certificates_host(host, session)
    report, inventory = served_host(host, session)
    for found in (seen.report, report):
        assert found.status is HostStatus.FAILED
        assert found.error is not None
        assert (found.error.id, found.exit_code) == ("CA3076", 3)
        assert found.error.hint
    assert seen.listing.certificates == ()
    assert inventory.tls is not None  # Windows itself could be asked


def test_what_verify_asks_of_a_host_has_its_bindings(tmp_path: Path) -> None:
    host, session = scene(tmp_path)
    report, inventory = served_host(host, session)
    assert report.status is HostStatus.OK
    assert inventory.tls is not None
    assert [binding.name for binding in inventory.tls.bindings] == ["www.example.com:443"]
    assert session.scripts == ["Inventory"]


def test_an_endpoint_that_several_declare_is_held_against_each(tmp_path: Path) -> None:
    host, session = scene(tmp_path)
    _, inventory = served_host(host, session)
    served = Served("127.0.0.1", 1, "www.example.com", "www.example.com")
    expected = [Expected("a", served, inventory), Expected("b", served), Expected("c", served, inventory)]
    found = verify_endpoints(expected, Roots(()), 0)
    assert [one.verdict for one in found] == [Verdict.NOT_REACHABLE] * 3
    assert [bool(one.managed_thumbprint) for one in found] == [True, False, True]
    assert verify_endpoints([], Roots(()), 0) == ()
