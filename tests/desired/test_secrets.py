"""References to secrets: read late, named when missing, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from certify_automation.desired import DesiredHost, connect_secrets, load
from certify_automation.errors import ConfigurationError
from desired.cases import write

PASSWORD = "correct horse"


def host(folder: Path, connection: str) -> DesiredHost:
    inventory = f"version: 1\nhosts:\n  web01: {{connection: {connection}}}\n"
    write(folder, {"inventory": inventory, "state": "version: 1\napplies_to: all\n"})
    return load(folder, environ={}).hosts["web01"]


def test_a_password_from_the_environment(tmp_path: Path) -> None:
    found = host(tmp_path, '{username: "${env:WHO}", password: "${env:P_W}"}')
    connection = connect_secrets(found, {"P_W": PASSWORD, "WHO": "CORP\\svc"})
    assert connection.password is not None
    assert connection.password.reveal() == PASSWORD
    assert connection.username == "CORP\\svc"
    assert PASSWORD not in f"{connection}{connection!r}{found!r}"
    assert "${env:P_W}" in repr(connection)


@pytest.mark.parametrize(
    "content", [b"correct horse", b"correct horse\n", b"correct horse\r\n", b"\xef\xbb\xbfcorrect horse\n"]
)
def test_a_password_from_a_file_beside_the_inventory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pw").write_bytes(content)
    connection = connect_secrets(host(tmp_path, '{password: "${file:pw}"}'), {})
    assert connection.password is not None
    assert connection.password.reveal() == PASSWORD


@pytest.mark.parametrize(
    ("reference", "environ", "why"),
    [
        ("${env:P_W}", {}, "P_W"),
        ("${env:P_W}", {"P_W": ""}, "empty"),
        ("${file:nowhere}", {}, "nowhere"),
        ("${file:empty}", {}, "empty"),
        ("${file:binary}", {}, "not UTF-8"),
        ("${file:large}", {}, "larger than"),
    ],
)
def test_a_missing_secret_is_named_with_its_place(
    tmp_path: Path, reference: str, environ: dict[str, str], why: str
) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00" + PASSWORD.encode())
    (tmp_path / "large").write_bytes(PASSWORD.encode() * 10_000)
    found = host(tmp_path, f'{{password: "{reference}"}}')
    with pytest.raises(ConfigurationError) as caught:
        connect_secrets(found, environ)
    (problem,) = caught.value.problems
    assert problem.id == "CA1501"
    assert why in problem.message
    assert reference in problem.message
    assert "password of web01" in problem.message
    assert problem.position is not None
    assert (problem.position.line, problem.position.column) == (3, 34)
    assert PASSWORD not in str(problem)


def test_every_missing_secret_is_named_at_once(tmp_path: Path) -> None:
    found = host(tmp_path, '{username: "${env:A}", password: "${env:B}"}')
    with pytest.raises(ConfigurationError) as caught:
        connect_secrets(found, {})
    assert len(caught.value.problems) == 2


def test_nothing_is_read_without_need(tmp_path: Path) -> None:
    found = host(tmp_path, '{password: "${file:not-there}"}')
    assert found.connection.password is None
