# The dead-man timer: a process of its own that puts a run back which nobody confirms, or whose script was cut off.

# Starts the timer and waits for its heartbeat; a refusal when there is none, and then there is no task either.
function Start-DeadManTimer {
    param($Run, $Call)
    try {
        $bytes = [Text.Encoding]::UTF8.GetBytes($Call.Text)
        Write-NewFile -Path (Join-FilePath -Folder $Run.Folder -Name 'timer.ps1') -Bytes $bytes
        Start-TimerTask -RunId $Run.Id -Folder $Run.Folder -Digest (Get-Digest -Bytes $bytes)
        $alive = { Test-TimerAlive -Folder $Run.Folder }
        if (Wait-Condition -Condition $alive -Until (Get-WaitLimit -Run $Run -Seconds 30)) { return }
        $message = 'The task was started, and its process gave no heartbeat.'
    } catch { $message = $_.Exception.GetBaseException().Message }
    Remove-TimerTask -RunId $Run.Id
    Get-Refusal -Code 'timer' -Message $message
}

# Looks at the run every second until it has ended, by itself or by this. What cannot be read or undone, because the
# computer has just started, is tried again, but not for ever: an undo may start the service. A second timer ends at once.
function Invoke-Timer {
    param($Call)
    $id = $Call.Parameters.run_id
    $folder = Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $id
    $heartbeat = Open-HeldFile -Path (Join-FilePath -Folder $folder -Name 'timer')
    if ($null -eq $heartbeat) { return }
    $since = $null
    for ($tries = 10; $tries -gt 0;) {
        Start-Sleep -Milliseconds 1000
        try {
            $seen = Read-Run -Folder $folder
            if (($null -eq $seen) -or $seen.Ended) { break }
            if ($seen.Awaiting) {
                if ($null -eq $since) { $since = Get-MonotonicMs }
                if ((Get-MonotonicMs) -lt $since + 1000 * $seen.Begin.confirm_seconds) { continue }
            }
            if (Resume-WatchedRun -Seen $seen) { break }
        } catch {
            $tries--
            Start-Sleep -Milliseconds 10000
        }
    }
    Remove-TimerTask -RunId $id
    $heartbeat.Dispose()
}

# Puts the run back, unless somebody is at it or has been since it was seen; whether it did.
function Resume-WatchedRun {
    param($Seen)
    $folder = Get-AutomationFolder
    $lock = Enter-Lock -Folder $folder -RunId $Seen.Id
    if ($null -eq $lock) { return $false }
    try {
        $found = Read-Run -Folder $Seen.Folder
        if (($null -eq $found) -or $found.Ended -or ($found.Awaiting -ne $Seen.Awaiting)) { return $false }
        if ($found.Code -ne '') { throw $found.Error }
        $null = Resume-Run -Found $found
        $true
    } finally { Exit-Lock -File $lock -Folder $folder }
}
