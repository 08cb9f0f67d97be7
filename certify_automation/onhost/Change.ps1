# Making the changes of a plan, and putting everything back.

# The code of a failure that the change itself did not name.
function Get-UsualCode {
    param([string]$Kind)
    switch ($Kind) {
        'file.write' { 'file_write' }
        'driver.start' { 'driver_start' }
        'driver.start_mode' { 'service_config' }
        'service.start_mode' { 'service_config' }
        'service.recovery' { 'service_config' }
        'data_directory.acl' { 'access_control' }
        'firewall_rule.add' { 'firewall' }
        'firewall_rule.remove' { 'firewall' }
        'service.stop' { 'service_stop' }
        'service.start' { 'service_start' }
        'service.restart' { 'service_start' }
        default { 'netsh' }
    }
}

# Makes a change or, with $Undo, puts it back: by the same acts, because what was done only in part is put back too, and
# each looks at what is there first. $wanted is the side of a change with before and after that is to be reached.
function Invoke-Change {
    param($Run, $Change, [bool]$Undo)
    $side = $Change.PSObject.Properties[$(if ($Undo) { 'before' } else { 'after' })]
    $wanted = if ($null -ne $side) { $side.Value }
    $present = $Change.kind.Contains('.add') -ne $Undo
    switch ($Change.kind.Split('.')[0]) {
        'driver' {
            if ($null -eq $wanted) { Start-HttpDriver -Run $Run } else { Set-StartMode -Run $Run -Name 'HTTP' -Mode $wanted }
        }
        'url_reservation' {
            $sddl = if ($null -ne $wanted) { $wanted } elseif ($present) { $Change.sddl } else { '' }
            Set-Reservation -Run $Run -Url $Change.url -Sddl $sddl
        }
        'ip_listen' { Set-ListenEntry -Run $Run -Address $Change.address -Present $present }
        'firewall_rule' { Set-FirewallRule -Run $Run -Name $Change.name -Port $Change.port -Present $present }
        'data_directory' { Set-DataAccess -Run $Run -Path $Change.path -Sddl $wanted }
        'file' { if ($Undo) { Reset-ChangedFile -Run $Run -Change $Change } else { Set-ChangedFile -Run $Run -Change $Change } }
        'service' { Invoke-ServiceChange -Run $Run -Change $Change -Wanted $wanted -Undo $Undo }
        default { throw "No such kind of change: $($Change.kind)" }
    }
}

function Invoke-ServiceChange {
    param($Run, $Change, $Wanted, [bool]$Undo)
    $name = $Change.service
    if ('service.restart', 'service.start' -contains $Change.kind -and -not $Undo) { Save-Data -Run $Run }
    switch ($Change.kind) {
        'service.start_mode' { Set-StartMode -Run $Run -Name $name -Mode $Wanted }
        'service.recovery' { Set-ServiceRecovery -Run $Run -Name $name -Recovery $Wanted }
        'service.restart' { if ($Undo) { Undo-Restart -Run $Run -Name $name } else { Restart-ProductService -Run $Run -Name $name } }
        'service.start' { if ($Undo) { Stop-ProductService -Run $Run -Name $name } else { Start-ProductService -Run $Run -Name $name } }
        'service.stop' { if ($Undo) { Start-ProductService -Run $Run -Name $name } else { Stop-ProductService -Run $Run -Name $name } }
        default { throw "No such kind of change: $($Change.kind)" }
    }
}

# Makes the changes in order and marks each step; the code and message of the first that fails, nothing when none does.
function Invoke-AllChanges {
    param($Run)
    $changes = @($Run.Plan.changes)
    for ($i = 0; $i -lt $changes.Count; $i++) {
        $step = $Run.Steps[$i]
        if ((Get-MonotonicMs) -ge $Run.Until) {
            return [ordered]@{ code = 'deadline'; message = 'The deadline has passed.'; step = $i }
        }
        $Run.Acted = $false
        $Run.Intent = $i
        try {
            $null = Invoke-Change -Run $Run -Change $changes[$i] -Undo $false
            Add-JournalLine -Run $Run -Line ([ordered]@{ event = 'done'; step = $i; acted = $Run.Acted })
            $step.status = 'done'
        } catch {
            Set-StepFailure -Run $Run -Step $step -ErrorRecord $_
            return [ordered]@{ code = $step.code; message = $step.message; step = $i }
        } finally {
            $Run.Intent = -1
            if (-not $Run.Acted) { $Run.Untouched += $i }
        }
    }
}

function Set-StepFailure {
    param($Run, $Step, $ErrorRecord)
    $Step.status = 'failed'
    $Step.code = Get-FailureCode -ErrorRecord $ErrorRecord -Otherwise (Get-UsualCode -Kind $Step.kind)
    $Step.message = $ErrorRecord.Exception.GetBaseException().Message
    $line = [ordered]@{ event = 'failed'; step = $Step.index; code = $Step.code; message = $Step.message; acted = $Run.Acted }
    Save-JournalLine -Run $Run -Line $line
}

# Whether a service that was to be restarted and has not been is another process than at the beginning: it may have read
# the new files. Process ids are used again after a start of the computer.
function Test-Restarted {
    param($Run)
    $begin = $Run.Begin
    if (($null -eq $begin) -or ($begin.service_state -ne 'Running')) { return $false }
    $service = @(Get-ProductService)[0]
    ($null -eq $service) -or ($service.process_id -ne $begin.process_id) -or ((Get-BootTimeMs -OperatingSystem (Get-OperatingSystem)) -ne $begin.boot_utc_ms)
}

# Which steps are undone, in which order: the reverse one, but what starts the service again comes when all else is back;
# after it only a start mode that was disabled, because such a service does not start.
function Get-UndoOrder {
    param($Run)
    $last = @()
    $disabled = @()
    $modes = @($Run.Steps | Where-Object { $_.kind -eq 'service.start_mode' })
    $mode = if ($modes.Count) { $modes[0].index } else { -1 }
    for ($i = $Run.Steps.Count - 1; $i -ge 0; $i--) {
        $step = $Run.Steps[$i]
        if ('undone', 'kept' -contains $step.status) { continue }
        if (($step.status -eq 'failed') -and (($Run.Untouched -contains $i) -or ($step.kind -eq 'driver.start'))) { continue }
        if ($step.status -eq 'not_run') {
            if (($step.kind -eq 'service.restart') -and (Test-Restarted -Run $Run)) { $last += $i }
        }
        elseif ('service.restart', 'service.stop' -contains $step.kind) { $last += $i }
        elseif (($i -eq $mode) -and ($Run.Plan.changes[$i].before -eq 'disabled')) { $disabled += $i }
        else { $i }
    }
    $last
    $disabled
}

# Whether everything is back. What a step found to be there already is not this run's to take away, and neither is what a
# failed one has not come to.
function Undo-AllChanges {
    param($Run)
    $complete = $true
    foreach ($i in @(Get-UndoOrder -Run $Run)) {
        $step = $Run.Steps[$i]
        $undone = if ($step.kind -eq 'driver.start') { 'kept' } else { 'undone' }
        $line = [ordered]@{ event = $undone; step = $i }
        try {
            if (($Run.Untouched -notcontains $i) -and ($undone -eq 'undone')) {
                $null = Invoke-Change -Run $Run -Change $Run.Plan.changes[$i] -Undo $true
            }
            if ('done', 'begun', 'undo_failed' -contains $step.status) { $step.status = $undone }
        } catch {
            $complete = $false
            $step.status = $line.event = 'undo_failed'
            $code = Get-FailureCode -ErrorRecord $_ -Otherwise 'undo'
            $step.code = if ($code -eq 'data_store') { $code } else { 'undo' }
            $step.message = $_.Exception.GetBaseException().Message
            $line.code = $step.code
            $line.message = $step.message
        }
        if ($step.status -ne 'not_run') { Save-JournalLine -Run $Run -Line $line }
    }
    $complete
}
