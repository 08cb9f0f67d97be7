"""`certs` and `verify` over a fleet in which everything is wrong at once; what each host comes to stops no other."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certify_automation.lab.certificates import CertificateSpec
from certify_automation.lab.faults import FaultRule, FaultRules
from certify_automation.lab.fleet import LabOptions
from certify_automation.lab.hosts import HostSpec

from .conftest import Journey, Ran, start

ODD = (
    CertificateSpec("Büro Nord, große Straße", ("büro.example.de", "www.example.de"), state="overdue"),
    CertificateSpec("日本語の証明書 東京", ("tokyo.example.jp",), state="failing_dns", authority="zerossl.com"),
    CertificateSpec("=cmd|' /C calc'!A0", ("evil.example.com",)),
    CertificateSpec("first\x1b[31m\nsecond", ("esc.example.com",), state="never"),
    CertificateSpec("expired.example.com", state="expired"),
    CertificateSpec("paused.example.com", state="paused"),
)
WWW = (CertificateSpec("www.example.com", state="overdue"),)
FAULTS = {
    "html.example.com": "api_html",
    "trace.example.com": "api_500_stack_trace",
    "refused.example.com": "api_refused",
    "task.example.com": "task_forbidden",
    "gone.example.com": "unreachable",
    "row.example.com": "item_unreadable",
    "skewed.example.com": "clock_skew",
}
ERRORS = {
    "html.example.com": "failed CA3079",
    "trace.example.com": "failed CA3078",
    "refused.example.com": "failed CA3077",
    "task.example.com": "failed CA3080",
    "down.example.com": "failed CA3076",
    "row.example.com": "failed CA3078",
    "gone.example.com": "unreachable CA2002",
}


@dataclass
class Looked:
    """One journey through the whole fleet."""

    journey: Journey
    before: dict[str, dict[str, object]]
    table: Ran
    document: Any
    after: dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    hosts = [HostSpec("odd.example.com", "v6", culture="de-DE", certificates=ODD)]
    hosts += [HostSpec("stuck.example.com", "v7", certificates=WWW), HostSpec("down.example.com", "v6")]
    hosts += [HostSpec(name, "v7" if number % 2 else "v6", certificates=WWW) for number, name in enumerate(FAULTS)]
    faults = {**FAULTS, "stuck.example.com": "renewal_stuck"}
    rules = FaultRules(FaultRule(fault, (name,)) for name, fault in faults.items())
    for journey in start(tmp_path_factory.mktemp("certs"), LabOptions(tuple(hosts), rules)):
        stuck, down = (journey.lab.hosts[name].computer for name in ("stuck.example.com", "down.example.com"))
        stuck.clock.advance(2 * 3600)
        down.services.stop("Certify.Service")
        down.clock.advance(60)
        down.services.settle()
        before = journey.lab.dump()
        table = journey.run("certs")
        after = journey.lab.dump()
        yield Looked(journey, before, table, journey.run("certs", "--json").document(), after)


def test_hosts_that_could_not_be_asked_are_named_with_the_reason_and_stop_no_other(looked: Looked) -> None:
    found = {
        host["host"]: f"{host['status']} {host['error']['id']}" if host["error"] else host["status"]
        for host in looked.document["hosts"]
    }
    assert found == {**ERRORS, "odd.example.com": "ok", "stuck.example.com": "ok", "skewed.example.com": "ok"}
    assert (looked.table.code, looked.document["exit_code"]) == (3, 3)
    for name, error in ERRORS.items():
        assert f"error {error.split()[1]}: {name}: " in looked.table.err
    assert "an item in the product's data store that cannot be read makes every list fail" in looked.table.err
    assert "7 hosts could not be asked" in looked.table.out
    said = looked.table.out + looked.table.err + json.dumps(looked.document)
    assert "hunter2" not in said
    assert "SQLiteManagedItemStore" not in said


OWN_FOLDER = "C:\\ProgramData\\certify-automation"


def without_own_folder(dump: dict[str, dict[str, object]]) -> dict[str, Any]:
    """The hosts but for the empty, protected folders of this program, which a task of SYSTEM needs.

    The log of the product goes on by itself: it tells of a pass every five minutes.
    """
    kept: dict[str, Any] = {}
    for name, host in dump.items():
        files, security = dict(host["files"]), dict(host["file_security"])  # type: ignore[call-overload]
        for folder in (OWN_FOLDER, f"{OWN_FOLDER}\\api"):
            assert files.pop(folder, None) is None
            security.pop(folder.lower(), None)
        for path in [path for path in files if path.endswith("\\session.log")]:
            del files[path]
        kept[name] = {**host, "files": files, "file_security": security}
    return kept


def test_looking_changes_nothing(looked: Looked) -> None:
    assert without_own_folder(looked.after) == without_own_folder(looked.before)


def test_all_certificates_are_in_one_table_the_most_urgent_first(looked: Looked) -> None:
    heading, *rows = looked.table.out.splitlines()
    assert heading.split() == ["HOST", "NAME", "IDENTIFIERS", "ISSUER", "EXPIRES", "DUE", "STATUS", "WHY"]
    names = [row["name"] for row in looked.document["certificates"]]
    assert names[0] == "expired.example.com"
    assert names[-1] == "=cmd|' /C calc'!A0"
    assert len(rows) == len(names) + 1 == 9
    states = {
        row["name"]: (row["due"], row["failing"], row["expired"], row["requested"])
        for row in looked.document["certificates"]
    }
    assert states["expired.example.com"] == (True, False, True, True)
    assert states["paused.example.com"] == (True, False, False, False)
    assert states["日本語の証明書 東京"][:2] == (True, True)
    assert states["=cmd|' /C calc'!A0"] == (False, False, False, False)
    due = "7 due (1 of them failing, 1 paused, 1 expired)"
    assert rows[-1].startswith(f"8 certificates on 3 hosts: {due}, 1 failing, 1 expired")


def test_names_in_any_script_stay_on_their_line(looked: Looked) -> None:
    assert "Büro Nord, große Straße" in looked.table.out
    assert "first [31m second" in looked.table.out
    assert "\x1b" not in looked.table.out
    row = next(line for line in looked.table.out.splitlines() if "東京" in line)
    assert "zerossl.com" in row
    assert "DNS problem: NXDOMAIN" in row


def test_ids_are_shown_when_asked_for(looked: Looked) -> None:
    done = looked.journey.run("certs", "-v", "-l", "odd.example.com")
    assert all(row["id"] in done.out for row in looked.document["certificates"] if row["host"] == "odd.example.com")


def test_a_stalled_scheduler_and_a_clock_that_is_off_are_said(looked: Looked) -> None:
    warned = {host["host"]: [one["id"] for one in host["warnings"]] for host in looked.document["hosts"]}
    assert warned["skewed.example.com"] == ["CA3062"]
    assert warned["stuck.example.com"] == ["CA3062", "CA3081"]
    assert "warning CA3081: stuck.example.com: the product seems to have stopped renewing" in looked.table.err
    stuck = next(host for host in looked.document["hosts"] if host["host"] == "stuck.example.com")
    assert stuck["stalled_since_utc_ms"] < stuck["clock_utc_ms"]
    assert warned["odd.example.com"] == []


def test_csv_is_for_spreadsheets(looked: Looked) -> None:
    done = looked.journey.run("certs", "--csv", "-l", "odd.example.com")
    rows = list(csv.DictReader(io.StringIO(done.out, newline="")))
    assert (done.code, len(rows)) == (0, len(ODD))
    assert rows[-1]["name"] == "'=cmd|' /C calc'!A0"
    assert done.err.splitlines()[-1].startswith("6 certificates on 1 host: ")


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (("--failing",), {"日本語の証明書 東京"}),
        (("--issuer", "zero*"), {"日本語の証明書 東京"}),
        (("--domain", "*.example.de"), {"Büro Nord, große Straße"}),
        (("--expires-within", "1d"), {"expired.example.com"}),
        (
            ("--due", "--domain", "*.example.com"),
            {"expired.example.com", "paused.example.com", "first\x1b[31m\nsecond"},
        ),
        (("--domain", "nobody.example"), set()),
    ],
)
def test_filters(looked: Looked, flags: tuple[str, ...], names: set[str]) -> None:
    done = looked.journey.run("certs", "--json", "-l", "odd.example.com", *flags)
    assert {row["name"] for row in done.document()["certificates"]} == names
    shown = looked.journey.run("certs", "-l", "odd.example.com", *flags)
    assert shown.out.splitlines()[-1].startswith(f"{len(names)} shown of 6 certificates on 1 host")
    assert (done.code, shown.code) == (0, 0)


def test_certificates_chosen_by_id(looked: Looked) -> None:
    ids = {row["name"]: row["id"] for row in looked.document["certificates"] if row["host"] == "odd.example.com"}
    odd = ids["Büro Nord, große Straße"]
    chosen = ("-l", "odd.example.com", "--id", f"odd.example.com/{odd}", "--id", odd, "--id", "nobody's")
    done = looked.journey.run("certs", "--json", *chosen).document()
    assert [row["id"] for row in done["certificates"]] == [odd]
    assert done["unknown_ids"] == ["nobody's"]
    for command in (("certs",), ("renew", "--dry-run")):
        shown = looked.journey.run(*command, *chosen)
        assert "große Straße" in shown.out
        assert "東京" not in shown.out
        assert "warning CA5038: nobody's: no certificate of the hosts that could be asked has this id" in shown.err
    elsewhere = looked.journey.run("certs", "-l", "odd.example.com", "--failing", "--id", f"web01/{odd}", "--id", odd)
    assert elsewhere.out.splitlines()[-1].startswith("0 shown of 6 certificates")
    assert f"CA5038: web01/{odd}: " in elsewhere.err


def test_a_host_out_of_reach_alone_is_unreachable(looked: Looked) -> None:
    assert looked.journey.run("certs", "-l", "gone.example.com").code == 4


SITES = {
    "web01.example.com": {
        "served.example.com": CertificateSpec("served.example.com", endpoint="served.example.com:443"),
        "old.example.com": CertificateSpec("old.example.com", state="served_old", endpoint="old.example.com:443"),
        "expired.example.com": CertificateSpec(
            "expired.example.com", state="expired", endpoint="expired.example.com:443"
        ),
        "garbled.example.com": CertificateSpec("garbled.example.com", endpoint="garbled.example.com:443"),
        "nobody.example.com": CertificateSpec("nobody.example.com"),
        "other.example.com": CertificateSpec(
            "other.example.com", ("wrong.example.com",), endpoint="other.example.com:443"
        ),
    },
    "short.example.com": {"short.example.com": CertificateSpec("short.example.com", endpoint="short.example.com:443")},
    "closed.example.com": {
        "closed.example.com": CertificateSpec("closed.example.com", endpoint="closed.example.com:443")
    },
    "hangs.example.com": {"hangs.example.com": CertificateSpec("hangs.example.com", endpoint="hangs.example.com:443")},
    "away.example.com": {"away.example.com": CertificateSpec("away.example.com", endpoint="away.example.com:443")},
}
VERDICTS = {
    "served.example.com": ("served", ""),
    "old.example.com": ("old_certificate", "the http.sys binding old.example.com:443 still has the one served"),
    "expired.example.com": ("expired", "the managed certificate itself is out of its time"),
    "garbled.example.com": ("unreadable_certificate", "cannot be read"),
    "nobody.example.com": ("not_reachable", "closed before the handshake"),
    "other.example.com": ("wrong_name", "wrong.example.com"),
    "short.example.com": ("chain_incomplete", "the server sends no certificate of"),
    "closed.example.com": ("not_reachable", "nothing listens there"),
    "hangs.example.com": ("not_reachable", "nothing answered in time"),
    "away.example.com": ("not_compared", "the host could not be looked at"),
}
ENTRY = '    - {{endpoint: "{{{{ vars.tls_address }}}}:{{{{ vars.tls_port }}}}", sni: {name}, certificate: {name}}}\n'


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    hosts = tuple(HostSpec(name, "v6", certificates=tuple(specs.values())) for name, specs in SITES.items())
    rules = FaultRules(
        [
            FaultRule("certificate_unreadable", ("web01*",), {"names": ["garbled*"]}),
            FaultRule("chain_incomplete", ("short*",)),
            FaultRule("endpoint_closed", ("closed*",)),
            FaultRule("endpoint_hangs", ("hangs*",)),
            FaultRule("unreachable", ("away*",)),
        ]
    )
    for journey in start(tmp_path_factory.mktemp("sites"), LabOptions(hosts, rules)):
        fleet = journey.folder / "fleet"
        for host, names in SITES.items():
            text = f"version: 1\napplies_to: {{hosts: [{host}]}}\nrenewals:\n  served:\n"
            entries = "".join(ENTRY.format(name=name) for name in names)
            (fleet / "state" / f"{host}.yaml").write_text(text + entries, "utf-8")
        (fleet / "certify-automation.yaml").write_text("version: 1\ntrust: {ca_file: ../lab-roots.pem}\n", "utf-8")
        yield journey


def test_each_endpoint_has_its_verdict_cause_and_next_step(sites: Journey) -> None:
    done = sites.run("verify", "--json", "--timeout", "2s")
    found = {one["sni"]: one for one in done.document()["endpoints"]}
    assert {name: one["verdict"] for name, one in found.items()} == {name: said for name, (said, _) in VERDICTS.items()}
    for name, (_, cause) in VERDICTS.items():
        assert cause in found[name]["cause"]
        assert bool(found[name]["next_step"]) is bool(cause)
    presented = found["served.example.com"]["presented"]
    assert presented["sha1"] == found["served.example.com"]["managed_thumbprint"]
    assert presented["names"] == ["served.example.com"]
    assert found["old.example.com"]["presented"]["sha1"] != found["old.example.com"]["managed_thumbprint"]
    assert {host["host"]: host["status"] for host in done.document()["hosts"]}["away.example.com"] == "unreachable"
    assert done.code == done.document()["exit_code"] == 4


def test_what_is_wrong_stands_first_and_is_explained(sites: Journey) -> None:
    done = sites.run("verify", "-l", "web01.example.com")
    heading, *rows, summary = done.out.splitlines()
    assert heading.split()[:5] == ["ENDPOINT", "SNI", "HOST", "CERTIFICATE", "EXPIRES"]
    assert "served.example.com" in rows[-1]
    assert all("; next: " in row for row in rows[:-1])
    assert summary.startswith("6 endpoints: 1 served, 1 old certificate, 1 wrong name, 1 expired,")
    assert done.code == 2


def test_a_single_endpoint_is_looked_at_without_a_visit(sites: Journey) -> None:
    host = sites.lab.hosts["web01.example.com"]
    endpoint = f"{host.listening.address}:{host.tls_port}"
    good = sites.run("verify", "--endpoint", endpoint, "--sni", "served.example.com")
    assert (good.code, good.out.splitlines()[-1]) == (0, "1 endpoint: 1 valid")
    bad = sites.run("verify", "--endpoint", endpoint, "--sni", "expired.example.com", "--json")
    (found,) = bad.document()["endpoints"]
    assert (bad.code, found["verdict"], found["host"]) == (2, "expired", None)


def test_whom_nobody_trusts_is_not_trusted(sites: Journey) -> None:
    settings = sites.folder / "fleet" / "certify-automation.yaml"
    kept = settings.read_bytes()
    settings.unlink()
    done = sites.run("verify", "-l", "web01.example.com", "--json")
    settings.write_bytes(kept)
    verdicts = {one["sni"]: one["verdict"] for one in done.document()["endpoints"]}
    assert verdicts["served.example.com"] == "not_trusted"


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers no such signals to another process")
@pytest.mark.parametrize("command", ["certs", "verify"])
def test_once_interrupted_no_other_host_is_visited_and_what_is_known_is_told(command: str, tmp_path: Path) -> None:
    site = CertificateSpec("www.example.com", state="overdue", endpoint="www.example.com:443")
    hosts = tuple(HostSpec(f"{name}.example.com", "v6", certificates=(site,)) for name in "abc")
    rules = FaultRules([FaultRule("slow_start", ("b.*",), {"seconds": 3})])
    for journey in start(tmp_path, LabOptions(hosts, rules)):
        text = "version: 1\nname: sites\napplies_to: all\nrenewals:\n  served:\n" + ENTRY.format(name="www.example.com")
        (tmp_path / "fleet" / "state" / "sites.yaml").write_text(text, "utf-8")
        arguments = [
            sys.executable,
            "-m",
            "certify_automation",
            command,
            "--json",
            "-v",
            "--forks",
            "1",
            *journey.flags,
        ]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
            assert process.stderr
            while "[1/3]" not in (line := process.stderr.readline()):
                assert line, process.communicate()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
        document = json.loads(out)
        assert process.returncode == document["exit_code"] == 130, err
        statuses = {host["host"]: host["status"] for host in document["hosts"]}
        assert (statuses["a.example.com"], statuses["c.example.com"]) == ("ok", "not_run")
        looked_at = {name for name, status in statuses.items() if status == "ok"}
        found = {one["host"] for one in document["certificates" if command == "certs" else "endpoints"]}
        assert found == (looked_at if command == "certs" else set())
