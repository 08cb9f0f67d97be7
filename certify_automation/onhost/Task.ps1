# The scheduled task of a dead-man timer. schtasks.exe is judged by its exit code and by what it reads back, never by
# its translated texts.

# The task: an account by SID, because names are translated, and none of the defaults that would stop it: batteries, three
# days, low priority. It runs timer.ps1, if that is still the text the task was made for. In what PowerShell is told there
# are single quotes only, because it stands between double ones, and neither a percent sign nor '$(': the scheduler would
# replace them.
function Get-TaskXml {
    param([string]$RunId, [string]$Digest)
    $xml = @'
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers><BootTrigger /></Triggers>
<Principals><Principal><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings>
<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
<Priority>5</Priority>
</Settings>
<Actions><Exec>
<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>
<Arguments>-NoProfile -NonInteractive -Command "$ErrorActionPreference = 'Stop';
$bytes = [IO.File]::ReadAllBytes($env:ProgramData + '/certify-automation/runs/{run}/timer.ps1');
$sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider;
if ([BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-', '') -ne '{digest}') { exit 1 };
$text = [Text.Encoding]::UTF8.GetString($bytes);
$null = &amp; ([scriptblock]::Create($text)) @{ Parameters = @{ verb = 'timer'; run_id = '{run}' }; Text = $text }"</Arguments>
</Exec></Actions>
</Task>
'@
    ($xml -replace '\r?\n', ' ').Replace('{run}', $RunId).Replace('{digest}', $Digest)
}

function Invoke-TaskProgram {
    param([string]$Verb, [string]$RunId, [string[]]$Options = @())
    # With Stop, Windows PowerShell would end at the first line a program writes to a standard error that is redirected.
    $ErrorActionPreference = 'Continue'
    $lines = schtasks.exe $Verb /TN "certify-automation-$RunId" @Options 2>&1
    if ($LASTEXITCODE -ne 0) { Stop-Change -Code 'timer' -Message "schtasks.exe ${Verb}: $LASTEXITCODE $lines" }
    -join $lines
}

# Registers the task, reads it back, and starts it. The file is in UTF-16 with its mark, as the scheduler exports tasks.
function Start-TimerTask {
    param([string]$RunId, [string]$Folder, [string]$Digest)
    $file = Join-FilePath -Folder $Folder -Name 'task.xml'
    $utf16 = [Text.Encoding]::Unicode
    Write-NewFile -Path $file -Bytes ($utf16.GetPreamble() + $utf16.GetBytes((Get-TaskXml -RunId $RunId -Digest $Digest)))
    try { $null = Invoke-TaskProgram -Verb '/Create' -RunId $RunId -Options '/XML', $file, '/F' } finally { Remove-OldFile -Path $file }
    $read = Invoke-TaskProgram -Verb '/Query' -RunId $RunId -Options '/XML'
    foreach ($part in $Digest, 'BootTrigger', '>S-1-5-18<', 'OnBatteries>false</Dis', 'OnBatteries>false</Stop', '>PT0S<') {
        if (-not $read.Contains($part)) { Stop-Change -Code 'timer' -Message "The task reads back without ${part}: $read" }
    }
    $null = Invoke-TaskProgram -Verb '/Run' -RunId $RunId
}

# Its process goes on, and ends by itself when it sees that its run has. A task that cannot be removed now, or is not there,
# does no harm: at the next start of the computer it removes itself.
function Remove-TimerTask {
    param([string]$RunId)
    try { $null = Invoke-TaskProgram -Verb '/Delete' -RunId $RunId -Options '/F' } catch { $null = $_ }
}
