# Making the changes of a plan, and putting everything back.

# The code of a failure that the change itself did not name.
function Get-UsualCode([string]$Kind) {
    switch -Wildcard ($Kind) {
        'file.*' { return 'file_write' }
        'data_store.*' { return 'file_write' }
        'driver.start' { return 'driver_start' }
        '*.start_mode' { return 'service_config' }
        'service.recovery' { return 'service_config' }
        'data_directory.*' { return 'access_control' }
        'firewall_rule.*' { return 'firewall' }
        'service.stop' { return 'service_stop' }
        'service.*' { return 'service_start' }
    }
    'netsh'
}

# Makes a change or, with $Undo, puts it back: by the same acts, because what was done only in part is put back too, and
# each looks at what is there first. $wanted is the side of a change with before and after that is to be reached.
function Invoke-Change($Run, $Change, [bool]$Undo) {
    $side = $Change.PSObject.Properties[$(if ($Undo) { 'before' } else { 'after' })]
    $wanted = if ($side) { $side.Value }
    $present = $Change.kind.Contains('.add') -ne $Undo
    switch ($Change.kind.Split('.')[0]) {
        'driver' {
            if ($null -eq $wanted) { Start-HttpDriver $Run } else { Set-StartMode -Run $Run -Name 'HTTP' -Mode $wanted }
        }
        'url_reservation' {
            $sddl = if ($null -ne $wanted) { $wanted } elseif ($present) { $Change.sddl } else { '' }
            Set-Reservation -Run $Run -Url $Change.url -Sddl $sddl
        }
        'ip_listen' { Set-ListenEntry -Run $Run -Address $Change.address -Present $present }
        'firewall_rule' { Set-FirewallRule -Run $Run -Name $Change.name -Port $Change.port -Present $present }
        'data_directory' { Set-DataAccess -Run $Run -Path $Change.path -Sddl $wanted }
        'file' { if ($Undo) { Reset-ChangedFile $Run $Change } else { Set-ChangedFile $Run $Change } }
        'data_store' { if ($Undo) { Undo-DataRestore $Run $Change } else { Restore-Data $Run $Change } }
        'service' { Invoke-ServiceChange -Run $Run -Change $Change -Wanted $wanted -Undo $Undo }
        default { throw "No such kind of change: $($Change.kind)" }
    }
}

function Invoke-ServiceChange($Run, $Change, $Wanted, [bool]$Undo) {
    $name = $Change.service
    if ('service.restart', 'service.start' -contains $Change.kind -and -not $Undo) { Save-Data $Run }
    switch ($Change.kind) {
        'service.start_mode' { Set-StartMode -Run $Run -Name $name -Mode $Wanted }
        'service.recovery' { Set-ServiceRecovery -Run $Run -Name $name -Recovery $Wanted }
        'service.restart' { if ($Undo) { Undo-Restart $Run $name } else { Restart-ProductService $Run $name } }
        { 'service.start', 'service.stop' -contains $_ } {
            $start = ($_ -eq 'service.start') -ne $Undo
            if ($start) { Start-ProductService $Run $name } else { Stop-ProductService $Run $name }
        }
        default { throw "No such kind of change: $_" }
    }
}

# Makes the changes in order and marks each step; the code and message of the first that fails, nothing when none does.
function Invoke-AllChanges($Run) {
    $changes = @($Run.Plan.changes)
    for ($i = 0; $i -lt $changes.Count; $i++) {
        $step = $Run.Steps[$i]
        if ((Get-MonotonicMs) -ge $Run.Until) {
            return (New-Failure -Code 'deadline' -Message 'The deadline has passed.' -Step $i)
        }
        $Run.Acted = $false
        $Run.Intent = $i
        try {
            $null = Invoke-Change -Run $Run -Change $changes[$i] -Undo $false
            Add-JournalLine $Run ([ordered]@{ event = 'done'; step = $i; acted = $Run.Acted })
            $step.status = 'done'
        } catch {
            Set-StepFailure -Run $Run -Step $step -ErrorRecord $_
            return (New-Failure -Code $step.code -Message $step.message -Step $i)
        } finally {
            $Run.Intent = -1
            if (-not $Run.Acted) { $Run.Untouched += $i }
        }
    }
}

function Set-StepFailure($Run, $Step, $ErrorRecord) {
    $Step.status = 'failed'
    $Step.code = Get-FailureCode $ErrorRecord (Get-UsualCode $Step.kind)
    $Step.message = Get-ErrorText $ErrorRecord
    $line = [ordered]@{ event = 'failed'; step = $Step.index; code = $Step.code; message = $Step.message; acted = $Run.Acted }
    Save-JournalLine $Run $line
}

# The service may be another process than at the beginning, or one where none was, and have read what is put back; a change
# may have stopped it, or asked it to stop. Process ids are used again after a start of the computer.
function Restore-ProductService($Run) {
    $begin = $Run.Begin
    $service = Get-ProductService | Select-Object -First 1
    if (-not $begin -or -not $begin.service_state -or -not $service) { return }
    if ('Stopped', 'Stop Pending' -contains $begin.service_state) {
        if ($service.process_id) { Stop-ProductService $Run $service.name }
        return
    }
    # Setting the clock moves the time of the last start a little.
    $moved = (Get-BootTimeMs (Get-OperatingSystem)) - $begin.boot_utc_ms
    $same = ($service.process_id -eq $begin.process_id) -and ($service.state -ne 'Stop Pending')
    if ($same -and ($moved -gt -120000) -and ($moved -lt 120000)) { return }
    Undo-Restart $Run $service.name
}

# Which steps are undone, in which order: the reverse one, but what starts the service again comes when all else is back;
# -1 is the service itself when no act on it had been begun. After it only a start mode that was disabled, because such a
# service does not start.
function Get-UndoOrder($Run) {
    $acts = @()
    $disabled = @()
    $begun = @($Run.Steps | Where-Object { $_.status -ne 'not_run' })
    [Array]::Reverse($begun)
    $mode = @($Run.Steps | Where-Object { $_.kind -eq 'service.start_mode' }) | Select-Object -First 1
    foreach ($step in $begun) {
        if ('service.restart', 'service.stop' -contains $step.kind) { $acts += $step.index }
        elseif (($step -eq $mode) -and ($Run.Plan.changes[$step.index].before -eq 'disabled')) { $disabled += $step.index }
        else { $step.index }
    }
    if ($acts.Count) { $acts } elseif ($begun.Count) { -1 }
    $disabled
}

# Whether $Act could put something back. When it could not, the step says so.
function Test-Undo($Run, $Step, [scriptblock]$Act) {
    try {
        $null = & $Act
        return $true
    } catch {
        $code = Get-FailureCode $_ 'undo'
        $Step.status = 'undo_failed'
        $Step.code = if ($code -eq 'data_store') { $code } else { 'undo' }
        $Step.message = Get-ErrorText $_
        Save-JournalLine $Run ([ordered]@{ event = 'undo_failed'; step = $Step.index; code = $Step.code; message = $Step.message })
    }
    $false
}

# Whether everything is back. What a step found to be there already is not this run's to take away, and neither is what a
# failed one has not come to. While there are tries left, the service waits for all else.
function Undo-AllChanges($Run) {
    $complete = $true
    foreach ($i in @(Get-UndoOrder $Run)) {
        $acts = ($i -lt 0) -or ('service.restart', 'service.stop' -contains $Run.Steps[$i].kind)
        if ($acts -and -not $complete -and ($Run.Tries -gt 0)) { return $false }
        if ($i -lt 0) {
            # It counts with the change that restarts it, else with the one that is undone last.
            $of = @($Run.Steps | Where-Object { $_.kind -eq 'service.restart' }) + @($Run.Steps | Where-Object { $_.status -ne 'not_run' })
            if (-not (Test-Undo -Run $Run -Step $of[0] -Act { Restore-ProductService $Run })) { $complete = $false }
            continue
        }
        $step = $Run.Steps[$i]
        $left = $Run.Untouched -contains $i
        $undone = if ($step.kind -eq 'driver.start') { 'kept' } else { 'undone' }
        if (('undone', 'kept' -contains $step.status) -or (($step.status -eq 'failed') -and ($left -or ($undone -eq 'kept')))) { continue }
        $act = { Invoke-Change -Run $Run -Change $Run.Plan.changes[$i] -Undo $true }
        if (($undone -eq 'undone') -and -not $left -and -not (Test-Undo -Run $Run -Step $step -Act $act)) {
            $complete = $false
            continue
        }
        if ($step.status -ne 'failed') { $step.status = $undone }
        Save-JournalLine $Run ([ordered]@{ event = $undone; step = $i })
    }
    $complete
}
