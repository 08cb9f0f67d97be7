"""What a host answers of certificates, held against the contract; the wire is left out."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from certify_automation import bundled, onhost
from certify_automation.errors import OutcomeUnknown, ProtocolError
from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.hosts import HostSpec, build
from certify_automation.lab.onhost import Visit, answer
from certify_automation.lab.windows.clock import StillClock
from certify_automation.model.certificate import CertificateInventory
from certify_automation.model.host import ApiAccess, Endpoint
from certify_automation.model.plan import ObserveRequest, Origin
from certify_automation.model.renewal import CertificateRenew, PreferenceSet, RenewalStatus
from certify_automation.model.renewal_request import ApiQuestion, RenewRequest
from certify_automation.remote.inventory import take_inventory
from certify_automation.remote.renew import renew

REQUEST = ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,))
RUN = "0123456789abcdef" * 2
MANAGED = (CertificateSpec("www.example.com", state="overdue"), CertificateSpec("api.example.com"))


class LabSession:
    """A Session whose host is a simulated computer; keeps what it was sent and what it answered."""

    def __init__(self, generation: str = "v6") -> None:
        clock = StillClock(dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
        self.host = build(HostSpec("web01", generation, certificates=MANAGED), 0, clock)
        self.sent: list[tuple[str, dict[str, Any], bool]] = []
        self.answered: dict[str, Any] = {}

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        sent = json.loads(json.dumps(parameters))
        self.sent.append((script.name, sent, acts))
        self.answered = answer(Visit(self.host.computer), script.name, sent, deadline_seconds=240)["value"]
        return self.answered


class Says:
    """A Session that answers with one value, or raises."""

    def __init__(self, value: object) -> None:
        self.value = value

    def run(self, script: onhost.Script, parameters: Mapping[str, object], *, acts: bool) -> Mapping[str, object]:
        del script, parameters, acts
        if isinstance(self.value, Exception):
            raise self.value
        return self.value  # type: ignore[return-value] - whatever a host may send


def check(schema: str, document: object) -> None:
    """That a document is as the contract says."""
    names = ("plan", "facts", schema)
    *others, own = (Resource.from_contents(json.loads(bundled.text("schemas", f"{n}.schema.json"))) for n in names)
    Draft202012Validator(own.contents, registry=others @ Registry()).validate(document)


def inventory(session: LabSession) -> CertificateInventory:
    found = take_inventory(session, REQUEST, ApiAccess.TASK).certificates
    assert found is not None
    return found


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_an_inventory_says_that_it_does_not_act(generation: str) -> None:
    session = LabSession(generation)
    found = inventory(session)
    ((name, sent, acts),) = session.sent
    assert (name, acts) == ("Inventory", False)
    check("inventory-request", sent)
    assert (found.failure, found.total, found.tls) == (None, 2, None)
    assert sorted(one.name for one in found.certificates or ()) == ["api.example.com", "www.example.com"]


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_a_renewal_says_that_it_acts(generation: str) -> None:
    session = LabSession(generation)
    one = next(one for one in inventory(session).certificates or () if one.name == "www.example.com")
    change = CertificateRenew(
        one.id,
        one.name,
        one.identifiers,
        "letsencrypt.org",
        staging=False,
        reason="due",
        attempted_utc_ms=one.attempted_utc_ms,
        thumbprint=one.thumbprint,
    )
    preference = PreferenceSet("enableStatusReporting", before=True, after=False)
    question = ApiQuestion(ApiAccess.TASK)
    done = renew(session, RenewRequest(RUN, Origin("ann@ctl01"), REQUEST, question, (preference, change)))
    name, sent, acts = session.sent[-1]
    assert (name, acts) == ("Renew", True)
    check("renew", sent)
    assert (done.preferences, [result.status for result in done.renewals]) == ("done", [RenewalStatus.RENEWED])
    assert done.facts is not None
    assert done.facts.certificates is not None
    assert done.facts.certificates.preferences is not None
    assert done.facts.certificates.preferences["enableStatusReporting"] is False


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("certificates", "access"), "somebody"),
        (("certificates", "items", 0, "id"), 1),
        (("certificates", "items", 0, "expiry_utc_ms"), "2026-01-01T00:00:00Z"),
        (("certificates", "preferences"), [1]),
        (("certificates", "failure"), {"code": "new", "message": "", "request": "", "status": None}),
        (("certificates", "items", 0, "interval_target"), "soon"),
    ],
)
def test_an_answer_that_is_not_of_the_contract(path: tuple[str | int, ...], value: object) -> None:
    session = LabSession()
    inventory(session)
    document = copy.deepcopy(session.answered)
    part: Any = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    with pytest.raises(ProtocolError, match=r"CA209[45]"):
        take_inventory(Says(document), REQUEST, ApiAccess.TASK)


def test_an_answer_without_certificates_is_none() -> None:
    session = LabSession()
    inventory(session)
    document = {name: value for name, value in session.answered.items() if name != "certificates"}
    with pytest.raises(ProtocolError, match="CA2096"):
        take_inventory(Says(document), REQUEST, ApiAccess.TASK)


def test_what_was_sent_and_never_answered_is_named() -> None:
    question = ApiQuestion(ApiAccess.TASK)
    change = PreferenceSet("renewalIntervalDays", 75, 60)
    request = RenewRequest(RUN, Origin("ann@ctl01"), REQUEST, question, (change,))
    with pytest.raises(OutcomeUnknown, match="preference renewalIntervalDays; it may be under way"):
        renew(Says(OutcomeUnknown("CA2030", "connection lost")), request)
