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

# Whether the service is not what it was at the beginning, as a recovery may find it: it may have read what is taken back.
# Process ids are used again after a start of the computer.
function Test-Replaced {
    param($Run)
    $begin = $Run.Begin
    $service = Get-ProductService | Select-Object -First 1
    if (($null -eq $begin) -or ($begin.service_state -eq '') -or ($null -eq $service)) { return $false }
    if ($begin.service_state -ne 'Running') { return ($service.process_id -ne 0) }
    ($service.process_id -ne $begin.process_id) -or ((Get-BootTimeMs -OperatingSystem (Get-OperatingSystem)) -ne $begin.boot_utc_ms)
}

# What runs now may have read what is taken back, or runs only because of it.
function Reset-Service {
    param($Run)
    $name = (Get-ProductService | Select-Object -First 1).name
    if ($Run.Begin.service_state -eq 'Running') { Undo-Restart -Run $Run -Name $name } else { Stop-ProductService -Run $Run -Name $name }
}

# The change that speaks for a service that is not what it was, once any change had been begun.
function Get-ServiceSpeaker {
    param($Run)
    $begun = @($Run.Steps | Where-Object { $_.status -ne 'not_run' })
    $acts = @($Run.Steps | Where-Object { 'service.restart', 'service.stop' -contains $_.kind })
    if (($begun.Count -eq 0) -or (@($acts | Where-Object { $_.status -eq 'undone' }).Count) -or -not (Test-Replaced -Run $Run)) { return }
    @($acts + $begun)[0].index
}

# Which steps are undone, in which order: the reverse one, but what starts the service again comes when all else is back;
# after it only a start mode that was disabled, because such a service does not start. -1 - index: the service is brought
# back, and that step is to say so when it fails.
function Get-UndoOrder {
    param($Run)
    $last = @()
    $disabled = @()
    for ($i = $Run.Steps.Count - 1; $i -ge 0; $i--) {
        $step = $Run.Steps[$i]
        if ('not_run', 'undone', 'kept' -contains $step.status) { continue }
        if (($step.status -eq 'failed') -and (($Run.Untouched -contains $i) -or ($step.kind -eq 'driver.start'))) { continue }
        if ('service.restart', 'service.stop' -contains $step.kind) { $last += $i }
        elseif (($step.kind -eq 'service.start_mode') -and ($Run.Plan.changes[$i].before -eq 'disabled')) { $disabled += $i }
        else { $i }
    }
    if ($last.Count -eq 0) { foreach ($i in @(Get-ServiceSpeaker -Run $Run)) { $last += -1 - $i } }
    $last
    $disabled
}

# Whether everything is back. What a step found to be there already is not this run's to take away, and neither is what a
# failed one has not come to.
function Undo-AllChanges {
    param($Run)
    $complete = $true
    foreach ($entry in @(Get-UndoOrder -Run $Run)) {
        $i = if ($entry -lt 0) { -1 - $entry } else { $entry }
        $step = $Run.Steps[$i]
        $undone = if ($step.kind -eq 'driver.start') { 'kept' } else { 'undone' }
        $line = [ordered]@{ event = $undone; step = $i }
        try {
            if ($entry -lt 0) {
                $null = Reset-Service -Run $Run
                continue
            }
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
        Save-JournalLine -Run $Run -Line $line
    }
    $complete
}
