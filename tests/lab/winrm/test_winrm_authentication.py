"""Every scheme on every transport, and everything that must not get in."""

from __future__ import annotations

import base64
import datetime as dt
import ssl
from pathlib import Path

import pytest
import raw_client as raw
from conftest import GUEST, LAB, OTHER, Lab, MakeLab, Pem, write_pair
from spnego.channel_bindings import GssChannelBindings

from certify_automation.lab.authority import Authority, IssuedCertificate
from certify_automation.lab.winrm import Account, ChannelBinding
from certify_automation.lab.winrm.authentication import MUTUAL, account_name, channel_bindings

IDENTITY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"
SCHEMES = ["Negotiate", "Kerberos", "CredSSP"]


def basic(name: str, password: str) -> str:
    return f"Authorization: Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def whoami(client: raw.RawClient) -> str:
    return client.run("whoami").stdout.decode()


def bindings(certificate: IssuedCertificate) -> GssChannelBindings:
    return channel_bindings(ssl.PEM_cert_to_DER_cert(certificate.certificate_pem.decode()))


def test_without_credentials_each_scheme_is_offered_on_a_line_of_its_own(lab: Lab) -> None:
    with lab.connect() as client:
        response = client.post(raw.create())
        assert (response.status, response.body) == (401, b"")
        assert response.all("WWW-Authenticate") == SCHEMES
        assert response.all("Server") == ["Microsoft-HTTPAPI/2.0"]
        assert client.post(b"").status == 401, "the connection stays open"


def test_basic_is_offered_over_https_only(lab: Lab) -> None:
    with lab.connect(secure=True) as client:
        assert client.post().all("WWW-Authenticate") == [*SCHEMES, 'Basic realm="WSMAN"']


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("mechanism", ["ntlm", "negotiate"])
def test_a_negotiate_login_lasts_as_long_as_its_connection(lab: Lab, mechanism: str, *, secure: bool) -> None:
    with lab.connect(secure=secure) as client:
        response = client.login(LAB.name, LAB.password, mechanism)
        assert (response.status, response.body) == (200, b"")
        final_tokens = response.all("WWW-Authenticate")
        assert bool(final_tokens) is (mechanism == "negotiate"), "SPNEGO ends with a token, raw NTLM does not"
        assert whoami(client) == "lab network"
    with lab.connect(secure=secure) as other:
        assert other.post(raw.create()).status == 401


@pytest.mark.parametrize("secure", [False, True])
def test_a_credssp_login_is_known_as_one_that_may_pass_on_credentials(lab: Lab, *, secure: bool) -> None:
    with lab.connect(secure=secure) as client:
        assert client.login(LAB.name, LAB.password, "credssp", "CredSSP").status == 200
        assert whoami(client) == "lab credssp"
        large = client.call(raw.send(client.open_shell(), "none", b"x" * 100_000, end="true"))
        assert large.code() == 2150858843, "a message in several encrypted parts is read whole"


def test_the_challenge_step_is_a_401_with_the_token(lab: Lab) -> None:
    with lab.connect() as client:
        negotiate = base64.b64encode(b"NTLMSSP\0\x01\0\0\0" + (0xE2088297).to_bytes(4, "little") + b"\0" * 24).decode()
        response = client.post(b"", f"Authorization: Negotiate {negotiate}")
        [challenge] = response.all("WWW-Authenticate")
        assert response.status == 401
        assert base64.b64decode(challenge.removeprefix("Negotiate ")).startswith(b"NTLMSSP\0\x02")


@pytest.mark.parametrize(
    ("user", "password"), [("lab", "wrong"), ("nobody", LAB.password), ("ELSEWHERE\\lab", LAB.password), ("lab", "")]
)
@pytest.mark.parametrize("mechanism", ["ntlm", "negotiate"])
def test_wrong_credentials_are_401_and_offer_the_schemes_again(
    lab: Lab, user: str, password: str, mechanism: str
) -> None:
    with lab.connect() as client:
        response = client.login(user, password, mechanism)
        assert (response.status, response.all("WWW-Authenticate")) == (401, SCHEMES)
        assert client.login(LAB.name, LAB.password, mechanism).status == 200, "a fresh handshake starts over"


@pytest.mark.parametrize("spelling", ["lab", "LAB", ".\\lab", "WEB01\\lab", "web01\\Lab", "lab@WEB01"])
def test_a_local_account_has_several_spellings(lab: Lab, spelling: str) -> None:
    with lab.connect() as client:
        assert client.login(spelling, LAB.password).status == 200
        assert whoami(client) == "lab network"
    with lab.connect(secure=True) as client:
        client.authorization = basic(spelling, LAB.password)
        assert client.call(raw.create()).status == 200


@pytest.mark.parametrize("name", ["CORP\\svc", "svc@corp.example"])
def test_an_account_with_a_domain_is_found_in_that_form(make_lab: MakeLab, name: str) -> None:
    lab = make_lab(accounts=(Account(name, "secret"),))
    with lab.connect() as client:
        assert client.login(name, "secret").status == 200


def test_a_new_handshake_replaces_the_login_of_a_connection(lab: Lab) -> None:
    with lab.connect() as client:
        client.login(LAB.name, LAB.password)
        assert whoami(client) == "lab network"
        client.login(OTHER.name, OTHER.password)
        assert whoami(client) == "other network"
        assert client.login(LAB.name, "wrong").status == 401
        client.context = None
        assert client.post(raw.create()).status == 401, "the failed login ended the earlier one"


@pytest.mark.parametrize(
    "header",
    [
        "Negotiate",
        "Negotiate ====",
        "Negotiate TlRMTVNTUAABAAAA",
        "Negotiate TlRMTVNTUAADAAAA",
        "Negotiate YII=",
        "Negotiate AAAA",
        "CredSSP AAAA",
        "Kerberos YII=",
        "Digest x",
        "",
        "Basic bGFi",
        "Basic !",
        MUTUAL,
    ],
)
@pytest.mark.parametrize("secure", [False, True])
def test_malformed_credentials_are_401(lab: Lab, header: str, *, secure: bool) -> None:
    with lab.connect(secure=secure) as client:
        response = client.post(raw.create(), f"Authorization: {header}")
        assert (response.status, response.body) == (401, b"")


def test_a_body_in_clear_over_http_is_401_even_when_logged_in(lab: Lab) -> None:
    with lab.connect() as client:
        client.login(LAB.name, LAB.password)
        for _ in range(2):
            response = client.post(raw.create())
            assert (response.status, response.body, response.all("WWW-Authenticate")) == (401, b"", SCHEMES)
    assert not lab.computer.started


def test_over_https_a_message_may_be_sealed_or_not(lab: Lab) -> None:
    with lab.connect(secure=True) as client:
        client.login(LAB.name, LAB.password)
        assert client.call(raw.create()).status == 200
        plain = client.post(raw.create(), "Content-Type: application/soap+xml;charset=UTF-8")
        assert plain.status == 200
        assert "ShellId" in plain.text


def test_over_https_the_body_counts_only_once_the_handshake_is_complete(lab: Lab) -> None:
    with lab.connect(secure=True) as client:
        client.login(LAB.name, LAB.password)
    with lab.connect(secure=True) as client:
        assert client.post(raw.create()).status == 401
        client.login(LAB.name, LAB.password)
        assert client.call(raw.create()).status == 200


@pytest.mark.parametrize(("secure", "status"), [(False, 401), (True, 200)])
def test_basic_counts_over_https_only(lab: Lab, status: int, *, secure: bool) -> None:
    with lab.connect(secure=secure) as client:
        assert client.post(raw.create(), basic(LAB.name, LAB.password)).status == status


def test_basic_is_asked_for_with_each_request(lab: Lab) -> None:
    with lab.connect(secure=True) as client:
        assert client.post(raw.create(), basic(LAB.name, LAB.password)).status == 200
        assert client.post(raw.create()).status == 401
        assert client.post(raw.create(), basic(LAB.name, "wrong")).status == 401


def client_tls(pair: tuple[Path, Path], authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(*map(str, pair))
    return context


def test_a_client_certificate_logs_in_the_account_it_names(lab: Lab, pem: Pem) -> None:
    with lab.connect(secure=True, tls=client_tls((pem.certificate, pem.key), pem.authority)) as client:
        assert client.post(raw.create()).status == 401, "the header has to ask for it"
        client.authorization = f"Authorization: {MUTUAL}"
        assert whoami(client) == "lab network"


def test_a_certificate_for_an_unknown_account_is_401(lab: Lab, authority: Authority, pem: Pem, tmp_path: Path) -> None:
    pair = write_pair(authority.issue_client("nobody"), tmp_path)
    with lab.connect(secure=True, tls=client_tls(pair, pem.authority)) as client:
        assert client.post(raw.create(), f"Authorization: {MUTUAL}").status == 401


@pytest.mark.parametrize("kind", ["of another authority", "for servers"])
def test_a_certificate_that_is_not_for_clients_of_this_lab_ends_the_connection(
    lab: Lab, certificate: IssuedCertificate, pem: Pem, tmp_path: Path, kind: str
) -> None:
    stranger = Authority(dt.datetime.now(dt.UTC), name="stranger").issue_client("lab")
    pair = write_pair(certificate if kind == "for servers" else stranger, tmp_path)
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        lab.connect(secure=True, tls=client_tls(pair, pem.authority)) as client,
    ):
        client.post(raw.create(), f"Authorization: {MUTUAL}")


def test_a_certificate_without_a_principal_names_no_account(certificate: IssuedCertificate) -> None:
    assert account_name(ssl.PEM_cert_to_DER_cert(certificate.certificate_pem.decode())) is None


@pytest.mark.parametrize(
    "case",
    [
        (ChannelBinding.STRICT, "right", 200),
        (ChannelBinding.STRICT, "none", 401),
        (ChannelBinding.STRICT, "wrong", 401),
        (ChannelBinding.RELAXED, "right", 200),
        (ChannelBinding.RELAXED, "none", 200),
        (ChannelBinding.RELAXED, "wrong", 401),
        (ChannelBinding.NONE, "wrong", 200),
    ],
)
@pytest.mark.parametrize("mechanism", ["ntlm", "negotiate"])
def test_channel_bindings(
    make_lab: MakeLab, certificate: IssuedCertificate, case: tuple[ChannelBinding, str, int], mechanism: str
) -> None:
    level, sent, status = case
    lab = make_lab(channel_binding=level)
    wrong = GssChannelBindings(application_data=b"tls-server-end-point:" + b"x" * 32)
    proof = {"right": bindings(certificate), "none": None, "wrong": wrong}[sent]
    with lab.connect(secure=True) as client:
        assert client.login(LAB.name, LAB.password, mechanism, channel_bindings=proof).status == status
        if status == 200:
            assert client.call(raw.create()).status == 200


def test_who_is_no_administrator_logs_in_but_gets_no_shell(lab: Lab) -> None:
    with lab.connect() as client:
        assert client.login(GUEST.name, GUEST.password).status == 200
        response = client.call(raw.create())
        assert (response.status, response.code()) == (500, 5)


def test_the_same_name_has_its_own_password_on_each_host(make_lab: MakeLab) -> None:
    first = make_lab(accounts=(Account("svc", "one"),))
    second = make_lab(accounts=(Account("svc", "two"),))
    for lab, right, wrong in ((first, "one", "two"), (second, "two", "one")):
        with lab.connect() as client:
            assert client.login("svc", wrong).status == 401
            assert client.login("svc", right).status == 200


def test_a_host_without_accounts_lets_nobody_in(make_lab: MakeLab) -> None:
    with make_lab(accounts=()).connect() as client:
        assert client.login(LAB.name, LAB.password).status == 401


def test_identify_needs_no_login(lab: Lab) -> None:
    body = raw.envelope("", f'<i:Identify xmlns:i="{IDENTITY}"/>')
    with lab.connect() as client:
        response = client.post(body, "WSMANIDENTIFY: unauthenticated")
        assert response.status == 200
        assert "OS: 0.0.0" in response.find(r"ProductVersion>(.*?)<")
        assert client.post(raw.create(), "WSMANIDENTIFY: unauthenticated").status == 400
        assert client.post(b"<", "WSMANIDENTIFY: unauthenticated").status == 400


def test_a_password_shows_in_no_repr() -> None:
    assert "Pass" not in repr(LAB)
