# Writing down what a run does before it does it.

# Adds an event to the journal, flushed; ends the change in hand with `journal` when that is not possible. A run without
# changes has no journal.
function Add-JournalLine($Run, $Line) {
    if ($Run.Journal -eq '') { return }
    try { Invoke-FileAct { Add-FileLine $Run.Journal (ConvertTo-AsciiJson $Line) } }
    catch { Stop-Change 'journal' "$($Run.Journal): $(Get-ErrorText $_)" }
}

# To be called right before every effect of a change: the first one writes that the change has begun. An undo writes
# nothing here, it looks at what is there.
function Write-Intent($Run) {
    if ($Run.Intent -lt 0) { return }
    Add-JournalLine $Run ([ordered]@{ event = 'begun'; step = $Run.Intent })
    $Run.Intent = -1
}

# The same in an undo, which goes on when nothing can be written: it looks at what is there, and may be repeated.
function Save-JournalLine($Run, $Line) {
    try { Add-JournalLine $Run $Line } catch { $null = $_ }
}

# Keeps the plan, then begins the journal: one with a first line has a plan. Nothing has been done when that fails.
function Open-Journal($Run) {
    $plan = [Text.Encoding]::UTF8.GetBytes((ConvertTo-AsciiJson $Run.Plan))
    $services = $Run.Product.services
    $one = $services.Count -eq 1
    $lengths = Get-LogLength $Run.Product
    # A clock that was set back must not change the order of the runs.
    $now = Get-UnixTimeMs (Get-Date)
    foreach ($last in Get-RunFolder $true | Select-Object -Last 1) { $now = [Math]::Max($now, $last.Started + 1) }
    $begin = [ordered]@{
        journal = 1; event = 'begin'; run_id = $Run.Id; plan_sha256 = Get-Digest $plan
        by = "$env:USERDOMAIN\$env:USERNAME"; origin = $Run.Plan.origin
        started_utc_ms = $now
        boot_utc_ms = Get-BootTimeMs (Get-OperatingSystem)
        service_state = $(if ($one) { $services[0].state } else { '' }); process_id = $(if ($one) { $services[0].process_id } else { 0 })
        logs = @(foreach ($path in $lengths.Keys) { [ordered]@{ path = $path; bytes = $lengths[$path] } })
        confirm_seconds = $Run.Plan.confirm_seconds
    }
    $Run.Begin = $begin
    $Run.Journal = Join-FilePath $Run.Folder 'journal'
    try {
        [void][IO.Directory]::CreateDirectory($Run.Folder)
        Invoke-FileAct { Write-NewFile (Join-FilePath $Run.Folder 'plan.json') $plan }
        Invoke-FileAct { Add-FileLine $Run.Journal (ConvertTo-AsciiJson $begin) }
    } catch { Stop-Change 'journal' "$($Run.Journal): $(Get-ErrorText $_)" }
}
