# Where runs are kept.

# The folder of the run of that id, which becomes a part of paths and commands.
function Get-RunPath([string]$RunId) {
    if (-not [regex]::IsMatch($RunId, '\A[0-9a-f]{32}\z')) { throw "This is no run id: $RunId" }
    Join-FilePath (Get-AutomationFolder) 'runs', $RunId
}
