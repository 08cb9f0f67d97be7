"""The same scripts on this computer, without a network."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from certify_automation import onhost
from certify_automation.errors import OutcomeUnknown, ProtocolError, ScriptRefused, TimedOut, UsageError
from certify_automation.model.host import Connection, Transport
from certify_automation.remote import Credentials, Deadlines, connect
from certify_automation.remote.local import LocalSession
from certify_automation.remote.process import run_process
from certify_automation.remote.session import Deadline

ENGINE = os.environ.get("CERTIFY_AUTOMATION_PWSH") or shutil.which("pwsh") or ""
needs_engine = pytest.mark.skipif(not ENGINE, reason="no PowerShell: set CERTIFY_AUTOMATION_PWSH")


def run(text: str, parameters: Mapping[str, object] | None = None, *, acts: bool = False) -> Mapping[str, object]:
    script = onhost.Script("Observe", text, sha256(text.encode()).hexdigest())
    session = LocalSession(ENGINE, Deadlines(read=60, act=60, undo=10))
    return session.run(script, parameters or {}, acts=acts)


@pytest.mark.skipif(sys.platform == "win32", reason="elsewhere than on Windows")
def test_elsewhere_than_on_windows_it_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        connect(Connection("localhost", transport=Transport.LOCAL), credentials=Credentials())
    assert caught.value.id == "CA2040"
    assert caught.value.exit_code == 5


@needs_engine
def test_a_script_gets_its_parameters_and_answers() -> None:
    text = (
        "param($Call) $p = $Call.Parameters; "
        '\'{"contract":1,"ok":true,"value":{"sum":\' + ($p.a + $p.b) + \',"big":\' + $p.text.Length + \'}}\''
    )
    assert run(text, {"a": 40, "b": 2, "text": "ü" * 300_000}) == {"sum": 42, "big": 300_000}


@needs_engine
def test_a_script_that_throws_is_refused_in_its_own_words() -> None:
    with pytest.raises(ScriptRefused, match=r"CA2107.*so nicht"):
        run("throw 'so nicht'")


@needs_engine
def test_a_script_that_was_changed_on_its_way_does_not_run(tmp_path: Path) -> None:
    script = onhost.Script("Observe", f"New-Item '{tmp_path / 'ran'}'", "0" * 64)
    with pytest.raises(ScriptRefused, match="CA2109"):
        LocalSession(ENGINE, Deadlines()).run(script, {}, acts=False)
    assert not (tmp_path / "ran").exists()


@needs_engine
@pytest.mark.parametrize(("acts", "kind"), [(False, ProtocolError), (True, OutcomeUnknown)])
def test_a_script_that_ends_the_process_gives_no_reply(*, acts: bool, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        run("[Environment]::Exit(3)", acts=acts)


PYTHON = sys.executable


def test_what_a_process_writes_comes_back() -> None:
    program = "import sys; data = sys.stdin.buffer.read(); print(len(data)); print('no', file=sys.stderr); sys.exit(3)"
    output = run_process([PYTHON, "-c", program], b"x" * 1_000_000, Deadline(30))
    assert (output.stdout.split(), output.stderr.split(), output.exit_code) == ([b"1000000"], [b"no"], 3)


def test_a_process_that_does_not_read_its_input_is_no_error() -> None:
    assert run_process([PYTHON, "-c", "pass"], b"x" * 1_000_000, Deadline(30)).exit_code == 0


def test_a_process_is_stopped_at_the_deadline(tmp_path: Path) -> None:
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(300)"
    with pytest.raises(TimedOut) as caught:
        run_process([PYTHON, "-c", program], b"", Deadline(2))
    assert caught.value.id == "CA2005"
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"CA2041.*no-such-program"):
        run_process(["/no-such-program"], b"", Deadline(5))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for PowerShell is a script with a shebang")
@pytest.mark.parametrize(("acts", "kind"), [(False, TimedOut), (True, OutcomeUnknown)])
def test_the_deadline_of_a_local_visit(tmp_path: Path, *, acts: bool, kind: type[Exception]) -> None:
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!{PYTHON}\nimport time\ntime.sleep(300)\n")
    hangs.chmod(0o755)
    session = LocalSession(str(hangs), Deadlines(read=1.6, act=1.6, undo=0.1, start=0.1))
    with pytest.raises(kind):
        session.run(onhost.Script("Observe", "", "0" * 64), {}, acts=acts)


def test_a_deadline_that_leaves_no_time_is_refused() -> None:
    with pytest.raises(TimedOut, match="CA2005"):
        LocalSession("/bin/false", Deadlines(act=10, undo=10)).run(
            onhost.Script("Observe", "", "0" * 64), {}, acts=True
        )
