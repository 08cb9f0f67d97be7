# Keeping what a run has done, or taking it back, at somebody's word.

# The outcome of the run that is named. One that was cut off is recovered, whatever was asked; to confirm one asks for
# health once more, and undoes it when the API does not answer as it must.
function Complete-NamedRun($Call) {
    $asked = $Call.Parameters
    $run = New-Run (Get-RunPath $asked.run_id)
    $run.Until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    Invoke-Locked -Run $run -Observe $asked.observe -Act {
        $recorded = Get-RecordedOutcome $Run
        if ($recorded) { return $recorded }
        $found = Read-Run $Run.Folder
        if (-not $found) { $Run.Refusal = Get-Refusal 'unknown_run' $Run.Id }
        elseif ($found.Code -ne '') { $Run.Refusal = Get-Refusal $found.Code $found.Error }
        if ($Run.Refusal) { return (ConvertTo-Outcome $Run $false) }
        if (($asked.verb -eq 'undo') -or -not $found.Awaiting) { return (Resume-Run $found) }
        $found.Until = $Run.Until
        $found.Product = Get-ProductFacts
        $health = $found.Plan.health
        if ($health) { $health.wait_seconds = 10 }
        $failure = Confirm-Health -Run $found -Health $health -Events 'confirmed'
        if ($failure) { Undo-Run $found $failure } else { Close-Run $found 'applied' }
    }
}
