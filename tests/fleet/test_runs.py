from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from certify_automation.desired.settings import Settings
from certify_automation.errors import CertifyAutomationError, Locked, UsageError
from certify_automation.fleet import record_reading, records
from certify_automation.fleet.record_files import state_folder
from certify_automation.fleet.records import RunStart
from certify_automation.fleet.runs import Ledger
from certify_automation.guard.limits import Limits, read_limits
from certify_automation.guard.requests import CertificateRequest, PastRequest
from certify_automation.model.renewal import Hold, RenewalResult, RenewalStatus

NOW = 1_800_000_000_000
MINUTE = 60 * 1000
WEEK = 7 * 24 * 60 * MINUTE
FIRST, SECOND = "1" * 32, "2" * 32
START = RunStart(FIRST, "renew", "alice@ctl01", "abc", ("web*", "issuer=R10"), "1,100%", {"reissue": True, "max": 3})
OTHER = RunStart(SECOND, "renew", "bob@ctl02")


def request(number: int = 0, host: str = "web01", name: str = "www.example.com") -> CertificateRequest:
    return CertificateRequest(
        host, f"a-{number}", f"shop {number}", "letsencrypt.org", staging=False, identifiers=(name,), thumbprint="AB"
    )


def at_most(number: int) -> Limits:
    return read_limits({"letsencrypt.org": {"duplicate_certificates": number, "failed_validations": None}})


def result(number: int, status: RenewalStatus) -> RenewalResult:
    return RenewalResult(f"a-{number}", status, "password=hunter2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def reserve(ledger: Ledger, run: RunStart = START, *, limit: int = 2, wanted: int = 1, now: int = NOW) -> list[str]:
    admission = ledger.reserve(run, [request(number) for number in range(wanted)], at_most(limit), (), now)
    return [one.id for one in admission.admitted]


def lines(folder: Path, run_id: str = FIRST) -> list[dict[str, object]]:
    text = (folder / "runs" / f"{run_id}.jsonl").read_text("ascii")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def recorded(folder: Path, now: int = NOW) -> list[tuple[str, int, bool | None]]:
    return [(past.request.id, past.at_utc_ms, past.succeeded) for past in Ledger(folder).past(now - WEEK)]


def test_what_is_reserved_counts_for_the_next_run(folder: Path) -> None:
    assert reserve(Ledger(folder), wanted=3) == ["a-0", "a-1"]
    assert reserve(Ledger(folder), OTHER) == []
    assert recorded(folder) == [("a-0", NOW, None), ("a-1", NOW, None)]


def test_what_is_requested_counts_for_a_week(folder: Path) -> None:
    assert reserve(Ledger(folder), limit=1) == ["a-0"]
    assert reserve(Ledger(folder), OTHER, limit=1, now=NOW + WEEK - 1) == []
    assert reserve(Ledger(folder), OTHER, limit=1, now=NOW + WEEK) == ["a-0"]


@pytest.mark.parametrize(
    ("status", "succeeded"),
    [
        (RenewalStatus.RENEWED, True),
        (RenewalStatus.FAILED, False),
        (RenewalStatus.PAUSED, None),
        (RenewalStatus.REQUESTED, None),
        (RenewalStatus.RUNNING, None),
        (RenewalStatus.NOT_STARTED, None),
    ],
)
def test_what_was_requested_counts_from_the_time_its_outcome_was_known(
    folder: Path, status: RenewalStatus, succeeded: bool | None
) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.finished(FIRST, "web01", [result(0, status)], NOW + MINUTE)
    assert recorded(folder) == [("a-0", NOW + MINUTE, succeeded)]


@pytest.mark.parametrize("status", [RenewalStatus.MOVED, RenewalStatus.MISSING, RenewalStatus.NOT_RUN])
def test_what_was_never_requested_does_not_count(folder: Path, status: RenewalStatus) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.finished(FIRST, "web01", [result(0, status)], NOW)
    assert recorded(folder) == []


def test_what_is_released_does_not_count(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger, wanted=2)
    ledger.release(FIRST, "web01", ["a-0"], NOW)
    assert [one for one, *_ in recorded(folder)] == ["a-1"]


def test_what_has_no_result_counts_from_the_last_sign_of_the_run(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger, wanted=2)
    ledger.finished(FIRST, "web01", [result(1, RenewalStatus.RENEWED)], NOW + 5 * MINUTE)
    assert recorded(folder) == [("a-0", NOW + 5 * MINUTE, None), ("a-1", NOW + 5 * MINUTE, True)]


def test_what_the_product_requested_by_itself_counts_once(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger, limit=9)
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.RENEWED)], NOW)
    seen = [PastRequest(request(number), NOW - MINUTE, succeeded=True) for number in range(2)]
    further = [request(2), request(3)]
    assert Ledger(folder).reserve(OTHER, further, at_most(3), seen, NOW).admitted == (request(2),)


def test_a_run_goes_on_with_all_that_it_was(folder: Path) -> None:
    ledger = Ledger(folder)
    wanted = [request(0), request(1, "web02"), request(2, "web02"), request(3, "web01"), request(4, "web03")]
    admission = ledger.reserve(START, wanted, at_most(4), (), NOW)
    assert [one.request for one in admission.held] == [request(4, "web03")]
    ledger.asking(FIRST, "web01", NOW)
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.FAILED), result(3, RenewalStatus.NOT_RUN)], NOW + 1)
    ledger.release(FIRST, "web02", ["a-2"], NOW + 2)
    ledger.asking(FIRST, "web02", NOW + 2)
    del ledger
    run = Ledger(folder).run(FIRST)
    assert run.start == START
    assert (run.started_utc_ms, run.active_utc_ms, run.ended) == (NOW, NOW + 2, False)
    assert run.hosts == ("web01", "web02", "web03")
    assert set(run.remaining) == set(wanted[1:])
    assert run.cut_off == (request(1, "web02"),)


def test_what_was_reserved_for_hosts_that_were_not_asked_was_surely_not_requested(folder: Path) -> None:
    reserve(Ledger(folder))
    run = Ledger(folder).run(FIRST)
    assert (run.remaining, run.cut_off) == ((request(0),), ())


def asked(folder: Path, status: RenewalStatus | None = None) -> None:
    """The first run has asked the host for one certificate, with this result."""
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.asking(FIRST, "web01", NOW)
    if status is not None:
        ledger.finished(FIRST, "web01", [result(0, status)], NOW)


MOVED = [replace(request(0), thumbprint="CD"), replace(request(0), attempted_utc_ms=NOW)]


@pytest.mark.parametrize("status", [None, RenewalStatus.REQUESTED, RenewalStatus.RUNNING])
def test_what_may_be_under_way_is_not_requested_twice(folder: Path, status: RenewalStatus | None) -> None:
    asked(folder, status)
    (held,) = Ledger(folder).reserve(OTHER, [request(0)], at_most(9), (), NOW + 59 * MINUTE).held
    assert (held.limit, held.hold, held.until_utc_ms) == (None, Hold.RUNNING, NOW + 60 * MINUTE)
    assert f"run {FIRST} by alice@ctl01 has requested it" in held.text
    assert Ledger(folder).reserve(OTHER, MOVED, at_most(9), (), NOW).admitted == tuple(MOVED)
    assert reserve(Ledger(folder), OTHER, limit=9, now=NOW + 60 * MINUTE) == ["a-0"]


@pytest.mark.parametrize("status", [RenewalStatus.FAILED, RenewalStatus.NOT_STARTED, RenewalStatus.NOT_RUN])
def test_what_has_come_to_its_end_may_be_requested_again(folder: Path, status: RenewalStatus) -> None:
    asked(folder, status)
    assert reserve(Ledger(folder), OTHER, limit=9) == ["a-0"]


def test_what_one_run_is_about_to_request_no_other_does(folder: Path) -> None:
    reserve(Ledger(folder))
    (held,) = Ledger(folder).preview(SECOND, [request(0)], at_most(9), (), NOW).held
    assert (held.hold, f"`renew --resume {FIRST}`" in held.text) == (Hold.OTHER_RUN, True)
    assert reserve(Ledger(folder), OTHER, limit=9, now=NOW + 59 * MINUTE) == []
    assert reserve(Ledger(folder), OTHER, limit=9, now=NOW + 60 * MINUTE) == ["a-0"]


def test_a_run_that_goes_on_leaves_alone_what_it_has_asked_for_within_the_hour(folder: Path) -> None:
    asked(folder)
    assert reserve(Ledger(folder), wanted=2, limit=9, now=NOW + MINUTE) == ["a-1"]
    assert reserve(Ledger(folder), wanted=2, limit=9, now=NOW + 60 * MINUTE) == ["a-0", "a-1"]


def test_what_waits_because_it_may_be_under_way_still_counts_and_waits_the_next_time(folder: Path) -> None:
    asked(folder)
    for minute in (1, 2):
        ledger = Ledger(folder)
        assert reserve(ledger, limit=9, now=NOW + minute * MINUTE) == []
        ledger.wait(FIRST, [request(0)], NOW + minute * MINUTE)
        ledger.ended(FIRST, NOW + minute * MINUTE)
    assert recorded(folder) == [("a-0", NOW + 2 * MINUTE, None)]
    assert Ledger(folder).run(FIRST).cut_off == (request(0),)


def test_an_older_doubt_of_another_item_hides_no_newer_one(folder: Path) -> None:
    asked(folder)
    again = replace(request(0), attempted_utc_ms=NOW)
    third = replace(OTHER, run_id="0" * 32)
    Ledger(folder).reserve(third, [again], at_most(9), (), NOW)
    assert Ledger(folder).reserve(OTHER, [again], at_most(9), (), NOW).admitted == ()
    assert Ledger(folder).reserve(OTHER, [request(0)], at_most(9), (), NOW).admitted == ()


def test_a_preview_records_nothing(folder: Path) -> None:
    admission = Ledger(folder).preview(FIRST, [request(0), request(1)], at_most(1), (), NOW)
    assert [one.id for one in admission.admitted] == ["a-0"]
    assert not folder.exists()


def test_what_waits_belongs_to_the_run(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.wait(FIRST, [request(7)], NOW)
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.RENEWED)], NOW)
    assert (ledger.left(FIRST), Ledger(folder).past(0)[0].request) == (1, request(0))
    ledger.ended(FIRST, NOW)
    assert Ledger(folder).run(FIRST).remaining == (request(7),)


def test_going_on_counts_what_is_requested_again_only_once(folder: Path) -> None:
    assert reserve(Ledger(folder), wanted=3, limit=2) == ["a-0", "a-1"]
    resumed = Ledger(folder)
    run = resumed.run(FIRST)
    admission = resumed.reserve(run.start, run.remaining, at_most(2), (), NOW + MINUTE)
    assert admission.admitted == (request(0), request(1))
    assert recorded(folder) == [("a-0", NOW + MINUTE, None), ("a-1", NOW + MINUTE, None)]
    assert [line["event"] for line in lines(folder)] == ["started", "chosen", "resumed", "chosen"]


def test_going_on_still_counts_what_is_left_alone(folder: Path) -> None:
    assert reserve(Ledger(folder), wanted=2) == ["a-0", "a-1"]
    resumed = Ledger(folder)
    run = resumed.run(FIRST)
    assert resumed.reserve(run.start, [request(0)], at_most(2), (), NOW).admitted == (request(0),)
    assert resumed.reserve(OTHER, [request(5)], at_most(2), (), NOW).admitted == ()


def test_a_finished_run_does_not_go_on(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.RENEWED)], NOW)
    ledger.ended(FIRST, NOW)
    assert failed(lambda: Ledger(folder).run(FIRST)) == "CA3212"


def test_a_run_that_ended_with_requests_held_may_go_on(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger, wanted=2, limit=1)
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.RENEWED)], NOW)
    ledger.ended(FIRST, NOW)
    resumed = Ledger(folder)
    run = resumed.run(FIRST)
    assert (run.ended, run.remaining) == (True, (request(1),))
    resumed.reserve(run.start, run.remaining, at_most(1), (), NOW + WEEK)
    assert not read(folder).ended


def read(folder: Path, run_id: str = FIRST) -> records.RecordedRun:
    run = record_reading.read_record(folder / "runs" / f"{run_id}.jsonl")
    assert run is not None
    return run


def failed(act: Callable[[], object]) -> str:
    with pytest.raises(CertifyAutomationError) as caught:
        act()
    assert caught.value.hint
    return caught.value.id


@pytest.mark.parametrize("run_id", [SECOND, "", "../../etc/passwd", "1" * 7, "1" * 33, "1111111*", "1" * 32 + "\n"])
def test_a_run_that_is_not_there(folder: Path, run_id: str) -> None:
    reserve(Ledger(folder))
    assert failed(lambda: Ledger(folder).run(run_id)) == "CA3211"


def test_a_run_is_found_by_the_first_digits_of_its_id(folder: Path) -> None:
    reserve(Ledger(folder), limit=9)
    reserve(Ledger(folder), OTHER, limit=9)
    assert Ledger(folder).run(FIRST[:8]).start == START
    reserve(Ledger(folder), replace(OTHER, run_id="1" * 31 + "2"), limit=9, now=NOW + 60 * MINUTE)
    assert failed(lambda: Ledger(folder).run(FIRST[:31])) == "CA3217"
    assert Ledger(folder).run(FIRST).start == START


def test_a_folder_that_is_not_there_has_no_past(folder: Path) -> None:
    assert Ledger(folder).past(0) == ()
    assert failed(lambda: Ledger(folder).run(FIRST)) == "CA3211"
    assert not folder.exists()


def test_wherever_a_last_line_was_cut_off_the_run_goes_on(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger, wanted=2)
    path = folder / "runs" / f"{FIRST}.jsonl"
    before = path.stat().st_size
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.RENEWED)], NOW)
    ledger.ended(FIRST, NOW)
    whole = path.read_bytes()
    for size in range(before, whole.index(b"\n", before) + 1):
        path.write_bytes(whole[:size])
        resumed = Ledger(folder)
        remaining = resumed.run(FIRST).remaining
        assert remaining in ((request(0), request(1)), (request(1),))
        assert (len(remaining) == 1) == (size == whole.index(b"\n", before))
        resumed.finished(FIRST, "web01", [result(1, RenewalStatus.FAILED)], NOW)
        assert [one for one, _, succeeded in recorded(folder) if succeeded is False] == ["a-1"]
        resumed.ended(FIRST, NOW)


def test_a_run_of_which_not_even_the_first_line_was_written_is_none(folder: Path) -> None:
    reserve(Ledger(folder))
    path = folder / "runs" / f"{FIRST}.jsonl"
    first = path.read_bytes().split(b"\n")[0]
    for content in (b"", first[:1], first[:-1]):
        path.write_bytes(content)
        assert Ledger(folder).past(0) == ()
        assert failed(lambda: Ledger(folder).run(FIRST)) == "CA3211"


@pytest.mark.parametrize(
    ("content", "error_id"),
    [
        (b"a shopping list\n", "CA3213"),
        (b"a shopping list\nof two lines", "CA3213"),
        (b"\xff\xfe\x00\n\n", "CA3213"),
        (b"[]\n", "CA3213"),
        (b'{"event": "result"}\n', "CA3213"),
        (b'{"event": "started", "runs": 1}\n', "CA3213"),
        (b'{"event": "started", "runs": 2, "new": true}\n', "CA3214"),
        (b'{START}torn\ntorn\n{"event": "resumed", "at": 1}\n', "CA3213"),
        (b'{START}torn\n{"event": "ended", "at": 1}\n', "CA3213"),
        (b'{START}{"event": "unheard-of", "at": 1}\n', "CA3213"),
        (b'{START}{"event": "chosen", "at": 1, "host": "web01", "requests": [{"id": "a"}]}\n', "CA3213"),
        (b'{START}{"event": "chosen", "at": 1, "host": "web01", "requests": null}\n', "CA3213"),
        (b'{START}{"event": "result", "at": null, "host": "web01", "results": []}\n', "CA3213"),
        (b'{START}{"event": "ended", "at": 1e999}\n', "CA3213"),
        (b'{START}{"event": "ended", "at": true}\n', "CA3213"),
        (b'{START}{"event": "ended", "at": -1}\n', "CA3213"),
        (b'{START}{"event": "ended", "at": 1' + b"0" * 30 + b"}\n", "CA3213"),
        (
            b'{START}{"event": "result", "at": 1, "host": "web01", "results": [{"id": {}, "status": "renewed"}]}\n',
            "CA3213",
        ),
        (b'{START}{"event": "released", "at": 1, "host": ["web01"], "ids": ["a-0"]}\n', "CA3213"),
        (b'{START}{"event": "asked", "at": 1, "host": 5}\n', "CA3213"),
        (b'{START}{"event": ["ended"], "at": 1}\n', "CA3213"),
    ],
)
def test_what_cannot_be_counted_stops_and_stays_as_it_is(folder: Path, content: bytes, error_id: str) -> None:
    reserve(Ledger(folder))
    path = folder / "runs" / f"{FIRST}.jsonl"
    content = content.replace(b"{START}", path.read_bytes().split(b"\n")[0] + b"\n")
    path.write_bytes(content)
    os.utime(path, (NOW // 1000, NOW // 1000))
    assert failed(lambda: Ledger(folder).past(0)) == error_id
    assert failed(lambda: reserve(Ledger(folder), OTHER)) == error_id
    assert failed(lambda: Ledger(folder).run(FIRST)) == error_id
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", ["a"]),
        ("id", None),
        ("name", 5),
        ("authority", {"a": 1}),
        ("staging", "no"),
        ("identifiers", "www.example.com"),
        ("identifiers", [1, None]),
        ("thumbprint", 7),
        ("attempted", "yesterday"),
        ("attempted", False),
        ("stage", "unheard-of"),
    ],
)
def test_a_request_with_a_member_that_is_none_stops_with_its_line(folder: Path, member: str, value: object) -> None:
    reserve(Ledger(folder))
    path = folder / "runs" / f"{FIRST}.jsonl"
    started, chosen = lines(folder)
    chosen["requests"] = [{**chosen["requests"][0], member: value}]  # type: ignore[index]
    path.write_text(json.dumps(started) + "\n" + json.dumps(chosen) + "\n", "ascii")
    with pytest.raises(UsageError) as caught:
        Ledger(folder).past(0)
    assert caught.value.id == "CA3213"
    assert f"{path}:2:" in str(caught.value)


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 100_000])
def test_a_line_that_is_nested_without_end_stops_with_its_line(folder: Path, deep: str) -> None:
    reserve(Ledger(folder))
    path = folder / "runs" / f"{FIRST}.jsonl"
    first = path.read_text("ascii").splitlines()[0]
    path.write_text(f"{first}\n{deep}\n", "ascii")
    with pytest.raises(UsageError) as caught:
        Ledger(folder).past(0)
    assert caught.value.id == "CA3213"
    assert f"{path}:2:" in str(caught.value)


def test_a_result_of_what_was_never_chosen_is_passed_over(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.finished(FIRST, "web09", [result(0, RenewalStatus.FAILED)], NOW)
    assert recorded(folder) == [("a-0", NOW, None)]


def test_nothing_is_recorded_of_a_run_that_reserved_nothing(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    assert failed(lambda: ledger.finished(SECOND, "web01", [result(0, RenewalStatus.FAILED)], NOW)) == "CA3211"
    assert failed(lambda: ledger.release(SECOND, "web01", ["a-0"], NOW)) == "CA3211"
    assert failed(lambda: ledger.ended(SECOND, NOW)) == "CA3211"
    assert len(recorded(folder)) == 1


def test_results_come_from_many_threads(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger, limit=200, wanted=200)
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(ledger.finished, FIRST, "web01", [result(number, RenewalStatus.RENEWED)], NOW)
    assert len(lines(folder)) == 202
    assert [succeeded for *_, succeeded in recorded(folder)] == [True] * 200


def test_records_that_are_too_old_to_count_are_not_opened(folder: Path) -> None:
    reserve(Ledger(folder))
    old = folder / "runs" / f"{SECOND}.jsonl"
    old.write_bytes(b"not even a record\n")
    long_ago = (NOW - 2 * WEEK) // 1000
    os.utime(old, (long_ago, long_ago))
    assert len(recorded(folder)) == 1


def test_only_the_owner_can_read_what_was_recorded(folder: Path) -> None:
    reserve(Ledger(folder))
    for path in (folder / "runs").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((folder / "runs").stat().st_mode) == 0o700


def test_the_products_messages_are_not_kept(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    ledger.finished(FIRST, "web01", [result(0, RenewalStatus.FAILED)], NOW)
    assert "hunter2" not in (folder / "runs" / f"{FIRST}.jsonl").read_text("ascii")


@pytest.mark.parametrize("name", ["münchen \u2028 \n {}", 'a "quoted" name', "\ud800"])
def test_any_name_is_read_as_it_was_written(folder: Path, name: str) -> None:
    wanted = replace(request(), name=name, identifiers=(name,), host=name)
    Ledger(folder).reserve(START, [wanted], at_most(1), (), NOW)
    assert read(folder).remaining == (wanted,)
    assert len(lines(folder)) == 2


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    ledger = Ledger(tmp_path / "state")
    assert failed(lambda: reserve(ledger)) == "CA3210"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_is_read_only(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    assert failed(lambda: reserve(Ledger(folder))) == "CA3210"


def test_where_the_state_is(tmp_path: Path) -> None:
    settings = Settings(state_directory=str(tmp_path / "declared"))
    assert state_folder(settings, {}) == tmp_path / "declared"
    assert state_folder(settings, {"CERTIFY_AUTOMATION_STATE": "~/state"}) == tmp_path / "declared"
    assert state_folder(Settings(), {"CERTIFY_AUTOMATION_STATE": "~/state"}) == Path.home() / "state"
    default = state_folder(Settings(), {"CERTIFY_AUTOMATION_STATE": ""})
    assert default.is_absolute()
    assert default.name == "certify-automation"


COMPETITOR = """
import sys
from pathlib import Path
from certify_automation.fleet.records import RunStart
from certify_automation.fleet.runs import Ledger
from certify_automation.guard.limits import read_limits
from certify_automation.guard.requests import CertificateRequest

folder, run_id = Path(sys.argv[1]), sys.argv[2]
limits = read_limits({"letsencrypt.org": {"duplicate_certificates": 3, "failed_validations": None}})
wanted = [CertificateRequest(run_id, "a", "a", "letsencrypt.org", False, ("www.example.com",))]
ledger = Ledger(folder)
print("ready", flush=True)
sys.stdin.readline()
print(len(ledger.reserve(RunStart(run_id, "renew", "me"), wanted, limits, (), 1_800_000_000_000).admitted), flush=True)
sys.stdin.readline()
"""


def competitor(folder: Path, run_id: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-c", COMPETITOR, str(folder), run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def say(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin
    process.stdin.write(word + "\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_processes_that_reserve_at_once_do_not_both_get_the_last_one(folder: Path) -> None:
    processes = [competitor(folder, f"{number}" * 32) for number in range(4)]
    try:
        assert [heard(process) for process in processes] == ["ready"] * 4
        for process in processes:
            say(process, "go")
        assert sorted(heard(process) for process in processes) == ["0", "1", "1", "1"]
    finally:
        for process in processes:
            process.communicate("bye\n", timeout=60)
    assert len(recorded(folder)) == 3


def test_who_counts_is_not_waited_for_without_end(folder: Path) -> None:
    reserve(Ledger(folder))
    with FileLock(folder / "runs" / "lock"), pytest.raises(Locked) as caught:
        reserve(Ledger(folder, patience_seconds=0), OTHER)
    assert caught.value.id == "CA3215"
    assert reserve(Ledger(folder), OTHER, wanted=2) == ["a-1"]


def test_one_that_waits_for_a_lock_waits_for_the_file_that_all_others_see(folder: Path) -> None:
    ledger = Ledger(folder)
    reserve(ledger)
    lock = folder / "runs" / f"{FIRST}.lock"
    before = lock.stat().st_ino
    ledger.ended(FIRST, NOW)
    with FileLock(lock, timeout=0):
        assert lock.stat().st_ino == before
        with pytest.raises(Locked):
            reserve(Ledger(folder))


def test_a_run_is_in_hand_in_one_process_until_that_one_is_gone(folder: Path) -> None:
    process = competitor(folder, FIRST)
    try:
        assert heard(process) == "ready"
        say(process, "go")
        assert heard(process) == "1"
        with pytest.raises(Locked) as caught:
            Ledger(folder).run(FIRST)
        assert caught.value.id == "CA3216"
    finally:
        process.kill()
        process.communicate()
    assert [one.host for one in Ledger(folder).run(FIRST).remaining] == [FIRST]
