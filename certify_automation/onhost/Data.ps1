# The product's data around a start: copies of it are put aside first, and a start that could not open it is not repeated.

# At every start the product makes a backup of its database, whatever its condition, and drops the oldest: after two
# starts with a damaged database no good one is left. What an interrupted attempt has copied is older and stays.
function Save-Data($Run) {
    # A change of this plan has copied what was there, and put something else in its place.
    if (-not $Run.Product.data_dir -or ($Run.Plan.changes.kind -contains 'data_store.restore')) { return }
    Copy-Data $Run @(foreach ($file in @(Get-DataFileFacts $Run.Product.data_dir)) { $file.name })
    Assert-Deadline $Run
}

# Copies of those of the files that are there, all or none.
function Copy-Data($Run, [string[]]$Names) {
    $made = @()
    try {
        [void][IO.Directory]::CreateDirectory((Get-DataCopyFolder $Run))
        foreach ($name in $Names) {
            $path = Join-FilePath $Run.Product.data_dir $name
            $copy = Join-FilePath (Get-DataCopyFolder $Run) $name
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

# Puts a backup in place of the database while the service is stopped. Without all of the copies nothing is removed: the
# mark beside them says that they are whole. The write-ahead log goes first: it would be taken for one of the backup's.
function Restore-Data($Run, $Change) {
    $folder = (Split-FilePath $Change.path).Folder
    Assert-Backup $folder $Change
    Stop-RunningService $Run $Change.service
    Assert-Backup $folder $Change
    Copy-Data $Run ((Split-FilePath $Change.path).Name, 'manageditems.db-wal', 'manageditems.db-shm', 'manageditems.db.bak', 'manageditems.db.bak.old')
    Assert-Deadline $Run
    Write-Intent $Run
    Invoke-FileAct { Write-NewFile (Get-DataMark $Run) @() }
    $Run.Acted = $true
    Switch-Database -Run $Run -Path $Change.path -Source (Join-FilePath $folder $Change.backup)
    # The manager may have started it again after a failure.
    $state = Get-ServiceState $Change.service
    if ($state -ne 'Stopped') { Stop-Change 'service_stop' "$($Change.service) is in the state $state." }
}

function Get-DataMark($Run) {
    Join-FilePath (Get-DataCopyFolder $Run) 'whole'
}

# The database is a copy of $Source then, or is not there without one; it has no other files beside it.
function Switch-Database($Run, [string]$Path, [string]$Source) {
    $new = "$Path.certify-automation"
    try {
        if ($Source) { Invoke-FileAct { Copy-SharedFile $Source $new } }
        foreach ($end in '-wal', '-shm') { Invoke-FileAct { Remove-OldFile "$Path$end" } }
        if (-not $Source) { Invoke-FileAct { Remove-OldFile $Path } }
        elseif ([IO.File]::Exists($Path)) { Switch-WholeFile -Run $Run -New $new -Old $Path -Backup "$new.old" }
        else { Move-File $new $Path }
    } finally { if ([IO.File]::Exists($new)) { Remove-Waste $new } }
    Remove-Waste "$new.old"
}

# Puts back what stood there, as often as it is asked to.
function Undo-DataRestore($Run, $Change) {
    if (-not [IO.File]::Exists((Get-DataMark $Run))) { return }
    Stop-RunningService $Run $Change.service
    $copy = Join-FilePath (Get-DataCopyFolder $Run) (Split-FilePath $Change.path).Name
    Switch-Database -Run $Run -Path $Change.path -Source $(if ([IO.File]::Exists($copy)) { $copy })
    foreach ($end in '-wal', '-shm') {
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
