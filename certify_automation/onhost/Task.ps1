# The scheduled task of a dead-man timer. schtasks.exe is judged by its exit code and by what it reads back, never by
# its translated texts.

function Get-TaskName {
    param([string]$RunId)
    "certify-automation-$RunId"
}

# What the timer's process is told to run: timer.ps1, if it is still the text the task was made for. One line of single
# quotes, and neither a percent sign nor '$(': it stands between double quotes in a task, where the scheduler replaces both.
function Get-TimerCommand {
    param([string]$RunId, [string]$Digest)
    $command = @'
$ErrorActionPreference = 'Stop';
$bytes = [IO.File]::ReadAllBytes($env:ProgramData + '/certify-automation/runs/{run}/timer.ps1');
$sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider;
if ([BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-', '') -ne '{digest}') { exit 1 };
$text = [Text.Encoding]::UTF8.GetString($bytes);
$null = & ([scriptblock]::Create($text)) @{ Parameters = @{ verb = 'timer'; run_id = '{run}' }; Text = $text }
'@
    ($command -replace '\r?\n', ' ').Replace('{run}', $RunId).Replace('{digest}', $Digest)
}

# The defaults that would stop it: batteries, three days, low priority. An account by SID, because names are translated.
function Get-TaskXml {
    param([string]$Arguments)
    $xml = @'
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers><BootTrigger /></Triggers>
<Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings>
<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
<Priority>5</Priority>
</Settings>
<Actions Context="Author"><Exec>
<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>
<Arguments>{arguments}</Arguments>
</Exec></Actions>
</Task>
'@
    $xml.Replace('{arguments}', [Security.SecurityElement]::Escape($Arguments))
}

function Invoke-TaskProgram {
    param([string[]]$Words)
    # With Stop, Windows PowerShell would end at the first line a program writes to a standard error that is redirected.
    $ErrorActionPreference = 'Continue'
    $lines = schtasks.exe @Words 2>&1
    if ($LASTEXITCODE -ne 0) { Stop-Change -Code 'timer' -Message "schtasks.exe $($Words[0]): $LASTEXITCODE $lines" }
    $lines
}

# Registers the task, reads it back, and starts it. The file is in UTF-16 with its mark, as the scheduler exports tasks.
function Start-TimerTask {
    param([string]$RunId, [string]$Folder, [string]$Digest)
    $task = '/TN', (Get-TaskName -RunId $RunId)
    $arguments = '-NoProfile -NonInteractive -Command "{0}"' -f (Get-TimerCommand -RunId $RunId -Digest $Digest)
    $file = Join-FilePath -Folder $Folder -Name 'task.xml'
    $utf16 = [Text.Encoding]::Unicode
    Write-NewFile -Path $file -Bytes ($utf16.GetPreamble() + $utf16.GetBytes((Get-TaskXml -Arguments $arguments)))
    try { $null = Invoke-TaskProgram -Words (@('/Create') + $task + '/XML', $file, '/F') } finally { Remove-OldFile -Path $file }
    $read = ([xml](-join (Invoke-TaskProgram -Words (@('/Query') + $task + '/XML')))).Task
    $settings = $read.Settings
    $found = $read.Actions.Exec.Arguments, $read.Principals.Principal.UserId, $settings.DisallowStartIfOnBatteries,
    $settings.StopIfGoingOnBatteries, $settings.ExecutionTimeLimit, ($null -ne $read.Triggers['BootTrigger'])
    if (($found -join ' ') -cne "$arguments S-1-5-18 false false PT0S True") {
        Stop-Change -Code 'timer' -Message "The task reads $found."
    }
    $null = Invoke-TaskProgram -Words (@('/Run') + $task)
}

# The timer's process goes on when its task is deleted, and ends by itself when it sees that its run has. A task that
# cannot be removed now removes itself at the next start of the computer.
function Remove-TimerTask {
    param([string]$RunId)
    try { $null = Invoke-TaskProgram -Words '/Delete', '/TN', (Get-TaskName -RunId $RunId), '/F' } catch { $null = $_ }
}
