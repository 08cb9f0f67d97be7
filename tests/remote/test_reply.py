"""From what PowerShell wrote to a value, or to a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_machine import frame

from certify_automation.errors import ProtocolError, ScriptRefused
from certify_automation.remote.clixml import error_text, unescape
from certify_automation.remote.reply import Output, value_of

NONCE = "0123456789abcdef" * 2


def clixml(*records: tuple[str, str]) -> str:
    body = "".join(f'<S S="{stream}">{text}</S>' for stream, text in records)
    return (
        '#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
        f'<Obj S="progress" RefId="0"><MS><S N="Activity">Preparing modules for first use.</S></MS></Obj>{body}</Objs>'
    )


def value(stdout: bytes = b"", stderr: str = "", exit_code: int = 1) -> Any:
    return value_of(Output(stdout, stderr.encode(), exit_code), NONCE)


def refusal(code: str, message: str = "Zugriff verweigert") -> bytes:
    return frame(NONCE, {"contract": 1, "ok": False, "error": {"code": code, "message": message, "at": "<x>: 3"}})


def test_the_value_of_a_reply() -> None:
    assert value(frame(NONCE, {"contract": 1, "ok": True, "value": {"a": "ü"}}), "noise", 17) == {"a": "ü"}


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("not_administrator", "CA2101"),
        ("constrained_language", "CA2104"),
        ("unsupported_windows", "CA2106"),
        ("script_failed", "CA2107"),
        ("bad_request", "CA2108"),
        ("script_digest", "CA2109"),
        ("something_new", "CA2107"),
    ],
)
def test_a_script_that_could_not_run_says_why(code: str, number: str) -> None:
    with pytest.raises(ScriptRefused) as caught:
        value(refusal(code))
    assert caught.value.id == number
    assert "(Zugriff verweigert <x>: 3)" in caught.value.message


def test_every_code_has_a_sentence_of_its_own() -> None:
    sentences = set()
    for code in ("not_administrator", "constrained_language", "unsupported_windows", "script_failed", "bad_request"):
        with pytest.raises(ScriptRefused) as caught:
            value(refusal(code))
        sentences.add(caught.value.message)
    assert len(sentences) == 5


@pytest.mark.parametrize("error", [None, "text", {}, {"code": 5}, {"code": None, "message": None}])
def test_a_refusal_without_a_reason_is_one(error: object) -> None:
    with pytest.raises(ScriptRefused, match="CA2107"):
        value(frame(NONCE, {"contract": 1, "ok": False, "error": error}))


@pytest.mark.parametrize("told", [None, [], "text", 3])
def test_a_value_that_is_no_object_is_an_error(told: object) -> None:
    with pytest.raises(ProtocolError, match="CA2028"):
        value(frame(NONCE, {"contract": 1, "ok": True, "value": told}))


@pytest.mark.parametrize(
    ("error_id", "number"),
    [
        ("ScriptContainedMaliciousContent", "CA2105"),
        ("MethodInvocationNotSupportedInConstrainedLanguage", "CA2104"),
        ("CannotCreateTypeConstrainedLanguage", "CA2104"),
    ],
)
def test_a_blocked_script_is_known_by_its_error_id(error_id: str, number: str) -> None:
    lines = (
        "Dieses Skript enth_x00E4_lt b_x00F6_sartigen Inhalt._x000D__x000A_",
        f"    + FullyQualifiedErrorId : {error_id}",
    )
    stderr = clixml(("Warning", "careful"), *(("Error", line) for line in lines))
    with pytest.raises(ScriptRefused) as caught:
        value(stderr=stderr)
    assert caught.value.id == number
    assert "Dieses Skript enthält bösartigen Inhalt." in caught.value.message
    assert "careful" not in caught.value.message


def test_no_reply_shows_what_was_written_instead() -> None:
    with pytest.raises(ProtocolError) as caught:
        value(
            stderr="'powershell.exe' is not recognized as an internal or external command,\r\noperable program",
            exit_code=9009,
        )
    assert caught.value.id == "CA2090"
    assert "exit code 9009 ('powershell.exe' is not recognized" in caught.value.message


def test_a_damaged_reply_is_an_error() -> None:
    whole = frame(NONCE, {"contract": 1, "ok": True, "value": {}})
    with pytest.raises(ProtocolError, match="CA2091"):
        value(whole[:-20])


# --- CLIXML --------------------------------------------------------------------------------------------------------


def test_plain_text_is_taken_as_it_is() -> None:
    assert error_text(b"  Zugriff verweigert\r\n") == "Zugriff verweigert"


def test_only_errors_are_taken_and_from_every_document() -> None:
    stderr = "plain\r\n" + clixml(("Error", "one_x000A_"), ("Verbose", "two")) + "\r\n" + clixml(("Error", "three"))
    assert error_text(stderr.encode()).split() == ["plain", "one", "three"]


def test_text_after_a_document_is_kept() -> None:
    assert error_text((clixml(("Error", "one")) + "rest\r\n").encode()) == "onerest"


@pytest.mark.parametrize(
    "broken", ["#< CLIXML\r\n<Objs>", "#< CLIXML\r\n<Objs><S></Objs>", "#< CLIXML", "#< CLIXML\r\nno"]
)
def test_broken_clixml_is_shown_as_it_is(broken: str) -> None:
    assert broken.removeprefix("#< CLIXML").strip() in error_text(broken.encode())


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("_x000D__x000A_", "\r\n"),
        ("_x001B_[31m", "\x1b[31m"),
        ("_xD83D__xDE00_", "\N{GRINNING FACE}"),
        ("_xD83D_", "\N{REPLACEMENT CHARACTER}"),
        ("_x005F_x000A_", "_x000A_"),
        ("_x12_ _xGGGG_", "_x12_ _xGGGG_"),
    ],
)
def test_escapes(escaped: str, text: str) -> None:
    assert unescape(escaped) == text


@given(st.text(st.characters(codec="utf-8")))
def test_escaping_every_character_is_undone(text: str) -> None:
    units = text.encode("utf-16-be")
    escaped = "".join(f"_x{units[i]:02X}{units[i + 1]:02X}_" for i in range(0, len(units), 2))
    assert unescape(escaped) == text


@given(st.binary())
def test_any_bytes_are_read(stderr: bytes) -> None:
    error_text(stderr)
    error_text(b"#< CLIXML\r\n<Objs>" + stderr + b"</Objs>")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_error_value_is_a_refusal(error: Any) -> None:
    assert json.dumps(error)
    with pytest.raises(ScriptRefused):
        value(frame(NONCE, {"contract": 1, "ok": False, "error": error}))
