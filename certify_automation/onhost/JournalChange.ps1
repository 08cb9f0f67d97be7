# Writing down what a run does before it does it.

# Adds an event to the journal, flushed; ends the change in hand with `journal` when that is not possible. A run without
# changes has no journal.
function Add-JournalLine {
    param($Run, $Line)
    if ($Run.Journal -eq '') { return }
    try { Add-FileLine -Path $Run.Journal -Text (ConvertTo-AsciiJson -Value $Line) }
    catch { Stop-Change -Code 'journal' -Message "$($Run.Journal): $($_.Exception.GetBaseException().Message)" }
}

# To be called right before every effect of a change: the first one writes that the change has begun. An undo writes
# nothing here, it looks at what is there.
function Write-Intent {
    param($Run)
    if ($Run.Intent -lt 0) { return }
    Add-JournalLine -Run $Run -Line ([ordered]@{ event = 'begun'; step = $Run.Intent })
    $Run.Intent = -1
}
