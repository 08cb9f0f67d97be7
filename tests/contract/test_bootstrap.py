from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certify_automation import onhost
from certify_automation.errors import ProtocolError
from certify_automation.lab.onhost import Visit as Visited
from certify_automation.lab.onhost import bootstrap
from contract.engine import HERE, ONHOST, STAND_INS, Engine, Visit, script
from contract.hosts import Host, make_host

NONCE = "0123456789abcdef" * 2
OBSERVE = {"endpoint": {"host": "127.0.0.2", "port": 9696, "https": False}, "ports": [9696], "run": None}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host({"product": {"generation": "v6"}}, tmp_path)


def answer(engine: Engine, host: Host, line: bytes, nonce: str = NONCE, before: str = "") -> dict[str, Any]:
    finished = engine.bootstrap(line, host.commands(), before=before)
    # Negative: a signal ended the engine. A reply is judged by its frame alone, as the controller does it.
    assert finished.exit_code <= 0
    return dict(onhost.read_reply(finished.stdout, nonce))


def inline(text: str, *, digest: str | None = None, parameters: dict[str, Any] | None = None) -> bytes:
    """A request for a script that is written here."""
    real = hashlib.sha256(text.encode()).hexdigest()
    sent = onhost.Script("Observe", text, digest or real)
    return onhost.request(sent, parameters or {}, nonce=NONCE, deadline_seconds=7)


def test_the_command_line_fits_and_holds_the_bootstrap_as_it_is() -> None:
    line = onhost.command_line()
    assert len(line) <= onhost.COMMAND_LINE_LIMIT
    assert line.isascii()
    encoded = line.removeprefix("powershell.exe -NoProfile -NonInteractive -EncodedCommand ")
    assert base64.b64decode(encoded).decode("utf-16-le").startswith("# certify-automation")


def test_a_request_that_cannot_be_read_is_answered(engine: Engine, host: Host) -> None:
    reply = answer(engine, host, b"nonsense\n")
    assert (reply["ok"], reply["error"]["code"]) == (False, "bad_request")


def test_a_script_with_another_digest_does_not_run(engine: Engine, host: Host) -> None:
    reply = answer(engine, host, inline("[Environment]::Exit(3)", digest="0" * 64))
    assert reply["error"]["code"] == "script_digest"


UNREADABLE = [b"", b"\n", b"nonsense\n", b"[]\n", b'{"contract": 2, "nonce": "ab"}\n', b'{"contract":1\n']
CONSTRAINED = "$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'"
REFUSALS = [*((line, "") for line in UNREADABLE), (b"digest", ""), (b"observe", CONSTRAINED)]


@pytest.mark.parametrize(("line", "before"), REFUSALS)
def test_the_lab_refuses_what_the_bootstrap_refuses(engine: Engine, host: Host, line: bytes, before: str) -> None:
    requests = {
        b"digest": inline("1", digest="0" * 64),
        b"observe": onhost.request(onhost.script("Observe"), OBSERVE, nonce=NONCE, deadline_seconds=60),
    }
    sent = requests.get(line, line)
    if before:
        host.computer.installation = replace(host.computer.installation, language_mode="ConstrainedLanguage")
    steps = bootstrap(Visited(host.computer), sent.decode())
    with pytest.raises(StopIteration) as done:
        next(steps)
    expected = onhost.read_reply(done.value.value, NONCE)["error"]["code"]
    assert answer(engine, host, sent, before=before)["error"]["code"] == expected


def test_a_script_that_does_not_parse_is_answered(engine: Engine, host: Host) -> None:
    reply = answer(engine, host, inline("function {"))
    assert reply["error"]["code"] == "script_failed"
    assert reply["error"]["at"]


def test_a_failing_script_is_answered_in_ascii(engine: Engine, host: Host) -> None:
    text = "throw ('Gr' + [char]0xFC + [char]0xDF + 'e ' + [char]0x20AC + \" `\"q`\"`n\")"
    finished = engine.bootstrap(inline(text), host.commands())
    assert finished.stdout.isascii()
    reply = onhost.read_reply(finished.stdout, NONCE)
    assert reply["error"]["message"] == 'Gr\u00fc\u00dfe \u20ac "q"\n'


def test_a_script_gets_its_parameters_and_deadline(engine: Engine, host: Host) -> None:
    text = '$p = $args[0]; \'{"contract":1,"ok":true,"value":"\' + $p.Parameters.a + $p.DeadlineSeconds + \'"}\''
    assert answer(engine, host, inline(text, parameters={"a": "x"}))["value"] == "x7"


def test_what_else_is_printed_does_not_matter(engine: Engine, host: Host) -> None:
    line = Visit("Observe", OBSERVE, host.commands(), nonce=NONCE).request()
    noise = "'a profile says hello'; [Console]::Out.WriteLine('<<<certify-automation '); Write-Warning 'x'"
    assert answer(engine, host, line, before=noise)["ok"] is True


def test_a_constrained_language_is_said_in_the_frame(engine: Engine, host: Host) -> None:
    line = Visit("Observe", OBSERVE, host.commands(), nonce=NONCE).request()
    reply = answer(engine, host, line, before=CONSTRAINED)
    assert reply["error"]["code"] == "constrained_language"


CULTURE = (
    "$culture = [Globalization.CultureInfo]::InvariantCulture.Clone(); $culture.NumberFormat.NegativeSign = '~'; "
    "$culture.DateTimeFormat.TimeSeparator = '.'; $culture.DateTimeFormat.DateSeparator = '!'; "
    "[Threading.Thread]::CurrentThread.CurrentCulture = $culture; "
    "if ((-5).ToString() -ne '~5') { [Environment]::Exit(3) }"
)
"""A culture of its own making: an engine without the cultures of the world has none by name."""


def test_a_culture_changes_nothing(engine: Engine, host: Host) -> None:
    visit = Visit("Observe", OBSERVE, host.commands(), nonce=NONCE)
    plain = engine.visit(visit)
    turned = answer(engine, host, visit.request(), before=CULTURE)
    assert visit.commands.paths.everywhere_outward(turned) == plain


def test_a_long_reply_arrives_whole(engine: Engine, tmp_path: Path) -> None:
    text = "\u20ac" * 300_000
    write = {"write": {"path": "C:\\ProgramData\\certify\\servers.json", "text": text}}
    host = make_host({"product": {"generation": "v6"}, "arrange": [write]}, tmp_path)
    reply = engine.visit(Visit("Observe", OBSERVE, host.commands()))
    assert len(reply["value"]["files"]["servers"]["content"]) == 1_200_000


def test_the_request_is_one_ascii_line() -> None:
    line = onhost.request(onhost.script("Apply"), {"text": "\u00fc\r\n\u2028"}, nonce=NONCE, deadline_seconds=60)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["script"]["sha256"] == onhost.script("Apply").sha256


def test_the_tests_script_is_the_real_one_but_for_windows() -> None:
    for name in onhost.FILES:
        ours, real = script(name).text, onhost.script(name).text
        for file, stand_in in STAND_INS.items():
            ours = ours.replace(onhost.sent((HERE / stand_in).read_text("ascii")), "")
            real = real.replace(onhost.sent(ONHOST.joinpath(file).read_text("ascii")), "")
        assert ours == real != ""


FRAME = "<<<certify-automation {nonce} {length}>>>\n{line}\n<<<end {nonce}>>>\n"


def framed(line: str, nonce: str = NONCE, length: int | None = None) -> str:
    return FRAME.format(nonce=nonce, length=len(line) if length is None else length, line=line)


def test_a_reply_is_found_among_other_text() -> None:
    text = "hello <<<\r\n" + framed('{"contract":1,"ok":true,"value":{"a":[1]}}') + "bye"
    assert onhost.read_reply(text, NONCE)["value"] == {"a": [1]}
    assert onhost.read_reply(text.encode(), NONCE)["value"] == {"a": [1]}


def test_a_reply_that_a_console_has_broken_into_lines_is_whole() -> None:
    line = '{"contract":1,"ok":true,"value":"' + "x" * 300 + '"}'
    broken = "\r\n".join(line[at : at + 80] for at in range(0, len(line), 80))
    assert onhost.read_reply(framed(broken, length=len(line)), NONCE)["value"] == "x" * 300


@pytest.mark.parametrize(
    ("stdout", "error_id"),
    [
        ("", "CA2090"),
        ("#< CLIXML", "CA2090"),
        (b"\xff\xfe", "CA2090"),
        (framed('{"contract":1,"ok":true}')[:-20], "CA2091"),
        (framed('{"contract":1,"ok":true}', length=99), "CA2091"),
        (framed('{"contract":1,"ok":true}', nonce="f" * 32), "CA2092"),
        (framed("nonsense"), "CA2093"),
        (framed("[]"), "CA2093"),
        (framed('{"contract":2,"ok":true}'), "CA2093"),
        (framed('{"contract":1,"ok":1}'), "CA2093"),
    ],
)
def test_what_is_no_reply_is_named(stdout: str | bytes, error_id: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        onhost.read_reply(stdout, NONCE)
    assert caught.value.id == error_id


def test_a_host_that_could_not_read_the_request_is_heard() -> None:
    line = '{"contract":1,"ok":false,"error":{"code":"bad_request","message":"","at":""}}'
    assert onhost.read_reply(framed(line, nonce="0"), NONCE)["error"]["code"] == "bad_request"
