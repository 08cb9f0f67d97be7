# Bringing runs to their end: those that were cut off, and the one in hand.

# Every run without an end, the oldest first; why the run in hand must not begin, or nothing. Nothing is done while a
# journal cannot be used.
function Resume-AllRuns($Run) {
    $open = @(Get-OpenRun)
    foreach ($found in $open) { if ($found.Code -ne '') { return (Get-Refusal $found.Code $found.Error) } }
    foreach ($found in $open) {
        $own = $found.Id -eq $Run.Id
        if ($found.Awaiting -and (Test-TimerAlive $found.Folder)) {
            if (-not $own) { return (Get-Refusal 'awaiting' $found.Id) }
            $found.Result = $Run.Result = 'awaiting'
            $Run.Recorded = ConvertTo-Outcome $found $true
            continue
        }
        $null = Resume-Run $found
        $Run.Recovered += [ordered]@{ run_id = $found.Id; result = $found.Result; steps = $found.Steps; failure = $found.Failure }
        if ($own) { $Run.Recorded = ConvertTo-Outcome $found $true }
    }
}

# Ends a run that Read-Run has found: as applied when nothing but its end is missing, else by undoing it. The outcome.
function Resume-Run($Found) {
    $plan = $Found.Plan
    $done = -not $plan.health -and (@($Found.Steps | Where-Object { $_.status -ne 'done' }).Count -eq 0)
    $settled = -not $plan.confirm_seconds -and ($Found.Healthy -or $done)
    if (-not $Found.Failure -and ($Found.Confirmed -or $settled)) { return (Close-Run $Found 'applied') }
    $failure = if ($Found.Awaiting) { New-Failure 'not_confirmed' 'The run was not confirmed.' }
    else { New-Failure 'interrupted' 'The script was cut off.' }
    Undo-Run $Found $failure
}

# Puts everything back and ends the run; the outcome. An undo that was cut off goes on for its own reason. It has two
# minutes of its own: it must not be cut short.
function Undo-Run($Found, $Failure) {
    if (-not $Found.Failure) {
        $Found.Failure = $Failure
        Save-JournalLine $Found ([ordered]@{ event = 'undo'; failure = $Failure })
    }
    if (-not $Found.Product) {
        try { $Found.Product = Get-ProductFacts } catch {
            # A list that shuts everybody out comes back without WMI.
            if ($Found.Tries -ne 0) { throw }
            $Found.Product = @{ data_dir = $null; generation = $null }
        }
    }
    $Found.Until = (Get-MonotonicMs) + 120000
    $whole = Undo-AllChanges $Found
    Remove-Leftover $Found
    if (-not $whole -and ($Found.Tries -gt 0)) { throw "$($Found.Id) could not be undone." }
    Close-Run $Found $(if ($whole) { 'rolled_back' } else { 'rollback_failed' })
}

# Records what became of a run, and gives it back: the outcome without facts. A run without changes leaves nothing.
function Close-Run($Run, [string]$Result) {
    $Run.Result = $Result
    if ($Run.Journal -ne '') {
        $path = Join-FilePath $Run.Folder 'outcome.json'
        Save-NewText $path (ConvertTo-Outcome $Run $true)
        Write-RunEvent $Run
        if ($Run.Plan.confirm_seconds) { Remove-TimerTask $Run.Folder }
    }
    ConvertTo-Outcome $Run $false
}

# The process of a timer goes on, and ends by itself when it sees that its run has. A task that cannot be removed now, or is
# not there, does no harm: without its script it removes itself.
function Remove-TimerTask([string]$Folder) {
    $id = (Split-FilePath $Folder).Name
    try { $null = Invoke-TaskProgram -Verb '/Delete' -RunId $id -Options '/F' } catch { $null = $_ }
    Remove-Waste (Join-FilePath $Folder 'timer.ps1')
}

# The outcome as JSON, without facts.
function ConvertTo-Outcome($Run, [bool]$Repeated) {
    ConvertTo-AsciiJson ([ordered]@{
        contract = 1; run_id = $Run.Id; result = $Run.Result; refusal = $Run.Refusal; steps = $Run.Steps
        failure = $Run.Failure; health = $Run.Health; repeated = $Repeated; recovered = $Run.Recovered
    })
}

# The entry in the event log; a log that does not take it changes nothing.
function Write-RunEvent($Run) {
    if ($Run.Steps.Count -eq 0) { return }
    $kinds = @{ applied = 1000; awaiting = 1001; rolled_back = 1010; refused = 1011; rollback_failed = 1020 }
    $id = $kinds[$Run.Result]
    $type = if ($id -lt 1010) { 'Information' } elseif ($id -lt 1020) { 'Warning' } else { 'Error' }
    $origin = $Run.Plan.origin
    $lines = @(
        "Result: $($Run.Result)", "Run: $($Run.Id)", "Plan: $($Run.Plan.plan_id)"
        "Commit: $(if ($origin.commit) { $origin.commit } else { 'none' })"
        "By: $($origin.by) on the controller, $env:USERDOMAIN\$env:USERNAME on this computer"
        foreach ($step in $Run.Steps) { "$($step.index) $($step.kind): $($step.status) $($step.code)".TrimEnd() }
        foreach ($stop in $Run.Refusal, $Run.Failure) { if ($stop) { "Failure: $($stop.code) $($stop.message)" } }
    )
    $text = $lines -join "`r`n"
    try { Write-EventEntry -Type $type -Id $id -Text $text.Substring(0, [Math]::Min(31000, $text.Length)) } catch { $null = $_ }
}

# The journal goes first and the outcome last: what is left of a folder must not pass for a run that was cut off.
function Remove-Run([string]$Folder) {
    try {
        Remove-OldFile (Join-FilePath $Folder 'journal')
        foreach ($copy in [IO.Directory]::GetFiles($Folder, '*.before')) { Remove-OldFile $copy }
        Remove-WholeFolder $Folder
    } catch { $null = $_ }
}

# Kept are the last 20 runs, those of 90 days, the newest copy of each file, and the data of the last three runs that have
# any. The days are those before the run before: the clock may be wrong now. What cannot be removed stays for the next time.
function Remove-OldRun {
    $files = 'serviceconfig.before', 'servers.before', 'appsettings_core.before', 'appsettings.before'
    $place = $copies = 0
    $runs = @(Get-RunFolder $true)
    [Array]::Reverse($runs)
    $oldest = Get-UnixTimeMs (Get-Date)
    foreach ($one in $runs | Select-Object -First 2) { $oldest = [Math]::Min($oldest, $one.Started) }
    $oldest -= 7776000000
    foreach ($one in $runs) {
        $only = @($files | Where-Object { [IO.File]::Exists((Join-FilePath $one.Folder $_)) })
        $files = @($files | Where-Object { $only -notcontains $_ })
        if ((++$place -gt 20) -and ($one.Started -lt $oldest) -and ($only.Count -eq 0)) { Remove-Run $one.Folder }
        $data = Join-FilePath $one.Folder 'data'
        if ([IO.Directory]::Exists($data) -and (++$copies -gt 3)) { try { Remove-WholeFolder $data } catch { $null = $_ } }
    }
    # What never had a first line, and what an interrupted removal has left.
    foreach ($one in @(Get-RunFolder $false)) {
        if (-not (Read-Run $one.Folder) -and -not (Test-RunTrace $one.Folder)) { Remove-Run $one.Folder }
    }
}
