"""What the registry and Windows say, in the words they use."""

from __future__ import annotations

import pytest

from certify_automation.evidence import loopback
from certify_automation.model.accounts import account_sid, same_account
from certify_automation.model.firewall import names_of, rule_text

BLOCKS = "v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=9696|Name=x|"


@pytest.mark.parametrize(
    ("value", "blocks", "allows"),
    [
        (BLOCKS, True, False),
        (BLOCKS.replace("Active=TRUE", "Active=true"), True, False),
        (BLOCKS + "Desc=ours|EmbedCtxt=y|", True, False),
        (BLOCKS.replace("Active=TRUE", "Active=FALSE"), False, False),
        (BLOCKS.replace("Dir=In", "Dir=Out"), False, False),
        (BLOCKS.replace("Protocol=6", "Protocol=17"), False, False),
        (BLOCKS.replace("9696", "9697"), False, False),
        (BLOCKS + "LPort=9697|", False, False),
        (BLOCKS.replace("LPort=9696", "LPort2_10=9696-9697"), False, False),
        (BLOCKS + "Profile=Public|", False, False),
        (BLOCKS + "RA4=10.0.0.0/255.0.0.0|", False, False),
        (BLOCKS.replace("Block", "Allow"), False, True),
        (BLOCKS.replace("Block", "Allow") + "LPort=80|", False, True),
        (BLOCKS.replace("Block", "Allow").replace("TRUE", "FALSE"), False, False),
        ("", False, False),
        ("v2.30|nothing|=|", False, False),
    ],
)
def test_a_firewall_rule(value: str, *, blocks: bool, allows: bool) -> None:
    rule = rule_text(value)
    assert (rule.blocks(9696), rule.allows(9696)) == (blocks, allows)


def test_a_rule_names_its_port_and_itself() -> None:
    assert (rule_text(BLOCKS).port, rule_text(BLOCKS).name) == (9696, "x")
    odd = [BLOCKS.replace("9696", text) for text in ("0", "65536", "RPC", "٣")]
    assert [rule_text(one).port for one in odd] == [None] * 4
    assert names_of([rule_text(BLOCKS), rule_text(BLOCKS), rule_text("v2|")]) == "x, (without a name)"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("LocalSystem", "NT AUTHORITY\\SYSTEM", True),
        ("localsystem", ".\\LocalSystem", True),
        ("NT AUTHORITY\\LocalService", "nt authority\\LOCAL SERVICE", True),
        ("NT AUTHORITY\\NetworkService", "NetworkService", True),
        ("NT AUTHORITY\\NetworkService", "LocalService", False),
        (".\\certify", "WEB01\\Certify", True),
        ("certify", "web01\\certify", True),
        ("CORP\\certify", ".\\certify", False),
        ("CORP\\certify", "corp\\CERTIFY", True),
        ("CORP\\system", "LocalSystem", False),
        ("me@corp.com", "ME@CORP.COM", True),
        ("me@corp.com", "CORP\\me", False),
        ("NT SERVICE\\Certify", "nt service\\certify", True),
    ],
)
def test_accounts(one: str, other: str, *, same: bool) -> None:
    assert same_account(one, other, "WEB01") is same
    assert same_account(other, one, "WEB01") is same


def test_the_sid_of_a_virtual_account_is_made_of_its_name() -> None:
    installer = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert account_sid("NT SERVICE\\trustedInstaller") == installer
    assert account_sid("CORP\\TrustedInstaller") is None


@pytest.mark.parametrize(
    ("url", "v6", "v7"),
    [
        ("http://127.0.0.2:9696", True, True),
        ("http://[::1]:9696", True, True),
        ("http://localhost:9696", False, True),
        ("http://+:9696", False, False),
        ("http://*:9696", False, False),
        ("http://[::]:9696", False, False),
        ("http://0.0.0.0:9696", False, False),
        ("http://10.0.0.5:9696", False, False),
        ("http://127.0.0.300:9696", False, False),
        ("http://web01:9696", False, False),
        ("", False, False),
    ],
)
def test_what_only_the_machine_itself_can_reach(url: str, *, v6: bool, v7: bool) -> None:
    assert (loopback(url, "v6"), loopback(url, "v7")) == (v6, v7)
