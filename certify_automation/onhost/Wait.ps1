# Failing with a code, and waiting with a limit.

# Ends the change in hand; the code is one of docs/contract.md.
function Stop-Change([string]$Code, [string]$Message) {
    $exception = [InvalidOperationException]::new($Message)
    $exception.Data['code'] = $Code
    throw $exception
}

# Why a run is undone, as it is recorded; without $Step it was no change.
function New-Failure([string]$Code, [string]$Message, $Step) {
    [ordered]@{ code = $Code; message = $Message; step = $Step }
}

function Get-FailureCode($ErrorRecord, [string]$Otherwise) {
    $code = $ErrorRecord.Exception.Data['code']
    if ($code) { $code } else { $Otherwise }
}

# Whether the condition came true before that time of Get-MonotonicMs.
function Wait-Condition([scriptblock]$Condition, [long]$Until) {
    while (-not (& $Condition)) {
        if ((Get-MonotonicMs) -ge $Until) { return $false }
        Start-Sleep -Milliseconds 500
    }
    $true
}

# Seconds from now, but not beyond the run's own limit.
function Get-WaitLimit($Run, [int]$Seconds) {
    [Math]::Min($Run.Until, (Get-MonotonicMs) + 1000 * $Seconds)
}

function Assert-Deadline($Run) {
    if ((Get-MonotonicMs) -ge $Run.Until) { Stop-Change 'deadline' 'The deadline has passed.' }
}
