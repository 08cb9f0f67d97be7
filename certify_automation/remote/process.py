"""Runs one local process to its end, or to its deadline."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from certify_automation.errors import TimedOut, UsageError
from certify_automation.remote.reply import Output
from certify_automation.remote.session import Deadline


def run_process(command: Sequence[str], stdin: bytes, deadline: Deadline) -> Output:
    """Start `command`, hand it `stdin`, wait for its end and return what it wrote.

    The process is killed when the deadline passes and when this call is interrupted; a Ctrl-C at the console does not
    reach it by itself, so that it is never stopped halfway by one that was meant to let the hosts in hand finish.

    Raises:
        UsageError: CA2041 the program cannot be started.
        TimedOut: CA2005 the deadline passed.
    """
    new_group = subprocess.CREATE_NEW_PROCESS_GROUP if os.name == "nt" else 0  # type: ignore[attr-defined]
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is ours, and no shell is involved
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=new_group,
            start_new_session=os.name != "nt",
        )
    except OSError as error:
        raise UsageError("CA2041", f"{command[0]} cannot be started: {error.strerror}") from error
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=max(0.0, deadline.remaining()))
        except subprocess.TimeoutExpired as error:
            seconds = f"{deadline.seconds:g}"
            raise TimedOut("CA2005", f"{command[0]} did not end within {seconds} s and was stopped") from error
        finally:
            process.kill()
    return Output(stdout, stderr, process.returncode)
