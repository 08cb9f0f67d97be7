from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

FIRST, SECOND = "1" * 32, "2" * 32

ACCOUNT = """
import os, sys
from pathlib import Path
from certify_automation.errors import CertifyAutomationError
from certify_automation.fleet.records import RunStart
from certify_automation.fleet.runs import Ledger
from certify_automation.guard.domains import name_and_domain
from certify_automation.guard.limits import read_limits
from certify_automation.guard.requests import CertificateRequest
from certify_automation.model.renewal import RenewalResult, RenewalStatus

name_and_domain("www.example.com")  # reads what this interpreter still needs: its folders may be root's alone
folder, number, run_id = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.setgroups([60000])
os.setresgid(number, number, number)
os.setresuid(number, number, number)
os.umask(0o077)
limits = read_limits({"letsencrypt.org": {"duplicate_certificates": 3, "failed_validations": None}})
wanted = [CertificateRequest("web01", str(number), "a", "letsencrypt.org", False, ("www.example.com",))]
ledger = Ledger(folder)
try:
    print(len(ledger.reserve(RunStart(run_id, "renew", "me"), wanted, limits, (), 1_800_000_000_000).admitted))
    results = [RenewalResult(str(number), RenewalStatus.RENEWED, "")]
    ledger.finished(run_id, "web01", results, 1_800_000_000_000)
    ledger.ended(run_id, 1_800_000_000_000)
    print(len(ledger.past(0)))
except CertifyAutomationError as error:
    print(error.id)
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A state folder that its owner has given to group 60000; outside pytest's folders, which are root's alone."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("only root acts as other accounts")
    with TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        folder = Path(above) / "state"
        folder.mkdir()
        os.chown(folder, -1, 60000)
        folder.chmod(0o2770)
        yield folder


def as_account(folder: Path, number: int, run_id: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", ACCOUNT, str(folder), str(number), run_id],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("mode", [0o2770, 0o770])
def test_accounts_of_a_group_share_a_folder_that_was_given_to_it(shared: Path, mode: int) -> None:
    shared.chmod(mode)
    assert as_account(shared, 60001, FIRST) == ["1", "1"]
    assert as_account(shared, 60002, SECOND) == ["1", "2"]
    assert as_account(shared, 60001, SECOND) == ["1", "3"]  # goes on with the other's run
    for path in (shared / "runs").iterdir():
        assert (path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) == (60000, 0o660), path
    assert stat.S_IMODE((shared / "runs").stat().st_mode) == 0o2770


def test_a_folder_that_was_given_to_nobody_is_its_owners(shared: Path) -> None:
    shared.chmod(0o2755)
    assert as_account(shared, 60002, FIRST) == ["CA3210"]
    os.chown(shared, 60001, -1)
    assert as_account(shared, 60001, FIRST) == ["1", "1"]
    assert as_account(shared, 60002, SECOND) == ["CA3210"]
    assert stat.S_IMODE((shared / "runs" / f"{FIRST}.jsonl").stat().st_mode) == 0o600
