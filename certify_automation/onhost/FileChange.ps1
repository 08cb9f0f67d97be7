# Replacing a file of the product so that at every moment one of the two contents stands under its name.

# SHA-256 of what stands there now, empty when nothing does.
function Get-FileDigest([string]$Path) {
    if (-not [IO.File]::Exists($Path)) { return '' }
    Invoke-FileAct { Get-Digest (Read-FileTail $Path).Bytes }
}

# Puts a new file where none is.
function Add-File($Run, [string]$New, [string]$Path) {
    Write-Intent $Run
    try {
        Move-File $New $Path
        $Run.Acted = $true
    } catch {
        if (-not [IO.File]::Exists($Path)) { throw }
        Stop-Change 'file_changed' "$Path has come into being meanwhile."
    }
}

# An exchange may end between its two steps (1177): then nothing stands under the name, and the backup is the old file. It
# may be held by now, so a second attempt begins with it.
function Switch-WholeFile($Run, [string]$New, [string]$Old, [string]$Backup) {
    Invoke-FileAct {
        if (-not [IO.File]::Exists($Old) -and [IO.File]::Exists($Backup)) { Rename-NewFile $Backup $Old }
        try { Switch-File -New $New -Old $Old -Backup $Backup } catch {
            if (($_.Exception.GetBaseException().HResult -band 0xFFFF) -eq 1177) {
                $Run.Acted = $true
                Rename-NewFile $Backup $Old
            }
            throw
        }
    }
}

# Puts the new file in place of the old one or, without a new one, takes the old one away, and looks at what was taken: it
# is put back when it is not what was expected.
function Switch-ExpectedFile($Run, [string]$New, [string]$Path, [string]$Expected) {
    $old = "$Path.certify-automation.old"
    if (-not $New) { Invoke-FileAct { Remove-OldFile $old } }
    Write-Intent $Run
    if ($New) { Switch-WholeFile -Run $Run -New $New -Old $Path -Backup $old } else { Move-File $Path $old }
    $Run.Acted = $true
    if ((Get-FileDigest $old) -cne $Expected) {
        if ($New) { Switch-WholeFile -Run $Run -New $old -Old $Path -Backup $New } else { Move-File $old $Path }
        $Run.Acted = $false
        Stop-Change 'file_changed' "$Path has been changed meanwhile; that content is back in place."
    }
    Remove-Waste $old
}

# $Expected and $Wanted are digests, empty for no file; $Bytes are those of $Wanted.
function Set-FileBytes($Run, [string]$Path, [string]$Expected, [string]$Wanted, [byte[]]$Bytes) {
    $now = Get-FileDigest $Path
    if ($now -ceq $Wanted) { return }
    if ($now -cne $Expected) { Stop-Change 'file_changed' "$Path is not what the plan was made from." }
    if ($Wanted -eq '') { return (Switch-ExpectedFile -Run $Run -Path $Path -Expected $Expected) }
    if ((Get-Digest $Bytes) -cne $Wanted) { Stop-Change 'file_write' "The bytes for $Path do not have the digest $Wanted." }
    $new = "$Path.certify-automation"
    try {
        Invoke-FileAct { Write-NewFile $new $Bytes }
        if ($Expected -eq '') { Add-File -Run $Run -New $new -Path $Path }
        else { Switch-ExpectedFile -Run $Run -New $new -Path $Path -Expected $Expected }
    } finally { if ([IO.File]::Exists($new)) { Remove-Waste $new } }
    if ((Get-FileDigest $Path) -cne $Wanted) { Stop-Change 'file_write' "$Path does not read as written." }
}

# The bytes a file has before the change, kept in the run's folder.
function Save-FileBytes($Run, $Change) {
    if (-not $Change.before_sha256 -or -not [IO.File]::Exists($Change.path)) { return }
    $saved = Join-FilePath $Run.Folder "$($Change.file).before"
    if ([IO.File]::Exists($saved)) { Stop-Change 'file_write' 'This run has changed the file already.' }
    $whole = Invoke-FileAct { Read-FileTail $Change.path }
    Invoke-FileAct { Write-NewFile $saved $whole.Bytes }
}

function Set-ChangedFile($Run, $Change) {
    Save-FileBytes $Run $Change
    # Without content the file is removed.
    $bytes = [Convert]::FromBase64String([string]$Change.content)
    $digests = @{ Expected = [string]$Change.before_sha256; Wanted = [string]$Change.after_sha256 }
    Set-FileBytes -Run $Run -Path $Change.path -Bytes $bytes @digests
}

# Keeps somebody else's file in the run's folder. Another one there stays, and this one where it is.
function Save-DisplacedFile($Run, $Change, [string]$Path, [string]$Digest) {
    $kept = Join-FilePath $Run.Folder "$($Change.file).displaced"
    if ((Get-FileDigest $kept) -eq $Digest) { Invoke-FileAct { Remove-OldFile $Path } } else { Move-File $Path $kept }
}

# What an exchange that was cut off has taken away stands beside the file and goes back under its name, unless it is what
# this run had put there itself: then the old bytes come from the run's folder. While the new file still has a name of its
# own, what stands under the file's name has come there for want of it: the product's defaults, or an administrator's file.
function Reset-ChangedFile($Run, $Change) {
    $path = $Change.path
    $new = "$path.certify-automation"
    $old = "$new.old"
    $before = [string]$Change.before_sha256
    $after = [string]$Change.after_sha256
    $ours = $before, $after
    $now = Get-FileDigest $path
    $taken = Get-FileDigest $old
    if ($taken) {
        $call = @{ Run = $Run; Change = $Change }
        if ($now -and ($ours -notcontains $now) -and ($ours -contains $taken) -and [IO.File]::Exists($new)) {
            Save-DisplacedFile @call -Path $path -Digest $now
            $now = ''
        }
        if (-not $now -and ($taken -eq $after)) { $after = '' }
        elseif (-not $now -and $before) { Move-File $old $path }
        elseif ($now -eq $after) { Switch-WholeFile -Run $Run -New $old -Old $path -Backup $new }
        elseif ($ours -notcontains $taken) { Save-DisplacedFile @call -Path $old -Digest $taken }
    }
    if ((Get-FileDigest $path) -ne $before) {
        $bytes = [byte[]]@()
        if ($before) { $bytes = (Read-FileTail (Join-FilePath $Run.Folder "$($Change.file).before")).Bytes }
        Set-FileBytes -Run $Run -Path $path -Bytes $bytes -Expected $after -Wanted $before
    }
    Remove-Waste $old
}

# At the end of an undo: half-written files that a cut has left behind go, and with each file is said what is kept of
# somebody else's.
function Remove-Leftover($Run) {
    $data = Get-DataCopyFolder $Run
    $left = @(if ([IO.Directory]::Exists($data)) { [IO.Directory]::GetFiles($data) | Where-Object { $_.EndsWith('.new') } })
    foreach ($step in $Run.Steps) {
        $change = $Run.Plan.changes[$step.index]
        if ('file.write', 'data_store.restore' -notcontains $change.kind) { continue }
        $new = "$($change.path).certify-automation"
        $left += $new
        if ($change.kind -eq 'file.write') { $kept = Join-FilePath $Run.Folder "$($change.file).displaced" } else {
            $left += "$new.old"
            foreach ($end in '-wal', '-shm', '-journal') { $left += "$($change.path)$end.certify-automation" }
            $kept = Join-FilePath (Get-DisplacedFolder $Run) (Split-FilePath $change.path).Name
        }
        if (-not [IO.File]::Exists($kept)) { continue }
        if (-not $step.code) { $step.code = 'file_changed' }
        $step.message = "$($step.message) What stood there is kept as $kept.".Trim()
    }
    foreach ($path in $left) { Remove-Waste $path }
}
