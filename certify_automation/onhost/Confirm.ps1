# Keeping what a run has done, or taking it back, at somebody's word.

# The outcome of the run that is named. One that was cut off is recovered, whatever was asked; to confirm one asks for
# health once more, and undoes it when the API does not answer as it must.
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
        $found.Until = $Run.Until
        $found.Product = Get-ProductFacts
        $health = $found.Plan.health
        if ($null -ne $health) { $health.wait_seconds = 10 }
        $failure = Confirm-Health -Run $found -Health $health -Events 'confirmed'
        if ($null -eq $failure) { Close-Run -Run $found -Result 'applied' } else { Undo-Run -Found $found -Failure $failure }
    }
}
