"""A host that could not be examined is one finding, with what its error proves."""

from __future__ import annotations

import pytest

from certify_automation.doctor import unreached
from certify_automation.errors import (
    AuthenticationRefused,
    HostError,
    NotTrusted,
    ProtocolError,
    ScriptRefused,
    TimedOut,
    Unreachable,
)
from certify_automation.model.finding import Repair


@pytest.mark.parametrize(
    ("error", "finding_id"),
    [
        (Unreachable("CA2002", "web01: nothing listens there", hint="is WinRM set up?"), "CA6001"),
        (Unreachable("CA2001", "web01: the name has no address"), "CA6001"),
        (TimedOut("CA2005", "web01: no answer in time"), "CA6001"),
        (Unreachable("CA2025", "web01: the listener turns this computer away (HTTP 403)"), "CA6002"),
        (AuthenticationRefused("CA2010", "web01: refused the password"), "CA6002"),
        (NotTrusted("CA2017", "web01: the certificate has expired"), "CA6002"),
        (ScriptRefused("CA2102", "web01: no administrator"), "CA6003"),
        (ProtocolError("CA2021", "web01: not a WinRM service"), "CA6003"),
    ],
)
def test_every_error_is_one_finding(error: HostError, finding_id: str) -> None:
    (one,) = unreached(error)
    assert one.id == finding_id
    assert one.repair is Repair.PERSON
    assert one.person
    assert error.message in one.cause
    assert [proof.text for proof in one.evidence] == [str(error)]
    assert (error.hint[1:] if error.hint else "WinRM") in one.fix or finding_id != "CA6001"


def test_what_cuts_winrm_is_named_with_the_ways_around() -> None:
    (one,) = unreached(Unreachable("CA2003", "web01: no connection came about in time", hint="is the host on?"))
    for cause in ("HTTP driver", "IP listen list", "firewall", "certificate"):
        assert cause in one.cause
    for way in ("Is the host on?", "sc.exe", "schtasks", "ListenOnlyList", "doctor --bundle"):
        assert way in one.fix


def test_a_name_without_an_address_says_nothing_of_the_server() -> None:
    (one,) = unreached(Unreachable("CA2001", "web01: the name has no address"))
    assert "driver" not in one.cause
