# The visit after a run: who does what is asked, the facts afterwards, the entry in the event log.

# A task's answer: what was done, and what the API said afterwards.
function Join-Answer([string]$Done, [string]$Api) {
    $Done.Substring(0, $Done.Length - 1) + ',"api":' + $Api + '}'
}

# What a task gives its visit, which has asked for something to be done or only for what the API says.
function Get-SystemAnswer($Call) {
    if (-not $Call.Parameters.PSObject.Properties['renewals']) { return (Get-AskedJson $Call) }
    $until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    $done = Invoke-Work (New-Work $Call)
    Join-Answer $done (Get-ApiJson $Call.Parameters.observe.endpoint $until)
}

# What was done, as text, and what the API said afterwards where a task has asked it.
function Invoke-AskedWork($Call, [long]$Until) {
    $work = New-Work $Call
    if ($Call.Parameters.certificates.access -ne 'task') { return @{ Done = Invoke-Work $work; Api = '' } }
    try {
        $text = Invoke-SystemTask -Call $Call -Request $Call.Parameters -Until $Until
        # No text can hold these characters: a quotation mark in one is written as \u0022.
        $at = $text.IndexOf(',"api":')
        @{ Done = $text.Substring(0, $at) + '}'; Api = $text.Substring($at + 7, $text.Length - $at - 8) }
    } catch {
        $message = Get-ErrorText $_
        $work.Refusal = [ordered]@{ code = 'api_task'; message = $message }
        @{ Done = ConvertTo-WorkJson $work; Api = Get-UnaskedJson $message }
    }
}

# Why nothing is done although the lock is held; nothing when all is well.
function Get-OpenRunRefusal {
    $open = @(Get-OpenRun)
    if ($open.Count) { Get-Refusal 'awaiting' $open[-1].Id }
}

# The answer to a visit, as text; nobody else acts meanwhile.
function Invoke-Renew($Call) {
    $asked = $Call.Parameters
    $null = Get-RunPath $asked.run_id
    $until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    $folder = Get-AutomationFolder
    $lock = $null
    $refusal = Get-FolderRefusal $folder
    if (-not $refusal) {
        $lock = Enter-Lock $folder $asked.run_id
        $refusal = if ($lock) { Get-OpenRunRefusal } else { Get-Refusal 'locked' ([string](Get-LockHolder $folder)) }
    }
    try {
        if ($refusal) {
            $work = New-Work $Call
            $work.Refusal = [ordered]@{ code = $refusal.code; message = $refusal.message }
            $did = @{ Done = ConvertTo-WorkJson $work; Api = '' }
        } else { $did = Invoke-AskedWork $Call $until }
        $seen = if ($lock) { [ordered]@{ held = $false; holder = $null } } else { Get-LockFacts }
        $Call.DeadlineSeconds = ($until - (Get-MonotonicMs)) / 1000
        # What was done must be said also when the facts cannot be read.
        try { $facts = Get-InventoryJson -Call $Call -Lock $seen -Api $did.Api } catch { $facts = 'null' }
        Write-RenewalEvent $asked (ConvertFrom-Json -InputObject $did.Done)
    } finally { if ($lock) { Exit-Lock $lock $folder } }
    '{"contract":1,"run_id":"' + $asked.run_id + '",' + $did.Done.Substring(1, $did.Done.Length - 2) + ',"facts":' + $facts + '}'
}

# The entry in the event log; a log that does not take it changes nothing.
function Write-RenewalEvent($Asked, $Done) {
    $counts = @{}
    foreach ($one in $Done.renewals) { $counts[$one.status] = 1 + $counts[$one.status] }
    $failed = @($Done.renewals | Where-Object { $_.status -eq 'failed' } | ForEach-Object { $_.id })
    $set = if ($Done.preferences) { $Done.preferences.status }
    $fine = -not $Done.refusal -and ($set -ne 'failed') -and (@($counts.Keys | Where-Object { 'renewed', 'requested' -notcontains $_ }).Count -eq 0)
    $stop = if ($Done.refusal) { $Done.refusal } elseif ($set) { $Done.preferences.failure }
    $origin = $Asked.origin
    $lines = @(
        "Run: $($Asked.run_id)"
        "Commit: $(if ($origin.commit) { $origin.commit } else { 'none' })"
        "By: $($origin.by) on the controller, $env:USERDOMAIN\$env:USERNAME on this computer"
        if ($set) { "Preferences: $set" }
        foreach ($status in @(Get-OrdinalOrder @($counts.Keys))) { "${status}: $($counts[$status])" }
        if ($failed.Count) { "Failed: $($failed -join ' ')" }
        if ($stop) { "Failure: $($stop.code) $($stop.message)" }
    )
    $entry = if ($fine) { @{ Type = 'Information'; Id = 1030 } } else { @{ Type = 'Warning'; Id = 1031 } }
    $text = $lines -join "`r`n"
    try { Write-EventEntry @entry -Text $text.Substring(0, [Math]::Min(31000, $text.Length)) } catch { $null = $_ }
}
