# One plan on this computer: lock, recover, refuse or act, undo on failure, record.

# The facts are left out (null) when they cannot be read: what was done must be said all the same.
function Add-Facts([string]$Outcome, $Observe, $Lock) {
    try { $facts = ConvertTo-AsciiJson (Get-Facts $Observe $Lock) } catch { $facts = 'null' }
    $Outcome.Substring(0, $Outcome.Length - 1) + ',"facts":' + $facts + '}'
}

# What $Act gives as outcome while nobody else may act, with facts; a refusal when somebody else does. $Act finds the run
# in $Run.
function Invoke-Locked($Run, $Observe, [scriptblock]$Act) {
    $folder = Get-AutomationFolder
    $Run.Refusal = Get-FolderRefusal $folder
    $lock = $null
    if (-not $Run.Refusal) {
        $lock = Enter-Lock $folder $Run.Id
        if (-not $lock) { $Run.Refusal = Get-Refusal 'locked' ([string](Get-LockHolder $folder)) }
    }
    if (-not $lock) {
        Write-RunEvent $Run
        return (Add-Facts -Outcome (ConvertTo-Outcome $Run $false) -Observe $Observe -Lock (Get-LockFacts))
    }
    try {
        $outcome = & $Act
        # A look that hangs must not keep the lock from the timer.
        if ($Run.Result -eq 'awaiting') { Exit-Lock $lock $folder }
        Add-Facts -Outcome $outcome -Observe $Observe -Lock ([ordered]@{ held = $false; holder = $null })
    } finally { if ($Run.Result -ne 'awaiting') { Exit-Lock $lock $folder } }
}

# What the journal needs before the first change; why there will be none, or nothing. A run that was never begun is none.
function Start-Run($Run, $Call) {
    try {
        Open-Journal $Run
        if ($Run.Plan.confirm_seconds) { $refusal = Start-DeadManTimer $Run $Call } else { return }
    } catch { $refusal = Get-Refusal (Get-FailureCode $_ 'journal') (Get-ErrorText $_) }
    if (-not $refusal) { return }
    Remove-Waste $Run.Journal
    $refusal
}

# Acts and waits for health; the failure, or nothing.
function Invoke-Acts($Run) {
    $failure = Invoke-AllChanges $Run
    if ($failure) { return $failure }
    $events = @(if ($Run.Plan.health) { 'healthy' }) + @(if ($Run.Plan.confirm_seconds) { 'awaiting' })
    Confirm-Health -Run $Run -Health $Run.Plan.health -Events $events
}

# Waits for health if it is asked for, and writes down how far the run has come; the failure, or nothing.
function Confirm-Health($Run, $Health, [string[]]$Events) {
    try {
        $failure = if ($Health) { Wait-Health -Run $Run -Health $Health -Product $Run.Product }
        if ($failure) { return $failure }
        foreach ($name in $Events) { Add-JournalLine $Run @{ event = $name } }
    } catch { New-Failure (Get-FailureCode $_ 'journal') (Get-ErrorText $_) }
}

# The recorded outcome of a run that has acted before; with the runs that this visit has brought to their end.
function Get-RecordedOutcome($Run) {
    $text = Read-Outcome $Run.Folder
    if ($text -ceq '') { throw "$($Run.Folder): outcome.json cannot be opened." }
    if ($text -and [IO.File]::Exists((Join-FilePath $Run.Folder 'timer.ps1'))) { Remove-TimerTask $Run.Folder }
    if (-not $text) { $text = $Run.Recorded }
    if (-not $text) { return }
    if ($Run.Recovered.Count -eq 0) { return $text }
    $text.Substring(0, $text.IndexOf(',"recovered":')) + ',"recovered":' + (ConvertTo-AsciiJson $Run.Recovered) + '}'
}

# The outcome of a plan under the lock. A run id that has acted here never acts again.
function Invoke-LockedPlan($Run, $Call) {
    $Run.Refusal = Resume-AllRuns $Run
    if (-not $Run.Refusal) {
        $recorded = Get-RecordedOutcome $Run
        if ($recorded) { return $recorded }
        $Run.Product = Get-ProductFacts
        $Run.Refusal = Get-StaleRefusal @($Run.Plan.expects) @(Get-ManagedValue (Get-ManagedPart))
    }
    if (-not $Run.Refusal) { $Run.Refusal = Get-PortRefusal $Run.Plan.port_check $Run.Product.generation }
    if (-not $Run.Refusal -and $Run.Steps.Count) { $Run.Refusal = Start-Run $Run $Call }
    if ($Run.Refusal) {
        Write-RunEvent $Run
        return (ConvertTo-Outcome $Run $false)
    }
    $failure = Invoke-Acts $Run
    if ($failure) { Undo-Run $Run $failure }
    elseif (-not $Run.Plan.confirm_seconds) { Close-Run $Run 'applied' }
    else {
        $Run.Result = 'awaiting'
        Write-RunEvent $Run
        ConvertTo-Outcome $Run $false
    }
    if ($Run.Journal -ne '') { Remove-OldRun }
}

function Invoke-Plan($Call) {
    $plan = $Call.Parameters.plan
    $run = New-Run (Get-RunPath $plan.run_id)
    if (-not @($plan.changes).Count) { $plan.confirm_seconds = $null }
    $run.Plan = $plan
    $run.Steps = @(New-Step $plan)
    $run.Until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    Invoke-Locked -Run $run -Observe $plan.observe -Act { Invoke-LockedPlan $Run $Call }
}
