# The product's data around a start: copies of it are put aside first, and a start that could not open it is not repeated.

# At every start the product makes a backup of its database, whatever its condition, and drops the oldest: after two
# starts with a damaged database no good one is left. What an interrupted attempt has copied is older and stays.
function Save-Data($Run) {
    # A change of this plan has copied what was there, and put something else in its place.
    if (-not $Run.Product.data_dir -or ($Run.Plan.changes.kind -contains 'data_store.restore')) { return }
    $names = @(foreach ($file in @(Get-DataFileFacts $Run.Product.data_dir)) { $file.name })
    Copy-Data -From $Run.Product.data_dir -To (Get-DataCopyFolder $Run) -Names $names
    Assert-Deadline $Run
}

# Copies of those of the files that are there, all or none.
function Copy-Data([string]$From, [string]$To, [string[]]$Names) {
    $made = @()
    try {
        [void][IO.Directory]::CreateDirectory($To)
        foreach ($name in $Names) {
            $path = Join-FilePath $From $name
            $copy = Join-FilePath $To $name
            if ([IO.File]::Exists($copy) -or -not [IO.File]::Exists($path)) { continue }
            $made += "$copy.new", $copy
            Invoke-FileAct { Copy-SharedFile $path "$copy.new" }
            Move-File "$copy.new" $copy
        }
    } catch {
        # A disk that is full now must not stay so.
        foreach ($file in $made) { Remove-Waste $file }
        Stop-Change 'data_copy' "The data could not be copied: $(Get-ErrorText $_)"
    }
}

function Get-DataCopyFolder($Run) {
    Join-FilePath $Run.Folder 'data'
}

# The logs a start writes to, with their lengths before it.
function Get-LogLength($Product) {
    $lengths = [ordered]@{}
    if (-not $Product.data_dir) { return $lengths }
    $first = if ($Product.generation -eq 'v7') { 'unhandled_exceptions.log' } else { 'service.exceptions.log' }
    foreach ($name in $first, 'session.log') {
        $path = Join-FilePath $Product.data_dir 'logs', $name
        $file = [IO.FileInfo]::new($path)
        $lengths[$path] = if ($file.Exists) { $file.Length } else { 0 }
    }
    $lengths
}

# The complete lines of a log after its first $Length bytes; all of them when it has been begun anew. One byte more is
# read: the end of the line before.
function Read-NewLine([string]$Path, [long]$Length) {
    $file = [IO.FileInfo]::new($Path)
    if (-not $file.Exists -or ($file.Length -eq $Length)) { return }
    $new = if ($file.Length -gt $Length) { $file.Length - $Length + 1 } else { $file.Length }
    Read-LastLine $Path ([Math]::Min($new, 65536))
}

# What the last start has logged that says it could not open its data; a later success takes it back. Of session.log only
# errors count.
function Get-DataStoreFailure($Run) {
    foreach ($path in $Run.LogLengths.Keys) {
        $found = $null
        try { $lines = @(Read-NewLine $path $Run.LogLengths[$path]) } catch { $lines = @() }
        foreach ($line in $lines) {
            if ($line.Contains('Service API bound OK to ') -or $line.Contains('Certify Manager Started')) { $found = $null }
            if (($path -like '*session.log') -and -not [regex]::IsMatch($line, '\[ERR\]|FATAL')) { continue }
            if ([regex]::IsMatch($line, 'data ?store|managed items? store|read-?only database', 'IgnoreCase, CultureInvariant')) { $found = $line }
        }
        if ($found) { return $found }
    }
}

# Ends the change unless the backup is the one that was planned with: a start makes others of them.
function Assert-Backup($Folder, $Change) {
    foreach ($file in @(Get-DataFileFacts $Folder)) {
        if ($file.name -ne $Change.backup) { continue }
        if (($file.bytes -eq $Change.backup_bytes) -and ($file.written_utc_ms -eq $Change.backup_written_utc_ms)) { return }
    }
    Stop-Change 'file_changed' "$($Change.backup) is not the one that the plan was made from."
}

# Stops the service for a change of its data: a process that is still there may write to what is copied.
function Stop-DataService($Run, [string]$Name) {
    $process = Get-ServiceProcessId $Name
    Stop-RunningService $Run $Name
    if ($process -and ($process -in @((Get-ProcessName $process).Keys))) {
        Stop-Change 'service_stop' "$Name is stopped, and its process $process is still there."
    }
}

# Puts a backup in place of the database while the service is stopped. Without all of the copies nothing is removed: the
# mark beside them says that they are whole. What SQLite keeps beside the database goes first: it would be taken for the
# backup's, and a rollback journal be played back into it.
function Restore-Data($Run, $Change) {
    $place = Split-FilePath $Change.path
    Assert-Backup $place.Folder $Change
    Stop-DataService $Run $Change.service
    Assert-Backup $place.Folder $Change
    $copies = Get-DataCopyFolder $Run
    $names = foreach ($end in '', '-wal', '-shm', '-journal', '.bak', '.bak.old') { $place.Name + $end }
    Copy-Data -From $place.Folder -To $copies -Names $names
    Assert-Deadline $Run
    Write-Intent $Run
    Invoke-FileAct { Write-NewFile (Join-FilePath $copies 'whole') @() }
    $Run.Acted = $true
    Switch-Database -Run $Run -Path $Change.path -Source (Join-FilePath $place.Folder $Change.backup)
    # The manager may have started it again after a failure.
    $state = Get-ServiceState $Change.service
    if ($state -ne 'Stopped') { Stop-Change 'service_stop' "$($Change.service) is in the state $state." }
}

# The database is a copy of $Source then, or is not there without one; it has no other files beside it.
function Switch-Database($Run, [string]$Path, [string]$Source) {
    $new = "$Path.certify-automation"
    try {
        if ($Source) { Invoke-FileAct { Copy-SharedFile $Source $new } }
        foreach ($end in '-wal', '-shm', '-journal') { Invoke-FileAct { Remove-OldFile "$Path$end" } }
        if (-not $Source) { Invoke-FileAct { Remove-OldFile $Path } }
        elseif ([IO.File]::Exists($Path)) { Switch-WholeFile -Run $Run -New $new -Old $Path -Backup "$new.old" }
        else { Move-File $new $Path }
    } finally { if ([IO.File]::Exists($new)) { Remove-Waste $new } }
    Remove-Waste "$new.old"
}

# Where copies are of what stood in place of the database when it was put back. After a cut the product may have worked with
# that for days.
function Get-DisplacedFolder($Run) {
    Join-FilePath (Get-DataCopyFolder $Run) 'displaced'
}

# Makes these copies, once. Those without the mark are what a cut has left.
function Save-DisplacedData($Run, $Place) {
    $kept = Get-DisplacedFolder $Run
    $mark = Join-FilePath $kept 'whole'
    if ([IO.File]::Exists($mark)) { return }
    if ([IO.Directory]::Exists($kept)) { Invoke-FileAct { Remove-WholeFolder $kept } }
    $names = foreach ($end in '', '-wal', '-shm', '-journal') { $Place.Name + $end }
    Copy-Data -From $Place.Folder -To $kept -Names $names
    Invoke-FileAct { Write-NewFile $mark @() }
}

# Puts back what stood there, as often as it is asked to.
function Undo-DataRestore($Run, $Change) {
    $copies = Get-DataCopyFolder $Run
    if (-not [IO.File]::Exists((Join-FilePath $copies 'whole'))) { return }
    Stop-DataService $Run $Change.service
    $place = Split-FilePath $Change.path
    Save-DisplacedData $Run $place
    $copy = Join-FilePath $copies $place.Name
    Switch-Database -Run $Run -Path $Change.path -Source $(if ([IO.File]::Exists($copy)) { $copy })
    foreach ($end in '-wal', '-shm', '-journal') {
        $new = "$($Change.path)$end.certify-automation"
        if (-not [IO.File]::Exists("$copy$end")) { continue }
        Invoke-FileAct { Copy-SharedFile "$copy$end" $new }
        Move-File $new "$($Change.path)$end"
    }
}

# The undo of a restart.
function Undo-Restart($Run, [string]$Name) {
    $said = if (@($Run.Steps | Where-Object { ($_.kind -eq 'data_store.restore') -and ($_.status -eq 'undo_failed') }).Count) {
        'its data could not be put back'
    } else { Get-DataStoreFailure $Run }
    if ($said) {
        $copies = "copies of its data from before are in $(Get-DataCopyFolder $Run)"
        Stop-Change 'data_store' "$Name could not open its data and is not started a second time; ${copies}: $said"
    }
    Restart-ProductService $Run $Name
}
