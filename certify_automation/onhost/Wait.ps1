# Failing with a code, and waiting with a limit.

# Ends the change in hand; the code is one of docs/contract.md.
function Stop-Change {
    param([string]$Code, [string]$Message)
    $exception = New-Object -TypeName InvalidOperationException -ArgumentList $Message
    $exception.Data['code'] = $Code
    throw $exception
}

function Get-FailureCode {
    param($ErrorRecord, [string]$Otherwise)
    $code = $ErrorRecord.Exception.Data['code']
    if ($code) { $code } else { $Otherwise }
}

# Whether the condition came true before that time of Get-MonotonicMs.
function Wait-Condition {
    param([scriptblock]$Condition, [long]$Until)
    while (-not (& $Condition)) {
        if ((Get-MonotonicMs) -ge $Until) { return $false }
        Start-Sleep -Milliseconds 500
    }
    $true
}

# Seconds from now, but not beyond the run's own limit.
function Get-WaitLimit {
    param($Run, [int]$Seconds)
    [Math]::Min($Run.Until, (Get-MonotonicMs) + 1000 * $Seconds)
}

function Assert-Deadline {
    param($Run)
    if ((Get-MonotonicMs) -ge $Run.Until) { Stop-Change -Code 'deadline' -Message 'The deadline has passed.' }
}
