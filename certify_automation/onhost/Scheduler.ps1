# The task scheduler.

# The dead-man timer's task. schtasks.exe is judged by its exit code and by what it reads back, never by its translated texts.
function Invoke-TaskProgram([string]$Verb, [string]$RunId, [string[]]$Options = @()) {
    # With Stop, Windows PowerShell would end at the first line a program writes to a standard error that is redirected.
    $ErrorActionPreference = 'Continue'
    $lines = schtasks.exe $Verb /TN "certify-automation-$RunId" @Options 2>&1
    if ($LASTEXITCODE -ne 0) { Stop-Change 'timer' "schtasks.exe ${Verb}: $LASTEXITCODE $lines" }
    -join $lines
}
