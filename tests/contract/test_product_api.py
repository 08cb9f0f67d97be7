"""What the scripts make of the product's API: their own functions in the engine, unaltered, through real sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.comparing import at
from contract.engine import HERE, Engine
from contract.product_server import CASES, RECORDED, Api, serving

FOLDER = HERE.parents[1] / "certify_automation" / "onhost"
FILES = ("Windows", "Json", "Host", "File", "Api", "ProductApi", "ManagedItem", "Certificates")
TABLE = yaml.safe_load((CASES / "cases.yaml").read_text("utf-8"))
NAMES = [case["name"] for case in TABLE]
LONG = "\U0001f512" * 400
ZONES = Path("/usr/share/zoneinfo")

CULTURES = {
    "of its own": (
        "$culture = [Globalization.CultureInfo]::InvariantCulture.Clone(); $culture.NumberFormat.NegativeSign = '~'; "
        "$culture.NumberFormat.NumberDecimalSeparator = ','; $culture.NumberFormat.NumberGroupSeparator = '.'; "
        "$culture.DateTimeFormat.TimeSeparator = '.'; $culture.DateTimeFormat.DateSeparator = '!'; "
        "$culture.DateTimeFormat.ShortDatePattern = 'dd!MM!yy'; "
    ),
    **{name: f"$culture = [Globalization.CultureInfo]::new('{name}'); " for name in ("tr-TR", "de-DE", "ja-JP")},
}


def api_of(case: Mapping[str, Any]) -> Api:
    """The API of a case."""
    answers = {name: dict(answer) for name, answer in case.get("answers", {}).items()}
    items = case.get("items", RECORDED["items"])
    if "many" in case:
        named = {**RECORDED["items"][0], "name": "n" * case.get("name_length", 20)}
        items = [{**named, "id": f"many-{number:05d}"} for number in range(case["many"])]
    if "long_message" in case:
        items = [{"id": "a", "renewalFailureMessage": "x" + LONG}]
    for answer in answers.values():
        if "same_page" in answer:
            answer["json"] = {"results": items, "totalResults": answer["same_page"]}
        if "long_message" in answer:
            answer["json"] = {"message": "m" * answer["long_message"]}
    return Api(list(items), answers, case.get("chunked", True))


def asking(port: int, seconds: int) -> str:
    """PowerShell that asks all there is to ask, and writes the answer as one line."""
    endpoint = f"@{{ host = '127.0.0.1'; port = {port}; https = $false }}"
    return (
        f"[Console]::Out.WriteLine((Get-ApiJson -Endpoint {endpoint} -Until ((Get-MonotonicMs) + {1000 * seconds})))\n"
    )


def answers(engine: Engine, text: str, variables: Mapping[str, str]) -> list[dict[str, Any]]:
    """What that PowerShell writes."""
    files = "".join(f". '{FOLDER / name}.ps1'\n" for name in FILES)
    begin = (
        f"$env:http_proxy = 'http://127.0.0.1:9'\n{files}Set-StrictMode -Version 3.0\n$ErrorActionPreference = 'Stop'\n"
    )
    finished = engine.run(begin + text, b"", variables)
    assert finished.stderr == "", finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


@pytest.fixture(scope="module")
def answered(engine: Engine) -> dict[str, tuple[Api, dict[str, Any]]]:
    """Each case's API, with what it was asked, and what was made of it."""
    found = {}
    for zone in sorted({case.get("zone", "Etc/UTC") for case in TABLE}):
        cases = [case for case in TABLE if case.get("zone", "Etc/UTC") == zone]
        with ExitStack() as stack:
            apis = [api_of(case) for case in cases]
            ports = [stack.enter_context(serving(api)) for api in apis]
            text = "".join(asking(port, case.get("seconds", 60)) for port, case in zip(ports, cases, strict=True))
            replies = answers(engine, text, {"TZ": zone})
        found.update({case["name"]: one for case, *one in zip(cases, apis, replies, strict=True)})
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("case", TABLE, ids=NAMES)
def test_answers_are_understood(case: dict[str, Any], answered: Any) -> None:
    if "zone" in case and not (ZONES / case["zone"]).exists():
        pytest.skip("this computer knows no time zones")
    api, reply = answered[case["name"]]
    for path, wanted in case.get("expect", {}).items():
        assert at(reply, path) == wanted, path
    if "failure" in case:
        check_failure(reply["failure"], dict(case["failure"]))
        assert (reply["items"], reply["total"]) == (None, None)
    if "requests" in case:
        assert len(api.asked) == case["requests"]


def check_failure(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """A message of the system's own is only there."""
    if wanted["message"] is None:
        assert found["message"]
        wanted["message"] = found["message"]
    if wanted["message"] == "long":
        wanted["message"] = "m" * 200
    assert found == wanted


def test_a_message_is_cut_at_a_whole_character(answered: Any) -> None:
    _, reply = answered["a message is cut at a whole character"]
    message = reply["items"][0]["failure_message"]
    assert message == "x" + LONG[:249]
    assert len(message.encode("utf-16-le")) // 2 == 499


def test_what_is_asked_and_how(answered: Any) -> None:
    api, _ = answered["many pages"]
    page = "POST /api/managedcertificates/results"
    assert [(route, body) for route, _, body in api.asked] == [
        ("GET /api/preferences", ""),
        ("POST /api/managedcertificates/summary", "{}"),
        *((page, f'{{"pageIndex":{index},"pageSize":250}}') for index in range(3)),
    ]
    for route, headers, _ in api.asked:
        assert headers["Accept"] == "application/json"
        assert headers.get("Content-Type") == ("application/json" if route.startswith("POST") else None)


def test_a_page_that_is_too_long_is_asked_for_in_fifths(answered: Any) -> None:
    api, reply = answered["pages too long for Windows PowerShell"]
    bodies = [json.loads(body) for route, _, body in api.asked if route.endswith("results")]
    assert [(body["pageIndex"], body["pageSize"]) for body in bodies] == [(0, 250), *((n, 50) for n in range(6))]
    assert len(reply["items"]) == 260
    assert [item["id"] for item in reply["items"]] == [f"many-{n:05d}" for n in range(260)]


def test_no_command_is_passed_a_secret(engine: Engine, tmp_path: Path) -> None:
    """What commands are passed may be logged."""
    secret, told = 'key "marker\\" all\n', tmp_path / "told"
    config = {
        "primaryDomain": "a",
        "customPrivateKey": secret,
        "webhookContentBody": secret,
        "preRequestPowerShellScript": secret,
        "PostRequestPowerShellScript": secret,
        "webhookUrl": '"customPrivateKey":"not one"',
    }
    items = [{"id": name, "requestConfig": config, "name": "n"} for name in "ab"]
    listen = (
        "function ConvertFrom-Json { param($InputObject) [IO.File]::AppendAllText($env:TOLD, $InputObject); "
        "& (Get-Command -Name 'ConvertFrom-Json' -CommandType Cmdlet) -InputObject $InputObject }\n"
    )
    with serving(Api(items, {})) as port:
        (reply,) = answers(engine, listen + asking(port, 60), {"TOLD": str(told)})
    assert [(one["id"], one["name"], one["identifiers"]) for one in reply["items"]] == [(n, "n", ["a"]) for n in "ab"]
    passed = told.read_text("utf-8")
    assert passed.count('"webhookUrl":') == passed.count("not one") == 2
    assert passed.count('"customPrivateKey": null') == 2
    assert "marker" not in passed


@pytest.mark.parametrize("culture", CULTURES)
def test_no_culture_changes_what_is_read(engine: Engine, culture: str, answered: Any) -> None:
    names = ("as recorded", "dates", "numbers", "everything there is", "names in any script, ids with every character")
    cases = [case for case in TABLE if case["name"] in names]
    turn = CULTURES[culture] + "[Threading.Thread]::CurrentThread.CurrentCulture = $culture\n"
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(api_of(case))) for case in cases]
        known = f"try {{ {turn} }} catch {{ [Console]::Out.WriteLine('null'); return }}\n"
        replies = answers(engine, known + "".join(asking(port, 60) for port in ports), {"TZ": "Etc/UTC"})
    if replies == [None]:
        pytest.skip(f"this engine has no culture {culture}")
    assert replies == [answered[case["name"]][1] for case in cases]
