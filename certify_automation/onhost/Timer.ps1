# The dead-man timer: a process of its own that puts a run back which nobody confirms, or whose script was cut off.

# Starts the timer and waits for its heartbeat; a refusal when there is none, and then there is no task either.
function Start-DeadManTimer($Run, $Call) {
    try {
        $bytes = [Text.Encoding]::UTF8.GetBytes($Call.Text)
        Write-NewFile (Join-FilePath $Run.Folder 'timer.ps1') $bytes
        Start-TimerTask -RunId $Run.Id -Folder $Run.Folder -Digest (Get-Digest $bytes)
        $alive = { Test-TimerAlive $Run.Folder }
        if (Wait-Condition $alive (Get-WaitLimit $Run 30)) { return }
        $message = 'The task was started, and its process gave no heartbeat.'
    } catch { $message = Get-ErrorText $_ }
    Remove-TimerTask $Run.Folder
    Get-Refusal 'timer' $message
}

# The task of a timer: one that was ended starts again within a minute, and it goes when there is no timer.ps1.
function Start-TimerTask([string]$RunId, [string]$Folder, [string]$Digest) {
    Start-TaskProcess -Id $RunId -Folder $Folder -Read 'BootTrigger', '>PT1M<', '>PT0S<' -Parts @{
        digest = $Digest; limit = 'PT0S'; file = 'runs/{id}/timer.ps1'; parameters = "verb = 'timer'; run_id = '{id}'"
        first = 'if (-not [IO.File]::Exists($file)) { $null = schtasks.exe /Delete /TN certify-automation-{id} /F; exit }'
        triggers = @'
<BootTrigger />
<TimeTrigger><StartBoundary>2020-01-01T00:00:00Z</StartBoundary><Repetition><Interval>PT1M</Interval></Repetition></TimeTrigger>
'@
    }
}

# Looks at the run every second until it has ended, by itself or by this. What cannot be read or undone, because the
# computer has just started, is tried again; then the scheduler may start the timer anew. A second timer ends at once.
function Invoke-Timer($Call) {
    $id = $Call.Parameters.run_id
    $folder = Get-RunPath $id
    $heartbeat = Open-HeldFile (Join-FilePath $folder 'timer')
    if (-not $heartbeat) { return }
    $since = $null
    for ($tries = 10; $tries -gt 0;) {
        Start-Sleep -Milliseconds 1000
        try {
            $seen = Read-Run $folder
            if (-not $seen -or $seen.Ended) {
                Remove-TimerTask $folder
                break
            }
            if ($seen.Awaiting) {
                if ($null -eq $since) { $since = Get-MonotonicMs }
                if ((Get-MonotonicMs) -lt $since + 1000 * $seen.Begin.confirm_seconds) { continue }
            }
            $seen.Tries = $tries - 1
            if (Resume-WatchedRun $seen) { break }
        } catch {
            $said = "Run: $id`r`nThe timer gives up for now: $(Get-ErrorText $_)"
            if (--$tries) { Start-Sleep -Milliseconds 10000 }
        }
    }
    if (-not $tries) { try { Write-EventEntry -Type 'Error' -Id 1021 -Text $said } catch { $null = $_ } }
    $heartbeat.Dispose()
}

# Puts the run back, unless somebody is at it or has been since it was seen; whether it did.
function Resume-WatchedRun($Seen) {
    $folder = Get-AutomationFolder
    $lock = Enter-Lock $folder $Seen.Id
    if (-not $lock) { return $false }
    try {
        $found = Read-Run $Seen.Folder
        if (-not $found -or $found.Ended -or ($found.Awaiting -ne $Seen.Awaiting)) { return $false }
        if ($found.Code -ne '') { throw $found.Error }
        $found.Tries = $Seen.Tries
        $null = Resume-Run $found
        $true
    } finally { Exit-Lock $lock $folder }
}
