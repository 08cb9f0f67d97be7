# Replacing a file of the product so that at every moment one of the two contents stands under its name.

# Virus scanners and editors hold files for moments: sharing (32, 33), access (5), an exchange that could not be made or
# ended (1175, 1176, 1177).
function Invoke-FileAct([scriptblock]$Act) {
    for ($try = 1; ; $try++) {
        try { return (& $Act) } catch {
            $code = $_.Exception.GetBaseException().HResult -band 0xFFFF
            if ((32, 33, 5, 1175, 1176, 1177 -notcontains $code) -or ($try -eq 5)) { throw }
            Start-Sleep -Milliseconds 1000
        }
    }
}

# SHA-256 of what stands there now, empty when nothing does.
function Get-FileDigest([string]$Path) {
    if (-not [IO.File]::Exists($Path)) { return '' }
    Invoke-FileAct { Get-Digest (Read-FileTail $Path).Bytes }
}

# Puts a new file where none is.
function Add-File($Run, [string]$New, [string]$Path) {
    Write-Intent $Run
    try {
        Invoke-FileAct { Rename-NewFile $New $Path }
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
    if ($New) { Switch-WholeFile -Run $Run -New $New -Old $Path -Backup $old } else { Invoke-FileAct { Rename-NewFile $Path $old } }
    $Run.Acted = $true
    if ((Get-FileDigest $old) -cne $Expected) {
        if ($New) { Switch-WholeFile -Run $Run -New $old -Old $Path -Backup $New } else { Invoke-FileAct { Rename-NewFile $old $Path } }
        $Run.Acted = $false
        Stop-Change 'file_changed' "$Path has been changed meanwhile; that content is back in place."
    }
    # One that is still held is left behind; the next exchange takes its name.
    try { Invoke-FileAct { Remove-OldFile $old } } catch { $null = $_ }
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
    } finally {
        # One that is held must not hide what has failed; the end of the undo tries again.
        if ([IO.File]::Exists($new)) { try { Invoke-FileAct { Remove-OldFile $new } } catch { $null = $_ } }
    }
    if ((Get-FileDigest $Path) -cne $Wanted) { Stop-Change 'file_write' "$Path does not read as written." }
}

# The bytes a file has before the change, kept in the run's folder.
function Save-FileBytes($Run, $Change) {
    if (-not $Change.before_sha256) { return }
    $saved = Get-KeptFile $Run $Change 'before'
    if ([IO.File]::Exists($saved)) { Stop-Change 'file_write' "$($Change.path) has been changed by this run already." }
    $whole = Invoke-FileAct { Read-FileTail $Change.path }
    Invoke-FileAct { Write-NewFile $saved $whole.Bytes }
}

function Get-KeptFile($Run, $Change, [string]$What) {
    Join-FilePath $Run.Folder "$($Change.file).$What"
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
    $kept = Get-KeptFile $Run $Change 'displaced'
    if ((Get-FileDigest $kept) -ceq $Digest) { Invoke-FileAct { Remove-OldFile $Path } }
    else { Invoke-FileAct { Rename-NewFile $Path $kept } }
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
    if (($taken -ne '') -and ($now -ne '') -and ($ours -notcontains $now) -and ($ours -contains $taken) -and [IO.File]::Exists($new)) {
        Save-DisplacedFile -Run $Run -Change $Change -Path $path -Digest $now
        $now = ''
    }
    if ($taken -ne '') {
        if (($now -eq '') -and ($taken -ceq $after)) { $after = '' }
        elseif (($now -eq '') -and ($before -ne '')) { Invoke-FileAct { Rename-NewFile $old $path } }
        elseif ($now -ceq $after) { Switch-WholeFile -Run $Run -New $old -Old $path -Backup $new }
        elseif ($ours -notcontains $taken) { Save-DisplacedFile -Run $Run -Change $Change -Path $old -Digest $taken }
    }
    if ((Get-FileDigest $path) -cne $before) {
        $bytes = [byte[]]@()
        if ($before -ne '') { $bytes = (Read-FileTail (Get-KeptFile $Run $Change 'before')).Bytes }
        Set-FileBytes -Run $Run -Path $path -Bytes $bytes -Expected $after -Wanted $before
    }
    Invoke-FileAct { Remove-OldFile $old }
}

# At the end of an undo: half-written files that a cut has left behind go, and with each file is said what is kept of
# somebody else's.
function Remove-Leftover($Run) {
    $data = Get-DataCopyFolder $Run
    $left = @(if ([IO.Directory]::Exists($data)) { [IO.Directory]::GetFiles($data) | Where-Object { $_.EndsWith('.new') } })
    foreach ($step in $Run.Steps) {
        $change = $Run.Plan.changes[$step.index]
        if ($change.kind -ne 'file.write') { continue }
        $left += "$($change.path).certify-automation"
        $kept = Get-KeptFile $Run $change 'displaced'
        if (-not [IO.File]::Exists($kept)) { continue }
        if (-not $step.code) { $step.code = 'file_changed' }
        $step.message = "$($step.message) What stood at $($change.path) meanwhile is kept as $kept.".TrimStart()
    }
    foreach ($path in $left) { try { Remove-OldFile $path } catch { $null = $_ } }
}
