"""Scheduled tasks that run a script of this package as SYSTEM, and that of a dead-man timer."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

PREFIX = "certify-automation-"

_XML = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers>{triggers}</Triggers>
<Principals><Principal id="Author"><UserId>S-1-5-18</UserId>\
<RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings>
<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
<ExecutionTimeLimit>{limit}</ExecutionTimeLimit>
<Priority>5</Priority>
</Settings>
<Actions Context="Author"><Exec>
<Command>%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe</Command>
<Arguments>-NoProfile -NonInteractive -Command "$ErrorActionPreference = 'Stop';
$file = $env:ProgramData + '/certify-automation/{file}';
{first};
$bytes = [IO.File]::ReadAllBytes($file);
$sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider;
if ([BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-', '') -ne '{digest}') {{ exit 1 }};
$text = [Text.Encoding]::UTF8.GetString($bytes);
$null = &amp; ([scriptblock]::Create($text)) @{{ Parameters = @{{ {parameters} }}; Text = $text }}"</Arguments>
</Exec></Actions>
</Task>"""
_REMOVE = f"$null = schtasks.exe /Delete /TN {PREFIX}{{task}} /F"
_TIMES = """\
<BootTrigger />
<TimeTrigger><StartBoundary>2020-01-01T00:00:00Z</StartBoundary>\
<Repetition><Interval>PT1M</Interval></Repetition></TimeTrigger>"""


def task_name(run_id: str) -> str:
    """The name of the task of a run's timer."""
    return f"{PREFIX}{run_id}"


def start_task(visit: Visit, folder: str, run_id: str, digest: str) -> None:
    """Register the task for a timer whose script has this SHA-256, and start it; raises Win32Error."""
    start_process(visit, folder, task_name(run_id), timer_xml(run_id, digest))


def start_process(visit: Visit, folder: str, name: str, xml: str) -> None:
    """Register a task and start it, with a file in a folder of its own; raises Win32Error."""
    tasks, file = visit.computer.tasks, join(folder, "task.xml")
    disk.write(visit, file, b"\xff\xfe" + xml.encode("utf-16-le"))
    try:
        visit.effect("schtasks.exe /Create", lambda: tasks.register(name, xml, replace=True))
    except Win32Error:
        disk.delete(visit, file)
        raise
    disk.delete(visit, file)
    visit.effect("schtasks.exe /Run", lambda: tasks.run(name))


def remove_task(visit: Visit, run_id: str, folder: str) -> None:
    """Remove the task if it can be; its process goes on, and ends by itself when it sees that its run has.

    A task that cannot be removed now removes itself without its script.
    """
    with contextlib.suppress(Win32Error):
        visit.effect("schtasks.exe /Delete", lambda: visit.computer.tasks.delete(task_name(run_id)))
    if visit.computer.files.exists(script := join(folder, "timer.ps1")):
        with contextlib.suppress(Win32Error):
            disk.delete(visit, script)


def forget_left_task(visit: Visit, run_id: str, folder: str) -> None:
    """Remove the task of a run that has ended, when an interruption has left it."""
    if visit.computer.files.exists(join(folder, "timer.ps1")):
        remove_task(visit, run_id, folder)


def stop_task(visit: Visit, run_id: str, folder: str) -> None:
    """End the task's process and remove the task, if they can be."""
    with contextlib.suppress(Win32Error):
        visit.effect("schtasks.exe /End", lambda: visit.computer.tasks.end(task_name(run_id)))
    remove_task(visit, run_id, folder)


def timer_xml(run_id: str, digest: str) -> str:
    """The task of a timer: the account by SID, and none of the defaults that would stop it."""
    return _task_xml(
        digest=digest,
        limit="PT0S",
        file=f"runs/{run_id}/timer.ps1",
        parameters=f"verb = 'timer'; run_id = '{run_id}'",
        first=f"if (-not [IO.File]::Exists($file)) {{ {_REMOVE.format(task=run_id)}; exit }}",
        triggers=_TIMES,
    )


def api_xml(task: str, digest: str, minutes: int) -> str:
    """The task that asks the API for a visit: it has no trigger, and removes its registration first."""
    return _task_xml(
        digest=digest,
        limit=f"PT{minutes}M",
        file=f"api/{task}/script.ps1",
        parameters=f"verb = 'system'; task = '{task}'",
        first=f"$env:Path = $env:SystemRoot + '\\System32'; {_REMOVE.format(task=f'api-{task}')}",
        triggers="",
    )


def _task_xml(**parts: str) -> str:
    return _XML.format(**parts).replace("\n", " ")
