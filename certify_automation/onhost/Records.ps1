# What is kept of the runs that have ended: the list of them, and one in full.

function Read-RunText([string]$Folder, [string]$Name) {
    $path = Join-FilePath $Folder $Name
    if ([IO.File]::Exists($path)) { Read-FileText $path }
}

function Get-RunSummary($Entry) {
    $begin = $Entry.Begin
    [ordered]@{
        run_id = $begin.run_id; result = (ConvertFrom-Json -InputObject (Read-RunText $Entry.Folder 'outcome.json')).result
        started_utc_ms = $Entry.Started; by = $begin.origin.by; commit = $begin.origin.commit; rolls_back = $begin.origin.rolls_back
    }
}

# The bytes that files had before, by the names of the files; null for a copy that is missing.
function Get-FormerFile([string]$Folder, [string]$Plan) {
    $former = [ordered]@{}
    foreach ($change in (ConvertFrom-Json -InputObject $Plan).changes) {
        if (($change.kind -ne 'file.write') -or -not $change.before_sha256) { continue }
        $path = Join-FilePath $Folder "$($change.file).before"
        $former[$change.file] = $null
        if ([IO.File]::Exists($path)) { $former[$change.file] = [Convert]::ToBase64String((Read-FileTail $path 16777216).Bytes) }
    }
    $former
}

# $Wanted is a run id, or `last` for the newest that was applied; nothing is read without it.
function Get-RecordFacts([string]$Wanted) {
    if ($Wanted -eq '') { return }
    $entries = @(Get-RunFolder $true | Where-Object { $_.Begin })
    [Array]::Reverse($entries)
    $whole = @()
    $runs = @(foreach ($entry in $entries) {
        try {
            Get-RunSummary $entry
            $whole += $entry
        } catch { $null = $_ }
    })
    $found = $null
    for ($i = 0; $i -lt $runs.Count; $i++) {
        if (($runs[$i].run_id -ne $Wanted) -and (($Wanted -ne 'last') -or ($runs[$i].result -ne 'applied'))) { continue }
        $folder = $whole[$i].Folder
        $plan = Read-RunText $folder 'plan.json'
        $digest = $whole[$i].Begin.plan_sha256
        $same = $plan -and ((Get-Digest ([Text.Encoding]::UTF8.GetBytes($plan))) -ceq $digest)
        $found = [ordered]@{
            run_id = $runs[$i].run_id; plan = $plan; plan_sha256 = $digest
            outcome = Read-RunText $folder 'outcome.json'
            before = $(if ($same) { Get-FormerFile $folder $plan } else { @{} })
        }
        break
    }
    [ordered]@{ runs = @($runs | Select-Object -First 50); run = $found }
}
