# Keeping what a run has done, or taking it back, at somebody's word.

# The outcome of the run that is named; one that was cut off is recovered, whatever was asked.
function Complete-NamedRun {
    param($Call)
    $asked = $Call.Parameters
    $run = New-Run -Folder (Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $asked.run_id)
    $run.Until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    Invoke-Locked -Run $run -Observe $asked.observe -Act {
        $recorded = Get-RecordedOutcome -Run $Run
        if ($null -ne $recorded) { return $recorded }
        $found = Read-Run -Folder $Run.Folder
        if ($null -eq $found) { $Run.Refusal = Get-Refusal -Code 'unknown_run' -Message $Run.Id }
        elseif ($found.Code -ne '') { $Run.Refusal = Get-Refusal -Code $found.Code -Message $found.Error }
        if ($null -ne $Run.Refusal) { return (ConvertTo-Outcome -Run $Run -Repeated $false) }
        if (($asked.verb -eq 'undo') -or -not $found.Awaiting) { return (Resume-Run -Found $found) }
        Confirm-AwaitingRun -Found $found -Until $Run.Until
    }
}

# Asks for health once more, and undoes the run when the API does not answer as it must.
function Confirm-AwaitingRun {
    param($Found, [long]$Until)
    $Found.Until = $Until
    $Found.Product = Get-ProductFacts
    $failure = $null
    try {
        $health = $Found.Plan.health
        if ($null -ne $health) {
            $health.wait_seconds = 10
            $failure = Wait-Health -Run $Found -Health $health -Product $Found.Product
        }
        if ($null -eq $failure) { Add-JournalLine -Run $Found -Line @{ event = 'confirmed' } }
    } catch {
        $message = $_.Exception.GetBaseException().Message
        $failure = [ordered]@{ code = Get-FailureCode -ErrorRecord $_ -Otherwise 'journal'; message = $message; step = $null }
    }
    if ($null -eq $failure) { Close-Run -Run $Found -Result 'applied' } else { Undo-Run -Found $Found -Failure $failure }
}
