# Having the product request certificates, and seeing what becomes of them.

# What there is to do, and what became of it; everything is still to be done. Waiting are the items as they were before they
# were requested, by their places; Begun says that the product has begun since, Unseen which could not be seen last.
function New-Work($Call) {
    $asked = $Call.Parameters
    $not = [ordered]@{ status = 'not_run'; failure = $null }
    @{
        Call = $Call; Asked = $asked; Url = Get-EndpointUrl $asked.observe.endpoint
        Until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
        Refusal = $null; Preferences = $(if (@($asked.preferences).Count) { $not }); Waiting = @{}; Begun = $false; Unseen = @{}
        Product = $null; Passes = @(); Saved = 0
        Renewals = @(foreach ($one in $asked.renewals) { New-RenewalResult $one.id 'not_run' })
    }
}

function New-RenewalResult([string]$Id, [string]$Status, $Item, $Message) {
    $result = [ordered]@{ id = $Id; status = $Status; message = $Message; thumbprint = $null; attempted_utc_ms = $null }
    if ($Item) {
        $result.thumbprint = $Item.thumbprint
        $result.attempted_utc_ms = $Item.attempted_utc_ms
        if ('failed', 'paused' -contains $Status) { $result.message = $Item.failure_message }
    }
    $result
}

# `refusal`, `preferences` and `renewals` of docs/contract.md, as text.
function ConvertTo-WorkJson($Work) {
    $preferences = $Work.Preferences
    ConvertTo-AsciiJson ([ordered]@{ refusal = $Work.Refusal; preferences = $preferences; renewals = $Work.Renewals })
}

# To be called before every request that acts: a task that is cut off after it must have said so. Nobody else would know.
function Save-Progress($Work) {
    if (-not $Work.Call.ContainsKey('Folder')) { return }
    $Work.Saved++
    $text = Join-Answer (ConvertTo-WorkJson $Work) (Get-UnaskedJson 'The task was cut off.')
    Save-SystemProgress -Folder $Work.Call.Folder -Number $Work.Saved -Text $text
    # Last: a visit that has ended reads what was noted by then.
    Assert-Visit $Work.Call
}

# An item by its id, which is case-sensitive; nothing when there is none. A version that knew no such filter would answer
# with all of them. The id is never a part of a path: some that end in a word change something when they are only read.
function Read-RenewalItem($Work, [string]$Id) {
    $call = @{ Url = $Work.Url; Path = 'managedcertificates/results'; Method = 'POST'; Until = $Work.Until }
    foreach ($one in @((Read-ProductApi @call -Body (ConvertTo-AsciiJson @{ id = $Id })).results)) {
        $item = ConvertTo-ManagedItem $one
        if ($item.id -and $item.id.Equals($Id)) { return $item }
    }
}

# What is known of a renewal before it is requested; `requested` when it is to be.
function Get-RenewalState($Wanted, $Item) {
    if (-not $Item) { return 'missing' }
    if (($Item.attempted_utc_ms -ne $Wanted.attempted_utc_ms) -or ([string]$Item.thumbprint -cne [string]$Wanted.thumbprint)) { return 'moved' }
    if (1, 6 -contains $Item.status) { 'running' } elseif ($Item.status -eq 4) { 'paused' } else { 'requested' }
}

# Looks at the items that are to be requested.
function Read-Renewal($Work) {
    for ($i = 0; $i -lt $Work.Renewals.Count; $i++) {
        $wanted = $Work.Asked.renewals[$i]
        $item = Read-RenewalItem $Work $wanted.id
        $state = Get-RenewalState $wanted $item
        $Work.Renewals[$i] = New-RenewalResult -Id $wanted.id -Status $state -Item $item
        if ($state -eq 'requested') { $Work.Waiting[$i] = $item }
    }
    if ($Work.Waiting.Count -eq 0) { return }
    $Work.Product = Get-ProductFacts
    $Work.Passes = @(Get-PassLine $Work.Product)
    Save-Progress $Work
}

# Requests those that are as they were planned with, by their ids: no ids would mean all that are due. It is asked once,
# whatever becomes of it: after an answer that did not come the product may be at work.
function Request-Renewal($Work) {
    $ids = @($Work.Renewals | Where-Object { $_.status -eq 'requested' } | ForEach-Object { $_.id })
    if ($ids.Count -eq 0) { return }
    $body = [ordered]@{ mode = 0; isPreviewMode = $false; awaitResults = $false; targetManagedCertificates = $ids }
    $path = 'managedcertificates/autorenew'
    $answer = Invoke-ProductApi -Url $Work.Url -Path $path -Method 'POST' -Body (ConvertTo-AsciiJson $body)
    if ($answer.Status -eq 200) { return }
    foreach ($i in $Work.Waiting.Keys) { $Work.Renewals[$i].message = "POST /api/${path}: $(Get-RefusalText $answer)" }
}

# What an attempt that has ended has brought.
function Get-RenewalEnd($Before, $Item) {
    if ($Item.status -eq 4) { return 'paused' }
    $later = [long]$Item.renewed_utc_ms -gt [long]$Before.renewed_utc_ms
    if (($Item.status -ne 2) -and ($later -or ([string]$Item.thumbprint -cne [string]$Before.thumbprint))) { 'renewed' } else { 'failed' }
}

# Notes an attempt if it has ended.
function Update-Renewal($Work, [int]$Place) {
    $before = $Work.Waiting[$Place]
    $item = Read-RenewalItem $Work $before.id
    $state = 'missing'
    if ($item) {
        $active = 1, 6 -contains $item.status
        $moved = $item.attempted_utc_ms -ne $before.attempted_utc_ms
        if ($active -or $moved) { $Work.Begun = $true }
        if ($active -or -not $moved) { return }
        $state = Get-RenewalEnd $before $item
    }
    $Work.Renewals[$Place] = New-RenewalResult -Id $before.id -Status $state -Item $item
    $Work.Waiting.Remove($Place)
    try { Save-Progress $Work } catch { $null = $_ }
}

# Looks at those that are waited for. The product may store nothing of an item before its attempt has ended, however long
# that takes: that it has begun with any is in its log.
function Update-Work($Work) {
    $Work.Unseen = @{}
    foreach ($i in @($Work.Waiting.Keys)) {
        # One that cannot be looked at now may be looked at later, and hides no other.
        try { Update-Renewal $Work $i } catch { $Work.Unseen[$i] = $true }
    }
    if (@(Get-PassLine $Work.Product | Where-Object { $Work.Passes -notcontains $_ }).Count) { $Work.Begun = $true }
}

# Waits for what was requested, on a clock that nobody sets. A pass of the product that began before, or a scheduler that
# hangs, lets nothing begin.
function Wait-Renewal($Work) {
    $now = Get-MonotonicMs
    $idle = $now + 1000 * $Work.Asked.start_seconds
    # What is left is for reading the facts and answering.
    $end = [Math]::Min($Work.Until - 30000, $now + 1000 * $Work.Asked.wait_seconds)
    # Many answers that do not come take no longer than the last look may.
    $Work.Until = $end + 10000
    while ($Work.Waiting.Count) {
        Start-Sleep -Milliseconds 5000
        Assert-Visit $Work.Call
        Update-Work $Work
        $now = Get-MonotonicMs
        # One that was not seen may have begun.
        $hopeless = -not $Work.Begun -and ($now -ge $idle) -and ($Work.Unseen.Count -lt $Work.Waiting.Count)
        if (-not $hopeless -and ($now -lt $end)) { continue }
        foreach ($i in $Work.Waiting.Keys) {
            $Work.Renewals[$i].status = if ($hopeless -and -not $Work.Unseen.ContainsKey($i)) { 'not_started' } else { 'running' }
        }
        break
    }
}

# Ends what is asked with the failure of an inventory when the API does not say what one reads. The summary reads every item:
# one that the product cannot read would end its pass, and no other would begin before the service does.
function Assert-ProductApi($Work) {
    $call = @{ Url = $Work.Url; Until = $Work.Until }
    $null = Read-ProductApi @call -Path 'preferences'
    $null = Read-ProductApi @call -Path 'managedcertificates/summary' -Method 'POST' -Body '{}'
    $null = Read-ProductApi @call -Path 'managedcertificates/results' -Method 'POST' -Body '{"pageIndex":0,"pageSize":1}'
}

# Does what is asked, as far as it goes, as text.
function Invoke-Work($Work) {
    try { Assert-ProductApi $Work } catch {
        $failure = Get-ApiFailure $_
        $Work.Refusal = [ordered]@{ code = "api_$($failure.code)"; message = $failure.message }
        return (ConvertTo-WorkJson $Work)
    }
    Set-Preference $Work
    try { Read-Renewal $Work } catch {
        $Work.Waiting.Clear()
        $Work.Renewals = @(foreach ($one in $Work.Renewals) { New-RenewalResult -Id $one.id -Status 'not_run' -Message (Get-ErrorText $_) })
    }
    Request-Renewal $Work
    if ($Work.Asked.wait_seconds -gt 0) { Wait-Renewal $Work }
    ConvertTo-WorkJson $Work
}
