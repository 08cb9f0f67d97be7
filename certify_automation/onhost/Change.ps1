# Making the changes of a plan, and putting everything back.

# The code of a failure that the change itself did not name.
function Get-UsualCode {
    param([string]$Kind)
    switch ($Kind) {
        'file.write' { 'file_write' }
        'driver.start' { 'driver_start' }
        'driver.start_mode' { 'service_config' }
        'service.start_mode' { 'service_config' }
        'service.stop' { 'service_stop' }
        'service.start' { 'service_start' }
        'service.restart' { 'service_start' }
        default { 'netsh' }
    }
}

function Invoke-Change {
    param($Run, $Change)
    switch ($Change.kind) {
        'driver.start_mode' { Set-StartMode -Run $Run -Name 'HTTP' -Mode $Change.after }
        'driver.start' { Start-HttpDriver -Run $Run }
        'url_reservation.add' { Set-Reservation -Run $Run -Url $Change.url -Sddl $Change.sddl }
        'url_reservation.remove' { Set-Reservation -Run $Run -Url $Change.url -Sddl '' }
        'url_reservation.replace' { Set-Reservation -Run $Run -Url $Change.url -Sddl $Change.after }
        'ip_listen.add' { Set-ListenEntry -Run $Run -Address $Change.address -Present $true }
        'ip_listen.remove' { Set-ListenEntry -Run $Run -Address $Change.address -Present $false }
        'service.start_mode' { Set-StartMode -Run $Run -Name $Change.service -Mode $Change.after }
        'file.write' { Set-ChangedFile -Run $Run -Change $Change }
        'service.restart' {
            Save-Data -Run $Run
            Restart-ProductService -Run $Run -Name $Change.service
        }
        'service.start' {
            Save-Data -Run $Run
            Start-ProductService -Run $Run -Name $Change.service
        }
        'service.stop' { Stop-ProductService -Run $Run -Name $Change.service }
        default { throw "No such kind of change: $($Change.kind)" }
    }
}

# What was done only in part is put back by the same acts: each looks at what is there first.
function Undo-Change {
    param($Run, $Change)
    switch ($Change.kind) {
        'driver.start_mode' { Set-StartMode -Run $Run -Name 'HTTP' -Mode $Change.before }
        'url_reservation.add' { Set-Reservation -Run $Run -Url $Change.url -Sddl '' }
        'url_reservation.remove' { Set-Reservation -Run $Run -Url $Change.url -Sddl $Change.sddl }
        'url_reservation.replace' { Set-Reservation -Run $Run -Url $Change.url -Sddl $Change.before }
        'ip_listen.add' { Set-ListenEntry -Run $Run -Address $Change.address -Present $false }
        'ip_listen.remove' { Set-ListenEntry -Run $Run -Address $Change.address -Present $true }
        'service.start_mode' { Set-StartMode -Run $Run -Name $Change.service -Mode $Change.before }
        'file.write' { Reset-ChangedFile -Run $Run -Change $Change }
        'service.restart' { Undo-Restart -Run $Run -Name $Change.service }
        'service.start' { Stop-ProductService -Run $Run -Name $Change.service }
        'service.stop' { Start-ProductService -Run $Run -Name $Change.service }
    }
}

# Makes the changes in order and marks each step; the code and message of the first that fails, nothing when none does.
function Invoke-AllChanges {
    param($Run, [object[]]$Changes)
    for ($i = 0; $i -lt $Changes.Count; $i++) {
        $step = $Run.Steps[$i]
        if ((Get-MonotonicMs) -ge $Run.Until) {
            return [ordered]@{ code = 'deadline'; message = 'The deadline has passed.'; step = $i }
        }
        $Run.Acted = $false
        $Run.Intent = $i
        try {
            $null = Invoke-Change -Run $Run -Change $Changes[$i]
            $step.status = 'done'
            if (-not $Run.Acted) { $Run.Untouched += $i }
        } catch {
            $step.status = 'failed'
            $Run.Partial = $Run.Acted
            $step.code = Get-FailureCode -ErrorRecord $_ -Otherwise (Get-UsualCode -Kind $step.kind)
            $step.message = $_.Exception.GetBaseException().Message
            return [ordered]@{ code = $step.code; message = $step.message; step = $i }
        }
    }
}

# Which steps are undone, in which order: the reverse one, but what starts the service again comes when all else is back;
# after it only a start mode that was disabled, because such a service does not start.
# A failed step is among them only when it had changed something before it failed.
function Get-UndoOrder {
    param($Run, [object[]]$Changes)
    $last = @()
    $disabled = @()
    $modes = @($Run.Steps | Where-Object { $_.kind -eq 'service.start_mode' })
    $mode = if ($modes.Count) { $modes[0].index } else { -1 }
    for ($i = $Run.Steps.Count - 1; $i -ge 0; $i--) {
        $step = $Run.Steps[$i]
        if (($step.status -eq 'not_run') -or (($step.status -eq 'failed') -and -not $Run.Partial)) { continue }
        if ('service.restart', 'service.stop' -contains $step.kind) { $last += $i }
        elseif (($i -eq $mode) -and ($Changes[$i].before -eq 'disabled')) { $disabled += $i }
        else { $i }
    }
    $last
    $disabled
}

# Whether everything is back. What a step found to be there already is not this run's to take away.
function Undo-AllChanges {
    param($Run, [object[]]$Changes)
    $complete = $true
    foreach ($i in @(Get-UndoOrder -Run $Run -Changes $Changes)) {
        $step = $Run.Steps[$i]
        if ($step.kind -eq 'driver.start') {
            if ($step.status -eq 'done') { $step.status = 'kept' }
            continue
        }
        try {
            if ($Run.Untouched -notcontains $i) { $null = Undo-Change -Run $Run -Change $Changes[$i] }
            if ($step.status -eq 'done') { $step.status = 'undone' }
        } catch {
            $complete = $false
            $step.status = 'undo_failed'
            $code = Get-FailureCode -ErrorRecord $_ -Otherwise 'undo'
            $step.code = if ($code -eq 'data_store') { $code } else { 'undo' }
            $step.message = $_.Exception.GetBaseException().Message
        }
    }
    $complete
}
