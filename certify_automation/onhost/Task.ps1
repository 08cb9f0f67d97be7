# Registering the scheduled task of a dead-man timer.

# The task: an account by SID, because names are translated, and none of the defaults that would stop it: batteries, three
# days, low priority. A timer that was ended starts again within a minute. It runs timer.ps1, if that is still the text the
# task was made for, and goes when there is none. In what PowerShell is told there
# are single quotes only, because it stands between double ones, and neither a percent sign nor '$(': the scheduler would
# replace them.
function Get-TaskXml([string]$RunId, [string]$Digest) {
    $xml = @'
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers><BootTrigger />
<TimeTrigger><StartBoundary>2020-01-01T00:00:00Z</StartBoundary><Repetition><Interval>PT1M</Interval></Repetition></TimeTrigger></Triggers>
<Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings>
<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
<Priority>5</Priority>
</Settings>
<Actions Context="Author"><Exec>
<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>
<Arguments>-NoProfile -NonInteractive -Command "$ErrorActionPreference = 'Stop';
$file = $env:ProgramData + '/certify-automation/runs/{run}/timer.ps1';
if (-not [IO.File]::Exists($file)) { $null = schtasks.exe /Delete /TN certify-automation-{run} /F; exit };
$bytes = [IO.File]::ReadAllBytes($file);
$sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider;
if ([BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-', '') -ne '{digest}') { exit 1 };
$text = [Text.Encoding]::UTF8.GetString($bytes);
$null = &amp; ([scriptblock]::Create($text)) @{ Parameters = @{ verb = 'timer'; run_id = '{run}' }; Text = $text }"</Arguments>
</Exec></Actions>
</Task>
'@
    ($xml -replace '\r?\n', ' ').Replace('{run}', $RunId).Replace('{digest}', $Digest)
}

# Registers the task, reads it back, and starts it. The file is in UTF-16 with its mark, as the scheduler exports tasks.
function Start-TimerTask([string]$RunId, [string]$Folder, [string]$Digest) {
    $file = Join-FilePath $Folder 'task.xml'
    $utf16 = [Text.Encoding]::Unicode
    $bytes = $utf16.GetPreamble() + $utf16.GetBytes((Get-TaskXml $RunId $Digest))
    Invoke-FileAct { Write-NewFile $file $bytes }
    try { $null = Invoke-TaskProgram -Verb '/Create' -RunId $RunId -Options '/XML', $file, '/F' } finally { Remove-Waste $file }
    $read = Invoke-TaskProgram -Verb '/Query' -RunId $RunId -Options '/XML'
    foreach ($part in $Digest, 'BootTrigger', '>PT1M<', '>S-1-5-18<', 'OnBatteries>false</Dis', 'OnBatteries>false</Stop', '>PT0S<') {
        if (-not $read.Contains($part)) { Stop-Change 'timer' "The task reads back without ${part}: $read" }
    }
    $null = Invoke-TaskProgram '/Run' $RunId
}
