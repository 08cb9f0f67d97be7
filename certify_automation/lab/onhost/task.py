"""The scheduled task of a dead-man timer."""

from __future__ import annotations

import contextlib

from certify_automation.lab.onhost import disk
from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.windows.files import join

_XML = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers><BootTrigger />
<TimeTrigger><StartBoundary>2020-01-01T00:00:00Z</StartBoundary>\
<Repetition><Interval>PT1M</Interval></Repetition></TimeTrigger></Triggers>
<Principals><Principal id="Author"><UserId>S-1-5-18</UserId>\
<RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings>
<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
<Priority>5</Priority>
</Settings>
<Actions Context="Author"><Exec>
<Command>%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe</Command>
<Arguments>-NoProfile -NonInteractive -Command "$ErrorActionPreference = 'Stop';
$file = $env:ProgramData + '/certify-automation/runs/{run}/timer.ps1';
if (-not [IO.File]::Exists($file)) {{ $null = schtasks.exe /Delete /TN certify-automation-{run} /F; exit }};
$bytes = [IO.File]::ReadAllBytes($file);
$sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider;
if ([BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-', '') -ne '{digest}') {{ exit 1 }};
$text = [Text.Encoding]::UTF8.GetString($bytes);
$null = &amp; ([scriptblock]::Create($text)) @{{ Parameters = @{{ verb = 'timer'; run_id = '{run}' }}; Text = $text }}"\
</Arguments>
</Exec></Actions>
</Task>"""


def task_name(run_id: str) -> str:
    """The name of the task of a run's timer."""
    return f"certify-automation-{run_id}"


def start_task(visit: Visit, folder: str, run_id: str, digest: str) -> None:
    """Register the task for a timer whose script has this SHA-256, and start it; raises Win32Error."""
    xml, file = task_xml(run_id, digest), join(folder, "task.xml")
    tasks = visit.computer.tasks
    disk.write(visit, file, b"\xff\xfe" + xml.encode("utf-16-le"))
    try:
        visit.effect("schtasks.exe /Create", lambda: tasks.register(task_name(run_id), xml, replace=True))
    except Win32Error:
        disk.delete(visit, file)
        raise
    disk.delete(visit, file)
    visit.effect("schtasks.exe /Run", lambda: tasks.run(task_name(run_id)))


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


def task_xml(run_id: str, digest: str) -> str:
    """What is registered: the account by SID, and none of the defaults that would stop it."""
    return _XML.format(run=run_id, digest=digest).replace("\n", " ")
