"""What a host answers to an examination, held against the contract; the wire is left out."""

from __future__ import annotations

import json

import pytest
from test_inventory_renew import REQUEST, LabSession, Says

from certify_automation.errors import ProtocolError
from certify_automation.model.codec import facts_from_json
from certify_automation.model.host import ApiAccess
from certify_automation.remote.examine import examine, examine_raw


@pytest.mark.parametrize("generation", ["v6", "v7"])
def test_one_visit_brings_everything(generation: str) -> None:
    session = LabSession(generation)
    facts, raw = examine_raw(session, REQUEST, ApiAccess.TASK)
    question = {"observe": REQUEST.to_json(), "certificates": {"access": "task", "tls": False}}
    assert session.sent == [("Examine", question, False)]
    assert facts.examination is not None
    assert facts.examination.settings is not None
    assert b"InstanceId" in (facts.examination.settings.content or b"")
    assert facts.certificates is not None
    assert facts.certificates.total == 2
    assert facts_from_json(json.loads(json.dumps(raw))) == facts, "what is kept can be read again"


def test_looking_changes_nothing() -> None:
    session = LabSession()
    examine(session, REQUEST, ApiAccess.CALLER)
    before = session.host.computer.dump()
    examine(session, REQUEST, ApiAccess.CALLER)
    assert session.host.computer.dump() == before


@pytest.mark.parametrize("missing", ["certificates", "examination"])
def test_an_answer_without_a_part_is_none(missing: str) -> None:
    session = LabSession()
    examine(session, REQUEST, ApiAccess.TASK)
    document = {name: value for name, value in session.answered.items() if name != missing}
    with pytest.raises(ProtocolError, match="CA2097"):
        examine(Says(document), REQUEST, ApiAccess.TASK)


def test_an_answer_of_another_shape_is_refused() -> None:
    session = LabSession()
    examine(session, REQUEST, ApiAccess.TASK)
    document = json.loads(json.dumps(session.answered))
    document["examination"]["disks"] = None
    with pytest.raises(ProtocolError, match="CA2094"):
        examine(Says(document), REQUEST, ApiAccess.TASK)
