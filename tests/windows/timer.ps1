# The part of check.ps1 that needs a task scheduler: the dead-man timer of a run; check.ps1 reads it.

# A task whose timer.ps1 is this text, in a folder of a run that has no journal.
function Start-CheckTask {
    param([string]$RunId, [string]$Text)
    $folder = Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $RunId
    $null = Get-FolderRefusal -Folder (Get-AutomationFolder)
    [void][IO.Directory]::CreateDirectory($folder)
    $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
    Write-NewFile -Path (Join-FilePath -Folder $folder -Name 'timer.ps1') -Bytes $bytes
    Start-TimerTask -RunId $RunId -Folder $folder -Digest (Get-Digest -Bytes $bytes)
    $folder
}

function Wait-CheckHeartbeat {
    param([string]$Folder, [bool]$Alive, [int]$Seconds)
    $condition = { (Test-TimerAlive -Folder $Folder) -eq $Alive }
    Wait-Condition -Condition $condition -Until ((Get-MonotonicMs) + 1000 * $Seconds)
}

function Test-TimerTask {
    $id = [Guid]::NewGuid().ToString('N')
    $held = @'
$path = $env:ProgramData + '/certify-automation/runs/{run}/timer'
$file = [IO.File]::Open($path, 'OpenOrCreate', 'ReadWrite', 'None')
Start-Sleep -Milliseconds 10000
$file.Dispose()
'@.Replace('{run}', $id)
    Assert-Fact 'schtasks.exe: a task of SYSTEM with a boot trigger reads back without battery conditions and time limit' {
        $script:checkFolder = Start-CheckTask -RunId $id -Text $held
        $true
    }
    try {
        Assert-Fact 'schtasks.exe: its process runs what it was registered for within 30 seconds' {
            Wait-CheckHeartbeat -Folder $script:checkFolder -Alive $true -Seconds 30
        }
        Assert-Fact 'schtasks.exe: a process goes on when its task is deleted, and the task is gone' {
            Remove-TimerTask -Folder (Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $id)
            try { $null = Invoke-TaskProgram -Verb '/Query' -RunId $id -Options '/XML' } catch { return (Test-TimerAlive -Folder $script:checkFolder) }
            'the task is still there'
        }
        Assert-Fact 'schtasks.exe: a script that was altered since does not run' {
            if (-not (Wait-CheckHeartbeat -Folder $script:checkFolder -Alive $false -Seconds 30)) { return 'the first one has not ended' }
            $null = Start-CheckTask -RunId $id -Text $held
            if (-not (Wait-CheckHeartbeat -Folder $script:checkFolder -Alive $true -Seconds 30)) { return 'no heartbeat' }
            if (-not (Wait-CheckHeartbeat -Folder $script:checkFolder -Alive $false -Seconds 30)) { return 'the second one has not ended' }
            Write-NewFile -Path (Join-FilePath -Folder $script:checkFolder -Name 'timer.ps1') -Bytes ([Text.Encoding]::UTF8.GetBytes("$held`n"))
            $null = Invoke-TaskProgram -Verb '/Run' -RunId $id
            -not (Wait-CheckHeartbeat -Folder $script:checkFolder -Alive $true -Seconds 10)
        }
    } finally {
        Remove-TimerTask -Folder (Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $id)
        if (Wait-CheckHeartbeat -Folder $script:checkFolder -Alive $false -Seconds 30) { [IO.Directory]::Delete($script:checkFolder, $true) }
    }
}

# Guard as a visit runs it, with $Text for its own text.
function Invoke-CheckGuard {
    param([string]$Text, $Parameters)
    $call = @{ Parameters = ConvertFrom-Json -InputObject (ConvertTo-AsciiJson -Value $Parameters); DeadlineSeconds = 60; Text = $Text }
    ConvertFrom-Json -InputObject @(& ([scriptblock]::Create($Text)) $call)[-1]
}

function Test-DeadManRun {
    param([string]$Text)
    $url = "http://127.0.0.2:$SparePort/"
    $observe = [ordered]@{ endpoint = [ordered]@{ host = '127.0.0.2'; port = $SparePort; https = $false }; ports = @($SparePort); run = $null }
    $plan = [ordered]@{
        run_id = [Guid]::NewGuid().ToString('N'); plan_id = '0' * 64; expects = @(); health = $null; port_check = $null
        origin = [ordered]@{ by = 'check.ps1'; commit = $null; rolls_back = $null }; confirm_seconds = 5; observe = $observe
        changes = @([ordered]@{ kind = 'url_reservation.add'; url = $url; sddl = 'D:(A;;GX;;;SY)' })
    }
    Assert-Fact 'timer: a run with a confirmation waits for it, its timer alive' {
        $reply = Invoke-CheckGuard -Text $Text -Parameters ([ordered]@{ verb = 'apply'; plan = $plan })
        if (-not $reply.ok) { return $reply.error.message }
        if ($reply.value.result -ne 'awaiting') { return "$($reply.value.result) $($reply.value.refusal)" }
        $reply.value.facts.open_run.timer -and ((Get-Reservation -Url $url) -ne '')
    }
    Assert-Fact 'timer: nobody confirms, and the host has put itself back within a minute' {
        $back = { (Get-Reservation -Url $url) -eq '' }
        Wait-Condition -Condition $back -Until ((Get-MonotonicMs) + 60000)
    }
    Assert-Fact 'timer: the run has ended as not_confirmed, and its task is gone' {
        $over = { -not (Test-TimerAlive -Folder (Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $plan.run_id)) }
        if (-not (Wait-Condition -Condition $over -Until ((Get-MonotonicMs) + 60000))) { return 'the timer has not ended' }
        $reply = Invoke-CheckGuard -Text $Text -Parameters ([ordered]@{ verb = 'undo'; run_id = $plan.run_id; observe = $observe })
        if ($reply.value.failure.code -ne 'not_confirmed') { return "$($reply.value.result) $($reply.value.failure)" }
        try { $null = Invoke-TaskProgram -Verb '/Query' -RunId $plan.run_id -Options '/XML' } catch { return $reply.value.repeated }
        'the task is still there'
    }
}
