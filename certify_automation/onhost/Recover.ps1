# Bringing runs to their end: those that were cut off, and the one in hand.

# Every run without an end, the oldest first; why the run in hand must not begin, or nothing. Nothing is done while a
# journal cannot be used.
function Resume-AllRuns {
    param($Run)
    $open = @(Get-OpenRun)
    foreach ($found in $open) { if ($found.Code -ne '') { return (Get-Refusal -Code $found.Code -Message $found.Error) } }
    foreach ($found in $open) {
        $own = $found.Id -eq $Run.Id
        if ($found.Awaiting -and (Test-TimerAlive -Folder $found.Folder)) {
            if (-not $own) { return (Get-Refusal -Code 'awaiting' -Message $found.Id) }
            $found.Result = 'awaiting'
            $Run.Recorded = ConvertTo-Outcome -Run $found -Repeated $true
            continue
        }
        $null = Resume-Run -Found $found
        $Run.Recovered += [ordered]@{ run_id = $found.Id; result = $found.Result; steps = $found.Steps; failure = $found.Failure }
        if ($own) { $Run.Recorded = ConvertTo-Outcome -Run $found -Repeated $true }
    }
}

# Ends a run that Read-Run has found: as applied when nothing but its end is missing, else by undoing it. The outcome.
function Resume-Run {
    param($Found)
    $plan = $Found.Plan
    $done = ($null -eq $plan.health) -and (@($Found.Steps | Where-Object { $_.status -ne 'done' }).Count -eq 0)
    $settled = ($null -eq $plan.confirm_seconds) -and ($Found.Healthy -or $done)
    if (($null -eq $Found.Failure) -and ($Found.Confirmed -or $settled)) { return (Close-Run -Run $Found -Result 'applied') }
    $failure = if ($Found.Awaiting) { [ordered]@{ code = 'not_confirmed'; message = 'The run was not confirmed.'; step = $null } }
    else { [ordered]@{ code = 'interrupted'; message = 'The script was cut off.'; step = $null } }
    Undo-Run -Found $Found -Failure $failure
}

# Puts everything back and ends the run; the outcome. An undo that was cut off goes on for its own reason. It has two
# minutes of its own: it must not be cut short.
function Undo-Run {
    param($Found, $Failure)
    if ($null -eq $Found.Failure) {
        $Found.Failure = $Failure
        Save-JournalLine -Run $Found -Line ([ordered]@{ event = 'undo'; failure = $Failure })
    }
    if ($null -eq $Found.Product) { $Found.Product = Get-ProductFacts }
    $Found.Until = (Get-MonotonicMs) + 120000
    $whole = Undo-AllChanges -Run $Found
    Remove-Leftover -Run $Found
    Close-Run -Run $Found -Result $(if ($whole) { 'rolled_back' } else { 'rollback_failed' })
}

# Records what became of a run, and gives it back: the outcome without facts. A run without changes leaves nothing.
function Close-Run {
    param($Run, [string]$Result)
    $Run.Result = $Result
    if ($Run.Journal -ne '') {
        $path = Join-FilePath -Folder $Run.Folder -Name 'outcome.json'
        Save-NewText -Path $path -Text (ConvertTo-Outcome -Run $Run -Repeated $true)
        Write-RunEvent -Run $Run
        if ($null -ne $Run.Plan.confirm_seconds) { Remove-TimerTask -RunId $Run.Id }
    }
    ConvertTo-Outcome -Run $Run -Repeated $false
}

# The outcome as JSON, without facts.
function ConvertTo-Outcome {
    param($Run, [bool]$Repeated)
    ConvertTo-AsciiJson -Value ([ordered]@{
        contract = 1; run_id = $Run.Id; result = $Run.Result; refusal = $Run.Refusal; steps = $Run.Steps
        failure = $Run.Failure; health = $Run.Health; repeated = $Repeated; recovered = $Run.Recovered
    })
}

# The entry in the event log; a log that does not take it changes nothing.
function Write-RunEvent {
    param($Run)
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
        foreach ($stop in $Run.Refusal, $Run.Failure) { if ($null -ne $stop) { "Failure: $($stop.code) $($stop.message)" } }
    )
    $text = $lines -join "`r`n"
    try { Write-EventEntry -Type $type -Id $id -Text $text.Substring(0, [Math]::Min(31000, $text.Length)) } catch { $null = $_ }
}

# The journal goes first: what is left of a folder must not pass for a run that was cut off.
function Remove-Run {
    param([string]$Folder)
    try {
        Remove-OldFile -Path (Join-FilePath -Folder $Folder -Name 'journal')
        Remove-WholeFolder -Path $Folder
    } catch { $null = $_ }
}

# Kept are the last 20 runs, those of the last 90 days, the newest copy of each file, and the data of the last three runs
# that have any. What cannot be removed stays for the next time.
function Remove-OldRun {
    $oldest = (Get-UnixTimeMs -Time (Get-Date)) - 7776000000
    $files = 'serviceconfig.before', 'servers.before', 'appsettings_core.before'
    $place = $copies = 0
    $runs = @(Get-RunFolder -Ended $true)
    [Array]::Reverse($runs)
    foreach ($one in $runs) {
        $only = @($files | Where-Object { [IO.File]::Exists((Join-FilePath -Folder $one.Folder -Name $_)) })
        $files = @($files | Where-Object { $only -notcontains $_ })
        if ((++$place -gt 20) -and ($one.Started -lt $oldest) -and ($only.Count -eq 0)) { Remove-Run -Folder $one.Folder }
        $data = Join-FilePath -Folder $one.Folder -Name 'data'
        if ([IO.Directory]::Exists($data) -and (++$copies -gt 3)) { try { Remove-WholeFolder -Path $data } catch { $null = $_ } }
    }
    # What never had a first line, and what an interrupted removal has left.
    foreach ($one in @(Get-RunFolder -Ended $false)) {
        if ($null -eq (Read-Run -Folder $one.Folder)) { Remove-Run -Folder $one.Folder }
    }
}
