"""The WinRS conversation, message by message, and the faults that answer what must not be."""

from __future__ import annotations

import threading

import pytest
import raw_client as raw
from conftest import LAB, OTHER, Lab
from raw_client import RawClient

from certify_automation.lab.winrm import WireFault, WireFaultKind

CONFIG = "http://schemas.microsoft.com/wbem/wsman/1/config"


def test_create_answers_with_the_shell(client: RawClient) -> None:
    message = raw.create()
    response = client.call(message)
    shell = response.find(r'<w:Selector Name="ShellId">(.*?)<')
    assert response.status == 200
    assert response.find(r"<rsp:ShellId>(.*?)<") == shell
    assert response.find(r"<rsp:Owner>(.*?)<") == "lab"
    assert response.find(r"<rsp:ClientIP>(.*?)<") == "127.0.0.1"
    assert response.find(r"<rsp:IdleTimeOut>(.*?)<") == "PT7200.000S"
    assert response.find(r"<a:Action>(.*?)<") == f"{raw.TRANSFER}/CreateResponse"
    assert response.find(r"<a:RelatesTo>(.*?)<") == raw.message_id(message)


def test_the_message_id_comes_back_verbatim(client: RawClient) -> None:
    odd = "UUID:aBc &amp; &lt;d&gt;"
    assert client.call(raw.create(id=odd)).find(r"<a:RelatesTo>(.*?)</a") == odd
    assert client.call(raw.envelope("urn:nothing", id=odd)).find(r"<a:RelatesTo>(.*?)</a") == odd


@pytest.mark.parametrize(
    ("asked", "granted"),
    [("PT300S", "PT300.000S"), ("PT1S", "PT60.000S"), ("P9D", "PT7200.000S"), ("PT1H", "PT3600.000S")],
)
def test_the_idle_timeout_is_kept_within_bounds(client: RawClient, asked: str, granted: str) -> None:
    body = f"<shell:Shell><shell:IdleTimeOut>{asked}</shell:IdleTimeOut></shell:Shell>"
    assert client.call(raw.create(body)).find(r"<rsp:IdleTimeOut>(.*?)<") == granted


def test_a_command_runs_and_ends(client: RawClient) -> None:
    assert client.run("exit 17").exit_code == 17
    assert client.run("exit 3221225786").exit_code == 3221225786
    received = client.run("zeros 10")
    assert (received.stdout, received.stderr, received.exit_code) == (b"0" * 10, b"all zeros", 0)


def test_arguments_are_joined_with_blanks_in_whatever_number_of_elements(client: RawClient) -> None:
    shell = client.open_shell()
    body = "<shell:CommandLine><shell:Command>a</shell:Command>{}</shell:CommandLine>"
    for arguments in (["b", "c"], ["b c"]):
        elements = "".join(f"<shell:Arguments>{text}</shell:Arguments>" for text in arguments)
        started = client.call(raw.envelope(f"{raw.SHELL}/Command", body.format(elements), shell))
        assert client.finish(shell, started.find("CommandId>(.*?)<")).stdout == b"a b c"


def test_the_shell_gives_its_processes_environment_folder_and_codepage(client: RawClient) -> None:
    body = (
        '<shell:Shell><shell:Environment><shell:Variable Name="A">1 &amp; 2</shell:Variable>'
        '<shell:Variable Name="B"/></shell:Environment>'
        "<shell:WorkingDirectory>C:\\Temp</shell:WorkingDirectory></shell:Shell>"
    )
    options = '<man:OptionSet><man:Option Name="WINRS_CODEPAGE">65001</man:Option></man:OptionSet>'
    shell = client.open_shell(body, options=options)
    seen = client.finish(shell, client.start(shell, "set")).stdout.decode()
    assert seen == repr(({"A": "1 & 2", "B": ""}, "C:\\Temp", 65001))


@pytest.mark.parametrize("end", ["true", "True", "1"])
def test_standard_input_ends_with_the_send_that_says_so(client: RawClient, end: str) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    assert client.call(raw.send(shell, started, b"one ")).status == 200
    assert client.call(raw.send(shell, started, b"\xfftwo", end=end)).status == 200
    assert client.finish(shell, started).stdout == b"one \xfftwo"


def test_a_process_may_answer_each_piece_of_input(client: RawClient) -> None:
    shell = client.open_shell()
    started = client.start(shell, "chat")
    for word in (b"hello", b"again"):
        client.call(raw.send(shell, started, word))
        received = client.receive(shell, started)
        assert (received.stdout, received.exit_code) == (b"<" + word + b">", None)
    client.call(raw.send(shell, started, b"", end="true"))
    assert client.receive(shell, started).exit_code == 0


def test_input_for_an_ended_process_finds_the_pipe_broken(client: RawClient) -> None:
    shell = client.open_shell()
    started = client.start(shell, "exit 0")
    client.finish(shell, started)
    assert client.call(raw.send(shell, started, b"late")).code() == 109


@pytest.mark.parametrize("size", [8192, 20_000, 153_600])
def test_an_answer_fits_the_envelope_the_client_announced(client: RawClient, size: int) -> None:
    shell = client.open_shell()
    started = client.start(shell, "zeros 400000")
    stdout, answers, code = b"", 0, None
    while code is None:
        response = client.call(raw.receive(shell, started, size=str(size)))
        assert len(response.body) <= size
        received = raw.Received.of(response)
        stdout, answers, code = stdout + received.stdout, answers + 1, received.exit_code
    assert stdout == b"0" * 400_000
    assert 400_000 * 4 / 3 / size <= answers <= 2 + 400_000 * 4 / 3 / (size - 2400)


def test_a_smaller_envelope_than_8192_is_refused(client: RawClient) -> None:
    assert client.call(raw.create(size="8191")).code() == 2150858805
    assert client.call(raw.create(size="many")).code() == 2150858817


def test_a_receive_that_brings_nothing_times_out_and_loses_nothing(client: RawClient) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    response = client.call(raw.receive(shell, started, timeout="PT0.05S"))
    assert (response.status, response.code()) == (500, 2150858793)
    assert response.find("<s:Subcode><s:Value>(.*?)<") == "w:TimedOut"
    assert response.find("<a:Action>(.*?)<") == "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
    client.call(raw.send(shell, started, b"kept", end="true"))
    assert client.finish(shell, started).stdout == b"kept"


@pytest.mark.parametrize("code", ["signal/terminate", "signal/Terminate"])
def test_terminate_kills_the_process_and_forgets_the_command(client: RawClient, lab: Lab, code: str) -> None:
    shell = client.open_shell()
    started = client.start(shell, "hang")
    assert client.receive(shell, started).stdout == b"hanging"
    assert client.call(raw.signal(shell, started, f"{raw.SHELL}/{code}")).status == 200
    assert lab.computer.cleaned_up == [False]
    assert client.call(raw.receive(shell, started)).code() == 2150858843


@pytest.mark.parametrize("code", ["signal/ctrl_c", "signal/ctrl_break", "../powershell/signal/ctrl_c"])
def test_ctrl_c_lets_the_process_clean_up(client: RawClient, lab: Lab, code: str) -> None:
    shell = client.open_shell()
    started = client.start(shell, "hang")
    client.receive(shell, started)
    assert client.call(raw.signal(shell, started, f"{raw.SHELL}/{code}")).status == 200
    assert client.finish(shell, started).exit_code == 0xC000013A
    assert lab.computer.cleaned_up == [True]


def test_ctrl_c_that_comes_with_the_command_ends_it(client: RawClient, lab: Lab) -> None:
    lab.endpoint.faults.add(WireFault(WireFaultKind.SLOW_START, seconds=60))
    shell = client.open_shell()
    body = '<shell:CommandLine CommandId="A"><shell:Command>cat</shell:Command></shell:CommandLine>'
    both = (raw.envelope(f"{raw.SHELL}/Command", body, shell), raw.signal(shell, "A", f"{raw.SHELL}/signal/ctrl_c"))
    client.write(b"".join(client.sealed(message) for message in both))
    assert [client.opened(client.response()).status for _ in both] == [200, 200]
    assert client.finish(shell, "A").exit_code == 0xC000013A
    assert not lab.computer.started


@pytest.mark.parametrize("message", ["terminate", "delete"])
def test_a_receive_that_waits_is_aborted_with_its_command(client: RawClient, lab: Lab, message: str) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    client.write(client.sealed(raw.receive(shell, started)))
    with lab.connect() as second:
        second.login(LAB.name, LAB.password)
        busy = second.call(raw.receive(shell, started))
        assert busy.code() == 2150858802, "one Receive at a time"
        ended = second.call(raw.signal(shell, started) if message == "terminate" else raw.delete(shell))
        assert ended.status == 200
    assert client.opened(client.response()).code() == 995


@pytest.mark.parametrize("secure", [False, True])
def test_a_receive_whose_client_has_gone_is_given_up(lab: Lab, *, secure: bool) -> None:
    with lab.logged_in(secure=secure) as first:
        shell = first.open_shell()
        started = first.start(shell, "cat")
        first.write(first.sealed(raw.receive(shell, started)))
        with lab.logged_in() as second:
            assert second.call(raw.receive(shell, started)).code() == 2150858802
    with lab.logged_in() as second:
        while second.call(raw.receive(shell, started, timeout="PT0.01S")).code() != 2150858793:
            pass
        second.call(raw.send(shell, started, b"for the second", end="true"))
        assert second.finish(shell, started).stdout == b"for the second"


def test_a_message_whose_client_does_not_wait_is_carried_out(lab: Lab) -> None:
    with lab.logged_in() as client:
        shell = client.open_shell()
        client.receive(shell, client.start(shell, "hang"))
        client.write(client.sealed(raw.delete(shell)))
    with lab.logged_in() as client:
        while client.call(raw.command(shell, "exit 0")).status == 200:
            pass


def test_delete_ends_the_shell_and_what_runs_in_it(client: RawClient, lab: Lab) -> None:
    shell = client.open_shell()
    client.receive(shell, client.start(shell, "hang"))
    response = client.call(raw.delete(shell))
    assert response.status == 200
    assert response.text.endswith("<s:Body></s:Body></s:Envelope>")
    for message in (raw.command(shell, "x"), raw.receive(shell, "y"), raw.signal(shell, "y"), raw.delete(shell)):
        assert client.call(message).code() == 2150858843
    lab.server.remove(lab.endpoint)
    assert lab.computer.cleaned_up == [False]


def test_a_shell_belongs_to_its_user_and_not_to_a_connection(lab: Lab, client: RawClient) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    with lab.connect(secure=True) as second:
        second.login(LAB.name, LAB.password)
        assert second.call(raw.send(shell.lower(), started.lower(), b"x", end="true")).status == 200
    with lab.connect() as stranger:
        stranger.login(OTHER.name, OTHER.password)
        assert stranger.call(raw.receive(shell, started)).code() == 2150859177
    assert client.finish(shell, started).stdout == b"x"


def test_two_users_work_side_by_side(lab: Lab) -> None:
    seen: dict[str, bytes] = {}

    def visit(name: str, password: str) -> None:
        with lab.connect() as connection:
            connection.login(name, password)
            for _ in range(5):
                seen[name] = connection.run("whoami").stdout

    threads = [threading.Thread(target=visit, args=(user.name, user.password)) for user in (LAB, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"lab": b"lab network", "other": b"other network"}


def test_a_command_may_name_its_own_id_once(client: RawClient) -> None:
    shell = client.open_shell()
    body = '<shell:CommandLine CommandId="AAAA-1"><shell:Command>cat</shell:Command></shell:CommandLine>'
    message = raw.envelope(f"{raw.SHELL}/Command", body, shell)
    assert client.call(message).find("CommandId>(.*?)<") == "AAAA-1"
    assert client.call(message).code() == 2150858802


def test_a_defect_of_the_computer_ends_the_process_only(client: RawClient) -> None:
    received = client.run("crash")
    assert received.exit_code == 0xC0000142
    assert b"the computer has a defect" in received.stderr
    assert client.run("exit 0").exit_code == 0


def test_the_configuration_can_be_asked_for(client: RawClient) -> None:
    response = client.call(raw.envelope(f"{raw.TRANSFER}/Get", resource=CONFIG))
    assert response.find("<cfg:MaxEnvelopeSizekb>(.*?)<") == "500"
    assert response.find("<cfg:MaxTimeoutms>(.*?)<") == "60000"
    assert client.call(raw.envelope(f"{raw.TRANSFER}/Get", resource="urn:other")).code() == 2150858811


def test_identify_is_answered_to_who_is_logged_in_too(client: RawClient) -> None:
    body = '<i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/>'
    assert "IdentifyResponse" in client.call(raw.envelope("", body)).text


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (raw.envelope("urn:unknown"), 2150858753),
        (raw.envelope(""), 2150858753),
        (raw.create(resource="http://schemas.microsoft.com/powershell/Microsoft.PowerShell"), 2150858811),
        (raw.create(""), 2150858817),
        (raw.create(timeout="20"), 2150858817),
        (raw.create(timeout="P"), 2150858817),
        (raw.command("none", "x"), 2150858843),
        (raw.envelope(f"{raw.SHELL}/Command", "<shell:CommandLine/>"), 2150858843),
        (b"<not xml", 2150858819),
        (b"\xff\xff\xff", 2150858819),
        (b"<a/>", 2150858817),
        (b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>', 2150858817),
        (raw.create().replace(b"stdin", b"st\x01din"), 2150858819),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + raw.create().partition(b"?>")[2], 2150858819),
        (("<!DOCTYPE x>" + raw.create().decode().partition("?>")[2]).encode("utf-16"), 2150858819),
    ],
)
def test_what_is_wrong_has_its_code(client: RawClient, message: bytes, code: int) -> None:
    response = client.call(message)
    assert (response.status, response.code()) == (500, code)
    assert client.call(raw.create()).status == 200, "the connection goes on"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("Command", "<shell:CommandLine/>"),
        ("Command", ""),
        ("Command", '<shell:CommandLine CommandId="&quot;"><shell:Command>x</shell:Command></shell:CommandLine>'),
        ("Send", '<shell:Send><shell:Stream Name="stdin" CommandId="{id}">!</shell:Stream></shell:Send>'),
        ("Receive", '<shell:Receive><shell:DesiredStream CommandId="{id}">pr</shell:DesiredStream></shell:Receive>'),
        ("Receive", ""),
        ("Signal", '<shell:Signal CommandId="{id}"><shell:Code>urn:wave</shell:Code></shell:Signal>'),
        ("Signal", ""),
    ],
)
def test_a_malformed_message_to_a_shell_is_a_schema_fault(client: RawClient, action: str, body: str) -> None:
    shell = client.open_shell()
    started = client.start(shell, "cat")
    message = raw.envelope(f"{raw.SHELL}/{action}", body.replace("{id}", started), shell)
    assert client.call(message).code() == 2150858817


def test_utf_16_and_a_byte_order_mark_are_read(client: RawClient) -> None:
    text = raw.create().decode().replace('encoding="utf-8"', 'encoding="utf-16"')
    assert client.call(text.encode("utf-16")).status == 200
    assert client.call(b"\xef\xbb\xbf" + raw.create()).status == 200


def test_faults_name_the_machine(client: RawClient) -> None:
    assert client.call(raw.envelope("urn:unknown")).find('Machine="(.*?)"') == "WEB01"


def test_sealed_messages_that_arrive_together_are_answered_in_order(client: RawClient) -> None:
    messages = [raw.create() for _ in range(5)]
    client.write(b"".join(client.sealed(message) for message in messages))
    answered = [client.opened(client.response()).find("<a:RelatesTo>(.*?)<") for _ in messages]
    assert answered == [raw.message_id(message) for message in messages]


def test_a_message_out_of_its_order_is_400_and_ends_the_login(client: RawClient) -> None:
    client.sealed(raw.create())
    client.write(client.sealed(raw.create()))
    response = client.response()
    assert (response.status, response.body) == (400, b"")
    client.write(client.sealed(raw.create()))
    assert client.response().status == 401


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"--Encrypted Boundary--\r\n", b""),
        (b"\tContent-Type: application/HTTP-SPNEGO", b"\tContent-Type: text/plain"),
        (b"octet-stream", b"octet-steam"),
        (b"Length=", b"Length=1"),
        (b"\x10\0\0\0", b"\xff\xff\xff\xff"),
    ],
)
def test_a_damaged_envelope_of_the_seal_is_400(client: RawClient, old: bytes, new: bytes) -> None:
    head, _, body = client.sealed(raw.create()).partition(b"\r\n\r\n")
    damaged = body.replace(old, new, 1)
    assert damaged != body
    content_type = next(line for line in head.decode().split("\r\n") if line.startswith("Content-Type"))
    assert client.post(damaged, content_type).status == 400


def test_a_sealed_message_without_a_login_is_401(lab: Lab, client: RawClient) -> None:
    with lab.connect() as second:
        second.write(client.sealed(raw.create()))
        assert second.response().status == 401


def test_a_sealed_message_under_basic_is_400(lab: Lab, client: RawClient) -> None:
    sealed = client.sealed(raw.create())
    with lab.connect(secure=True) as second:
        second.write(sealed.replace(b"Host: h\r\n", b"Host: h\r\nAuthorization: Basic bGFiOlBhc3M6d29yZCAx\r\n"))
        assert second.response().status == 400
