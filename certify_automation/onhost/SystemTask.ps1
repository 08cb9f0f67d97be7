# A one-shot scheduled task that asks the product's API as SYSTEM: a network logon has no credentials that it accepts.

# The folder of such a task; its id becomes a part of paths and commands.
function Get-SystemTaskFolder([string]$Id) {
    if (-not [regex]::IsMatch($Id, '\A[0-9a-f]{32}\z')) { throw "This is no id of a task: $Id" }
    Join-FilePath (Get-AutomationFolder) 'api', $Id
}

# The task of a folder, and the folder. The registration goes first: one that is left over has a folder. A process of it
# ends by itself when the visit has let go of its file, and may hold its own for a moment.
function Remove-SystemTask([string]$Folder) {
    $id = (Split-FilePath $Folder).Name
    try { $null = Invoke-TaskProgram -Verb '/Delete' -RunId "api-$id" -Options '/F' } catch { $null = $_ }
    # The folder of all of them stays: another visit may be about to make its own there.
    try { Invoke-FileAct { Remove-WholeFolder $Folder } } catch { $null = $_ }
}

# Whether a folder is what a visit has left that was cut off before that time. What still runs has its file open.
function Test-OldSystemTask([string]$Folder, [long]$Oldest) {
    if (-not [regex]::IsMatch((Split-FilePath $Folder).Name, '\A[0-9a-f]{32}\z')) { return $false }
    if ([IO.File]::GetAttributes($Folder) -band [IO.FileAttributes]::ReparsePoint) { return $false }
    if ((Get-UnixTimeMs ([IO.FileInfo]::new($Folder)).LastWriteTimeUtc) -ge $Oldest) { return $false }
    @('visit', 'process' | Where-Object { Test-FileHeld (Join-FilePath $Folder $_) }).Count -eq 0
}

# Another visit may remove its own meanwhile.
function Remove-OldSystemTask {
    $oldest = (Get-UnixTimeMs (Get-Date)) - 3600000
    foreach ($folder in [IO.Directory]::GetDirectories((Join-FilePath (Get-AutomationFolder) 'api'))) {
        try { if (Test-OldSystemTask $folder $oldest) { Remove-SystemTask $folder } } catch { $null = $_ }
    }
}

# Makes the task and starts it.
function Start-SystemTask([string]$Folder, $Call, $Request, [int]$Seconds) {
    $id = (Split-FilePath $Folder).Name
    $script = [Text.Encoding]::UTF8.GetBytes($Call.Text)
    $text = ConvertTo-AsciiJson ([ordered]@{ deadline_seconds = $Seconds; parameters = $Request })
    Invoke-FileAct { Write-NewFile (Join-FilePath $Folder 'script.ps1') $script }
    Invoke-FileAct { Write-NewFile (Join-FilePath $Folder 'request.json') ([Text.Encoding]::UTF8.GetBytes($text)) }
    Start-TaskProcess -Id "api-$id" -Folder $Folder -Parts @{
        digest = Get-Digest $script; limit = "PT$([int]($Seconds / 60) + 2)M"; triggers = ''
        file = "api/$id/script.ps1"; parameters = "verb = 'system'; task = '$id'"
        first = '$env:Path = $env:SystemRoot + ''\System32''; $null = schtasks.exe /Delete /TN certify-automation-{id} /F'
    }
}

# Waits for the answer of the task's process; one that has ended without any gives none any more.
function Wait-SystemAnswer([string]$Folder, [long]$Until) {
    $process = Join-FilePath $Folder 'process'
    $begin = (Get-MonotonicMs) + 30000
    while ($true) {
        $begun = [IO.File]::Exists($process)
        $alive = Test-FileHeld $process
        if ([IO.File]::Exists((Join-FilePath $Folder 'answer.json'))) { return }
        $now = Get-MonotonicMs
        if ($begun -and -not $alive) { Stop-Change 'task' 'The process of the task has ended without an answer.' }
        if (-not $begun -and ($now -ge $begin)) { Stop-Change 'task' 'The task was started, and its process gave no sign of life.' }
        if ($now -ge $Until) { Stop-Change 'task' 'The task gave no answer in time.' }
        Start-Sleep -Milliseconds 500
    }
}

# The text of a file of the task, which may be longer than any other.
function Read-SystemText([string]$Path) {
    [Text.Encoding]::UTF8.GetString((Read-FileTail $Path).Bytes)
}

# Notes how far a task has come, in a file that nothing replaces: there is no moment without one.
function Save-SystemProgress([string]$Folder, [int]$Number, [string]$Text) {
    $path = Join-FilePath $Folder ('progress-{0:d4}.json' -f $Number)
    Invoke-FileAct { Write-NewFile "$path.new" ([Text.Encoding]::UTF8.GetBytes($Text)) }
    Move-File "$path.new" $path
}

# How far it has come, as it said last; nothing when it said nothing.
function Read-SystemProgress([string]$Folder) {
    $paths = @([IO.Directory]::GetFiles($Folder) -match 'progress-\d{4}\.json$')
    if ($paths.Count) { Read-SystemText @(Get-OrdinalOrder $paths)[-1] }
}

# What this script, run by a task of SYSTEM with $Request as its parameters, gives as text; where it gave nothing, how far
# it had come; an error where that is not known either. $Until is the end of this visit.
function Invoke-SystemTask($Call, $Request, [long]$Until) {
    $refusal = Get-FolderRefusal (Get-AutomationFolder)
    if ($refusal) { Stop-Change 'task' $refusal.message }
    # A visit may be repeated while what the first one began still runs.
    $folder = Get-SystemTaskFolder ([Guid]::NewGuid().ToString('N'))
    $visit = $null
    try {
        [void][IO.Directory]::CreateDirectory($folder)
        Remove-OldSystemTask
        # Open as long as this visit lives: the task acts on nothing after it.
        $visit = Open-HeldFile (Join-FilePath $folder 'visit')
        if (-not $visit) { Stop-Change 'task' "Somebody else has opened a file in $folder." }
        # What a process takes to begin is not the task's.
        $seconds = [Math]::Max(1, ($Until - (Get-MonotonicMs)) / 1000 - 20)
        try {
            Start-SystemTask -Folder $folder -Call $Call -Request $Request -Seconds $seconds
            Wait-SystemAnswer $folder ($Until - 2000)
            $text = Read-SystemText (Join-FilePath $folder 'answer.json')
            if (-not $text.StartsWith('{')) { Stop-Change 'task' $text }
        } catch {
            # From here on the task does nothing more; what it did before it has noted before.
            $visit.Dispose()
            $text = Read-SystemProgress $folder
            if (-not $text) { throw }
        }
        $text
    } finally {
        if ($visit) { $visit.Dispose() }
        Remove-SystemTask $folder
    }
}

# Whether this process is that of a task: the parameters of a visit are no dictionary.
function Test-SystemTask($Call) {
    $Call.Parameters -is [Collections.IDictionary]
}

# What the process of a task does: it gives $Call the parameters of its request, and writes the text that $Value gives. Its
# file is open as long as it lives.
function Complete-SystemTask($Call, [scriptblock]$Value) {
    $folder = Get-SystemTaskFolder $Call.Parameters.task
    $process = Open-HeldFile (Join-FilePath $folder 'process')
    if (-not $process) { return }
    try {
        $request = ConvertFrom-Json -InputObject (Read-FileText (Join-FilePath $folder 'request.json'))
        $Call.Parameters = $request.parameters
        $Call.DeadlineSeconds = $request.deadline_seconds
        $Call.Folder = $folder
        $text = & $Value
    } catch { $text = "The task has failed: $(Get-ErrorText $_)" }
    Save-NewText (Join-FilePath $folder 'answer.json') $text
    $process.Dispose()
}

# Ends what a task does when nobody waits for it any more.
function Assert-Visit($Call) {
    if ($Call.ContainsKey('Folder') -and -not (Test-FileHeld (Join-FilePath $Call.Folder 'visit'))) { throw 'The visit has ended.' }
}
