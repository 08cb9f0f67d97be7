# What the runs of this computer have left behind: a folder each, with plan.json, journal and, at its end, outcome.json.

# A run as the functions want it that make and undo changes; its plan and what became of it are filled in.
function New-Run([string]$Folder) {
    @{
        Id = (Split-FilePath $Folder).Name; Folder = $Folder; Plan = $null; Steps = @()
        # Of the journal: where it is, its first line and version, why it cannot be used; how far the run has come.
        Journal = ''; Begin = $null; Version = 0; Code = ''; Error = ''
        Healthy = $false; Awaiting = $false; Confirmed = $false; Ended = $false
        Refusal = $null; Failure = $null; Health = $null; Result = 'refused'; Recovered = @(); Recorded = $null
        Until = 0; Product = $null; LogLengths = [ordered]@{}
        # How often a timer may still try after this time; less than nothing for everybody else.
        Tries = -1
        # Of the change in hand: whether it has acted, and its index while that is still to be written. What an undo leaves alone.
        Acted = $false; Intent = -1; Untouched = @()
    }
}

function New-Step($Plan) {
    $index = 0
    foreach ($change in $Plan.changes) {
        [ordered]@{ index = $index++; kind = $change.kind; status = 'not_run'; code = $null; message = $null }
    }
}

# Whether a folder has something that comes after the first line of the journal.
function Test-RunTrace([string]$Folder) {
    @([IO.Directory]::GetFiles($Folder) -match '\.(before|ps1)$|outcome\.json$').Count -or [IO.Directory]::Exists((Join-FilePath $Folder 'data'))
}

# What a run has ended with, as text; nothing while it has not, or when that was torn. One that cannot be opened now is empty.
function Read-Outcome([string]$Folder) {
    $path = Join-FilePath $Folder 'outcome.json'
    if (-not [IO.File]::Exists($path)) { return }
    try { $text = Read-FileText $path } catch { return '' }
    try { if ((ConvertFrom-Json -InputObject $text).result) { $text } } catch { $null = $_ }
}

# The run of a folder as its journal tells it; nothing without a complete first line, because then nothing was done, unless
# there is something that only comes after it.
function Read-Run([string]$Folder) {
    $run = New-Run $Folder
    $run.Journal = Join-FilePath $Folder 'journal'
    $run.Ended = $null -ne (Read-Outcome $Folder)
    if (-not [IO.File]::Exists($run.Journal)) { return }
    try {
        # The last line is empty, or was cut off.
        $lines = @((Read-FileText $run.Journal).Split("`n"))
        if ($lines.Count -lt 2) {
            if (Test-RunTrace $Folder) { throw 'Its journal has no first line.' }
            return
        }
        $run.Begin = ConvertFrom-Json -InputObject $lines[0]
        $run.Version = [int]$run.Begin.journal
        if ($run.Version -ne 1) { throw "Its journal is of version $($run.Version)." }
        Read-Plan $run
        for ($i = 1; $i -lt $lines.Count - 1; $i++) { Set-Event $run (ConvertFrom-Json -InputObject $lines[$i]) }
    } catch {
        $run.Code = if ($run.Version -gt 1) { 'journal_version' } else { 'journal_damaged' }
        $run.Error = "${Folder}: $(Get-ErrorText $_)"
    }
    $run
}

function Read-Plan($Run) {
    $text = Read-FileText (Join-FilePath $Run.Folder 'plan.json')
    $digest = Get-Digest ([Text.Encoding]::UTF8.GetBytes($text))
    if ($digest -cne $Run.Begin.plan_sha256) { throw 'plan.json is not the plan of the journal.' }
    $Run.Plan = ConvertFrom-Json -InputObject $text
    $Run.Steps = @(New-Step $Run.Plan)
    foreach ($log in $Run.Begin.logs) { $Run.LogLengths[$log.path] = $log.bytes }
}

# What one line of the journal says. A failed step that has been undone stays failed.
function Set-Event($Run, $Line) {
    if ('healthy', 'awaiting', 'confirmed' -contains $Line.event) { $Run[$Line.event] = $true }
    if ('confirmed', 'undo' -contains $Line.event) { $Run.Awaiting = $false }
    if ($Line.event -eq 'undo') {
        $Run.Failure = [ordered]@{ code = $Line.failure.code; message = [string]$Line.failure.message; step = $Line.failure.step }
    }
    $members = $Line.PSObject.Properties
    if (-not $members['step']) { return }
    $step = $Run.Steps[$Line.step]
    if (($Line.event -eq 'undone') -or ($members['acted'] -and -not $Line.acted)) { $Run.Untouched += $step.index }
    if (($Line.event -ne 'undone') -or ($step.status -ne 'failed')) { $step.status = $Line.event }
    if ($members['code']) {
        $step.code = $Line.code
        $step.message = [string]$Line.message
    }
}

# The folders of runs that have ended, or have not, the oldest first; Begin is nothing when it cannot be read.
function Get-RunFolder([bool]$Ended) {
    $parent = Join-FilePath (Get-AutomationFolder) 'runs'
    if (-not [IO.Directory]::Exists($parent)) { return }
    $runs = @{}
    foreach ($folder in [IO.Directory]::GetDirectories($parent)) {
        if (($null -ne (Read-Outcome $folder)) -ne $Ended) { continue }
        $begin = $null
        $started = 0
        try {
            $begin = ConvertFrom-Json -InputObject (Read-FileText (Join-FilePath $folder 'journal')).Split("`n")[0]
            $started = [long]$begin.started_utc_ms
        } catch { $begin = $null }
        $runs['{0:d15} {1}' -f $started, $folder] = @{ Folder = $folder; Begin = $begin; Started = $started }
    }
    foreach ($key in @(Get-OrdinalOrder @($runs.Keys))) { $runs[$key] }
}

# The runs without an end, the oldest first.
function Get-OpenRun {
    foreach ($one in @(Get-RunFolder $false)) { Read-Run $one.Folder }
}

function Test-TimerAlive([string]$Folder) {
    Test-FileHeld (Join-FilePath $Folder 'timer')
}

function Get-OpenRunFacts {
    $run = @(Get-OpenRun) | Select-Object -Last 1
    if (-not $run) { return }
    $facts = [ordered]@{
        run_id = $run.Id; journal = $run.Version; awaiting = $false; timer = $false; started_utc_ms = $null; by = ''
        commit = $null; steps = @(); error = $run.Error
    }
    if ($run.Code -ne '') { return $facts }
    $facts.awaiting = $run.Awaiting
    $facts.timer = Test-TimerAlive $run.Folder
    $facts.started_utc_ms = $run.Begin.started_utc_ms
    $facts.by = $run.Begin.origin.by
    $facts.commit = $run.Begin.origin.commit
    $facts.steps = $run.Steps
    $facts
}
