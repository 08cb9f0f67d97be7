"""Single functions of the scripts in the engine, with what real computers print."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.authority import Authority
from contract.engine import HERE, Engine

FOLDER = HERE.parents[1] / "certify_automation" / "onhost"
SAMPLES = HERE.parent / "cases" / "contract" / "netsh"
OWNERS: list[dict[str, Any]] = [
    {"url": "HTTP://+:47001/WSMAN/", "process_ids": ["WINRM"]},
    {"url": "HTTP://+:5985/WSMAN/", "process_ids": ["WINRM"]},
    {"url": "HTTP://127.0.0.1:8000:127.0.0.1/", "process_ids": []},
    {"url": "HTTPS://[::1]:9696/", "process_ids": [4120, 5188]},
]


def evaluate(engine: Engine, text: str, *names: str) -> Any:
    """What a PowerShell expression gives, written by the scripts' own JSON writer."""
    files = "".join(f". '{FOLDER / name}.ps1'\n" for name in ("Windows", "Json", *names))
    strict = "Set-StrictMode -Version 3.0\n$ErrorActionPreference = 'Stop'\n"
    finished = engine.run(f"{files}{strict}ConvertTo-AsciiJson -Value $({text})", b"", {})
    assert finished.stderr == "", finished.stderr
    return json.loads(finished.stdout)


@pytest.mark.parametrize(("sample", "winrm"), [("2019-en", 2668), ("2022-en", 2688)])
def test_both_layouts_of_servicestate_name_the_processes_of_a_url(engine: Engine, sample: str, winrm: int) -> None:
    path = SAMPLES / f"{sample}.txt"
    fake = f"function netsh.exe {{ $global:LASTEXITCODE = 0; [IO.File]::ReadAllLines('{path}') }}; "
    found = evaluate(engine, f"{fake} , @(Get-UrlOwnerFacts)", "HttpSys")
    wanted = [{**one, "process_ids": [winrm if i == "WINRM" else i for i in one["process_ids"]]} for one in OWNERS]
    assert found == wanted


def test_a_list_is_read_by_its_addresses_alone(engine: Engine) -> None:
    lines = [
        "",
        "10.0.0.1 heading",
        "-----",
        "",
        "    192.168.33.1 ",
        "    fe80::0001",
        "    ::",
        "    80",
        "    1.2.3",
        "",
    ]
    shown = ", ".join(f"'{line}'" for line in lines)
    text = f", @(foreach ($line in {shown}) {{ ConvertTo-ListenAddress -Line $line }})"
    assert evaluate(engine, text, "HttpSys") == ["192.168.33.1", "fe80::1", "::"]


def test_json_keeps_every_shape(engine: Engine) -> None:
    text = (
        "[ordered]@{ none = $null; yes = $true; empty = @(); one = @(1); nested = , @(, @()); big = [long]4294967295; "
        'text = "<>&\'`"\\/`r`n`t" + [char]0 + [char]0x20AC + [char]0xD83D; object = @{} }'
    )
    assert evaluate(engine, text) == {
        "none": None,
        "yes": True,
        "empty": [],
        "one": [1],
        "nested": [[[]]],
        "big": 4294967295,
        "text": "<>&'\"\\/\r\n\t\x00\u20ac\ud83d",
        "object": {},
    }


@pytest.mark.parametrize(
    ("path_name", "program"),
    [
        (
            '"C:\\Program Files\\CertifyTheWeb\\Certify.Service.exe" -x',
            "C:\\Program Files\\CertifyTheWeb\\Certify.Service.exe",
        ),
        ("C:\\Program Files\\a.EXE -y b.exe", "C:\\Program Files\\a.EXE"),
        ("C:\\exe.folder\\a.exe", "C:\\exe.folder\\a.exe"),
        ("a.exe.config", None),
        ("", None),
    ],
)
def test_the_program_of_a_command_line(engine: Engine, path_name: str, program: str | None) -> None:
    assert evaluate(engine, f"Get-ServiceProgram -PathName '{path_name}'", "Product") == program


def test_effective_urls_are_the_last_starts(engine: Engine) -> None:
    v7 = [
        "x: ---- Service Startup ----",
        "x: Core service started http://127.0.0.9:1",
        "x: ---- Service Startup ----",
        "x: Core service started http://[::]:9696;http://127.0.0.2:9697",
    ]
    v6 = ["[x] :: Service API bound OK to http://a:1", "[y] :: Service failed to listen on http://a:1. :: z", ""]
    lines = [", ".join(f"'{line}'" for line in part) for part in (v7, v7[:3], v6, v6[:1])]
    text = (
        f", @(@(Get-LoggedUrl {lines[0]} v7), @(Get-LoggedUrl {lines[1]} v7), "
        f"@(Get-LoggedUrl {lines[2]} v6), @(Get-LoggedUrl {lines[3]} v6))"
    )
    assert evaluate(engine, text, "Health") == [
        ["http://[::]:9696", "http://127.0.0.2:9697"],
        [],
        [],
        ["http://a:1"],
    ]


def test_a_version_is_told_from_any_other_answer(engine: Engine) -> None:
    bodies = {'"6.1.10.0"': True, "7.0.0.0\n": True, "": False, "9696": False, "<html>1.2</html>": False, "1.2x": False}
    quoted = ", ".join(f"(Test-VersionText -Text '{body}')" for body in bodies)
    assert evaluate(engine, f", @({quoted}, (Test-VersionText -Text $null))", "Health") == [*bodies.values(), False]


def test_urls_are_compared_without_what_http_sys_adds(engine: Engine) -> None:
    urls = [
        "HTTP://127.0.0.2:9696:127.0.0.2/",
        "HTTP://[::1]:80/",
        "http://LOCALHOST:1/path/",
        "\\\\.\\pipe\\x",
        "http://a",
    ]
    text = ", @(" + ", ".join(f"(ConvertTo-EndpointUrl -Url '{url}')" for url in urls) + ")"
    assert evaluate(engine, text, "Endpoint") == [
        "http://127.0.0.2:9696",
        "http://[::1]:80",
        "http://LOCALHOST:1/path/",
        "\\\\.\\pipe\\x",
        "http://a",
    ]


def test_files_are_exchanged_by_the_real_functions(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    acts = (
        f"Write-NewFile -Path '{tmp_path}/b' -Bytes ([byte[]](110, 101, 119)); "
        f"Switch-File -New '{tmp_path}/b' -Old '{tmp_path}/a' -Backup '{tmp_path}/c'; "
        f"$refused = $false; try {{ Rename-NewFile -New '{tmp_path}/c' -Path '{tmp_path}/a' }} "
        "catch { $refused = $true }; "
        f"Rename-NewFile -New '{tmp_path}/c' -Path '{tmp_path}/d'; Remove-OldFile -Path '{tmp_path}/none'; $refused"
    )
    assert evaluate(engine, acts, "File", "WindowsChange") is True
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new", "d": b"old"}


class Answering(BaseHTTPRequestHandler):
    """Answers by the path; nothing here ever redirects a caller elsewhere."""

    def do_GET(self) -> None:
        if "less" in self.path or "ling" in self.path or "broken" in self.path:
            self._misbehave()
            return
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Negotiate")
            self.send_header("WWW-Authenticate", 'Basic realm="a, b"')
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/")
        body = f"{self.command} Gr\u00fc\u00dfe".encode() + self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _misbehave(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000000")
        self.end_headers()
        if "broken" in self.path:
            self.wfile.write(b'"7.')
            return
        piece, pause = (b"x" * 4096, 0.0) if "endless" in self.path else (b"x", 0.1)
        with suppress(ConnectionError):
            while not self.server.leaving.wait(pause):  # type: ignore[attr-defined]
                self.wfile.write(piece)

    do_POST = do_GET  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.leaving = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.leaving.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_the_local_api_is_asked_without_a_proxy_and_without_following(engine: Engine, url: str) -> None:
    ask = "Invoke-LocalApi -TimeoutSeconds 5 -Method"
    text = (
        "$env:http_proxy = 'http://127.0.0.1:9'; "
        f", @(({ask} GET -Url '{url}/200' -Body ''), ({ask} POST -Url '{url}/200' -Body '{{}}'), "
        f"({ask} GET -Url '{url}/401' -Body ''), ({ask} GET -Url '{url}/302' -Body ''), "
        f"({ask} GET -Url '{url}/500' -Body ''), ({ask} GET -Url 'http://127.0.0.1:9/' -Body ''))"
    )
    found = evaluate(engine, text)
    assert [answer["Status"] for answer in found] == [200, 200, 401, 302, 500, None]
    assert found[0]["Body"] == "GET Gr\u00fc\u00dfe"
    assert found[1]["Body"] == "POST Gr\u00fc\u00dfe{}"
    assert ", ".join(found[2]["Authenticate"]) == 'Negotiate, Basic realm="a, b"'
    assert [bool(answer["Error"]) for answer in found] == [False, False, False, False, False, True]


def test_a_certificate_that_does_not_validate_is_told_from_silence(engine: Engine, tmp_path: Path) -> None:
    issued = Authority(datetime.now(UTC)).issue_server(addresses=["127.0.0.1"])
    (tmp_path / "server.pem").write_bytes(issued.key_pem + issued.certificate_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        ask = "Invoke-LocalApi -TimeoutSeconds 5 -Method GET -Body ''"
        port = server.server_address[1]
        found = evaluate(
            engine, f", @(({ask} -Url 'https://127.0.0.1:{port}/200'), ({ask} -Url 'https://127.0.0.1:9/'))"
        )
        server.shutdown()
        thread.join()
    assert [answer["Untrusted"] for answer in found] == [True, False]
    assert [answer["Status"] for answer in found] == [None, None]


@pytest.mark.parametrize(("offered", "now"), [("SystemDefault", "SystemDefault"), ("Tls", "Tls, Tls11, Tls12")])
def test_an_old_engine_offers_what_listeners_still_take(engine: Engine, offered: str, now: str) -> None:
    protocol = "[Net.ServicePointManager]::SecurityProtocol"
    files = ("Host", "File", "Lock", "Facts")
    assert evaluate(engine, f"{protocol} = '{offered}'; Set-Surroundings; [string]{protocol}", *files) == now


def test_an_answer_without_end_is_read_for_a_while(engine: Engine, url: str) -> None:
    ask = "Invoke-LocalApi -TimeoutSeconds 1 -Method GET -Body ''"
    found = evaluate(engine, f", @(({ask} -Url '{url}/endless/200'), ({ask} -Url '{url}/trickling/200'))")
    assert [answer["Status"] for answer in found] == [200, 200]
    assert 65536 <= len(found[0]["Body"]) < 80000
    assert 0 < len(found[1]["Body"]) < 1000


def test_an_answer_that_breaks_off_has_no_body(engine: Engine, url: str) -> None:
    facts = evaluate(engine, f"Get-ApiFacts -Url '{url}/broken/200?'", "Host", "Api")
    assert (facts["status"], facts["body"]) == (200, None)
    assert facts["error"]


def test_a_program_without_a_version_has_none(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_bytes(b"MZ")
    assert evaluate(engine, f", @((Get-FileVersion -Path '{tmp_path}/a.exe'), (Get-FileVersion -Path '/none'))") == [
        None,
        None,
    ]


def test_a_drive_that_is_not_there_does_not_matter(engine: Engine) -> None:
    text = ", @((Split-FilePath -Path 'Z:\\a\\b.exe').Folder, (Split-FilePath -Path 'b.exe').Name)"
    assert evaluate(engine, text, "File") == ["Z:\\a", "b.exe"]


@pytest.mark.parametrize("spelling", ["certify", "Certify"])
def test_the_data_folder_is_found_in_either_spelling(engine: Engine, tmp_path: Path, spelling: str) -> None:
    (tmp_path / spelling).mkdir()
    text = f"$($env:ProgramData = '{tmp_path}'; Get-DataFolder -Generation 'v7' -Environment @())"
    assert evaluate(engine, text, "File", "Product") == str(tmp_path / spelling)


def test_the_data_folder_is_in_lower_case_before_there_is_one(engine: Engine, tmp_path: Path) -> None:
    text = f"$($env:ProgramData = '{tmp_path}/'; Get-DataFolder -Generation 'v6' -Environment @())"
    assert evaluate(engine, text, "File", "Product") == str(tmp_path / "certify")


def registry(values: str) -> str:
    """Registry commands that answer every key with these values."""
    return (
        "function Test-Path { param($LiteralPath) $true }; "
        f"function Get-ItemProperty {{ param($LiteralPath) [pscustomobject]@{{ {values} }} }}; "
    )


def test_a_value_that_is_no_descriptor_is_no_reservation(engine: Engine) -> None:
    fake = registry(
        "'http://a:1/' = [byte[]](1, 0); 'http://b:1/' = 'D:(A;;GX;;;WD)'; 'http://c:1/' = 5; "
        "'http://d:1/' = [string[]]('x', 'y'); 'http://e:1/' = [byte[]]@(); PSPath = 'x://y'"
    )
    assert evaluate(engine, f"$({fake} , @(Get-ReservationFacts))", "Host", "HttpSys") == [
        {"url": "http://a:1/", "descriptor": "AQA="},
        {"url": "http://e:1/", "descriptor": ""},
    ]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("'127.0.0.1'", ["127.0.0.1"]), ("[string[]]@()", []), ("[string[]]('a', 'b')", ["a", "b"]), ("$null", [])],
)
def test_a_list_may_be_written_as_another_type(engine: Engine, value: str, wanted: list[str]) -> None:
    fake = registry(f"ListenOnlyList = {value}") + "function netsh.exe { $global:LASTEXITCODE = 1 }; "
    found = evaluate(engine, f"$({fake} Get-ListenListFacts)", "Host", "HttpSys")
    assert found == {"live": None, "registry": wanted, "exit_code": 1}


def test_variables_of_a_service_may_be_of_any_type(engine: Engine) -> None:
    fake = registry("Environment = [byte[]](65, 61)")
    text = f"{fake} @(Get-ProductEnvironment -Services @(@{{ name = 'x' }})).Count"
    assert evaluate(engine, text, "Host", "Product") == 0


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("2688", 2688),
        ("ID: 2688, image: <?>", 2688),
        ("ID\uff1a2688\uff0c\u6620\u50cf\uff1aC:\\Windows\\System32\\svchost.exe", 2688),
        ("??2688??<?>", 2688),
        ("Log directory: C:\\inetpub\\logs\\LogFiles\\W3SVC12", None),
        ("Max requests: 1000", None),
        ("Version: 2.0", None),
    ],
)
def test_a_process_id_is_found_in_any_translation(engine: Engine, line: str, wanted: int | None) -> None:
    units = ", ".join(str(ord(unit)) for unit in line)
    text = f"ConvertTo-QueueProcessId -Text (-join [char[]]({units}))"
    assert evaluate(engine, text, "HttpSys") == wanted


def test_schemes_are_taken_out_of_challenges(engine: Engine) -> None:
    text = ", @(Get-AuthenticationScheme -Headers 'Negotiate oRkw==', 'NTLM, Basic realm=\"x, y\", charset=\"z\"', '')"
    assert evaluate(engine, text, "Api") == ["Negotiate", "NTLM", "Basic"]
