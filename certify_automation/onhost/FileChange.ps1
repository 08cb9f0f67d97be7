# Replacing a file of the product so that at every moment one of the two contents stands under its name.

# Virus scanners and editors hold files for moments: sharing (32, 33), access (5), an exchange that could not be made or
# ended (1175, 1176, 1177).
function Invoke-FileAct {
    param([scriptblock]$Act)
    for ($try = 1; ; $try++) {
        try { return (& $Act) } catch {
            $code = $_.Exception.GetBaseException().HResult -band 0xFFFF
            if ((32, 33, 5, 1175, 1176, 1177 -notcontains $code) -or ($try -eq 5)) { throw }
            Start-Sleep -Milliseconds 1000
        }
    }
}

# SHA-256 of what stands there now, empty when nothing does.
function Get-FileDigest {
    param([string]$Path)
    if (-not [IO.File]::Exists($Path)) { return '' }
    Invoke-FileAct -Act { Get-Digest -Bytes (Read-FileTail -Path $Path -Limit ([int]::MaxValue)).Bytes }
}

# Puts a new file where none is.
function Add-File {
    param($Run, [string]$New, [string]$Path)
    Write-Intent -Run $Run
    try {
        Invoke-FileAct -Act { Rename-NewFile -New $New -Path $Path }
        $Run.Acted = $true
    } catch {
        if (-not [IO.File]::Exists($Path)) { throw }
        Stop-Change -Code 'file_changed' -Message "$Path has come into being meanwhile."
    }
}

# An exchange may end between its two steps (1177): then nothing stands under the name, and the backup is the old file.
function Switch-WholeFile {
    param([string]$New, [string]$Old, [string]$Backup)
    try { Switch-File -New $New -Old $Old -Backup $Backup } catch {
        if (($_.Exception.GetBaseException().HResult -band 0xFFFF) -eq 1177) {
            Invoke-FileAct -Act { Rename-NewFile -New $Backup -Path $Old }
        }
        throw
    }
}

# Exchanges the file and looks at what was taken away: it is put back when it is not what was expected.
function Switch-ExpectedFile {
    param($Run, [string]$New, [string]$Path, [string]$Expected)
    $old = "$New.old"
    Write-Intent -Run $Run
    Invoke-FileAct -Act { Switch-WholeFile -New $New -Old $Path -Backup $old }
    $Run.Acted = $true
    if ((Get-FileDigest -Path $old) -cne $Expected) {
        Invoke-FileAct -Act { Switch-WholeFile -New $old -Old $Path -Backup $New }
        $Run.Acted = $false
        Stop-Change -Code 'file_changed' -Message "$Path has been changed meanwhile; that content is back in place."
    }
    # One that is still held is left behind; the next exchange takes its name.
    try { Invoke-FileAct -Act { Remove-OldFile -Path $old } } catch { $null = $_ }
}

# Takes a file away by another name first, and looks at it: it is put back when it is not what was expected.
function Remove-ExpectedFile {
    param($Run, [string]$Path, [string]$Expected)
    $old = "$Path.certify-automation.old"
    Invoke-FileAct -Act { Remove-OldFile -Path $old }
    Write-Intent -Run $Run
    Invoke-FileAct -Act { Rename-NewFile -New $Path -Path $old }
    $Run.Acted = $true
    if ((Get-FileDigest -Path $old) -cne $Expected) {
        Invoke-FileAct -Act { Rename-NewFile -New $old -Path $Path }
        $Run.Acted = $false
        Stop-Change -Code 'file_changed' -Message "$Path has been changed meanwhile; that content is back in place."
    }
    try { Invoke-FileAct -Act { Remove-OldFile -Path $old } } catch { $null = $_ }
}

# $Expected and $Wanted are digests, empty for no file; $Bytes are those of $Wanted.
function Set-FileBytes {
    param($Run, [string]$Path, [string]$Expected, [string]$Wanted, [byte[]]$Bytes)
    $now = Get-FileDigest -Path $Path
    if ($now -ceq $Wanted) { return }
    if ($now -cne $Expected) { Stop-Change -Code 'file_changed' -Message "$Path is not what the plan was made from." }
    if ($Wanted -eq '') { return (Remove-ExpectedFile -Run $Run -Path $Path -Expected $Expected) }
    if ((Get-Digest -Bytes $Bytes) -cne $Wanted) { Stop-Change -Code 'file_write' -Message "The bytes for $Path do not have the digest $Wanted." }
    $new = "$Path.certify-automation"
    try {
        Invoke-FileAct -Act { Write-NewFile -Path $new -Bytes $Bytes }
        if ($Expected -eq '') { Add-File -Run $Run -New $new -Path $Path }
        else { Switch-ExpectedFile -Run $Run -New $new -Path $Path -Expected $Expected }
    } finally { if ([IO.File]::Exists($new)) { Invoke-FileAct -Act { Remove-OldFile -Path $new } } }
    if ((Get-FileDigest -Path $Path) -cne $Wanted) { Stop-Change -Code 'file_write' -Message "$Path does not read as written." }
}

# The bytes a file has before the change, kept in the run's folder.
function Save-FileBytes {
    param($Run, $Change)
    if ($null -eq $Change.before_sha256) { return }
    $whole = Invoke-FileAct -Act { Read-FileTail -Path $Change.path -Limit ([int]::MaxValue) }
    Write-NewFile -Path (Get-SavedFile -Run $Run -Change $Change) -Bytes $whole.Bytes
}

function Get-SavedFile {
    param($Run, $Change)
    Join-FilePath -Folder $Run.Folder -Name "$($Change.file).before"
}

function Set-ChangedFile {
    param($Run, $Change)
    Save-FileBytes -Run $Run -Change $Change
    # Without content the file is removed.
    $bytes = [Convert]::FromBase64String([string]$Change.content)
    $digests = @{ Expected = [string]$Change.before_sha256; Wanted = [string]$Change.after_sha256 }
    Set-FileBytes -Run $Run -Path $Change.path -Bytes $bytes @digests
}

# What an exchange that was cut off has taken away stands beside the file and goes back under its name, whatever it is.
# Only when it is what this run had put there itself, the old bytes come from the run's folder. While the new file still has
# a name of its own, what stands under the file's name has come there for want of it: the product writes its defaults.
function Reset-ChangedFile {
    param($Run, $Change)
    $path = $Change.path
    $new = "$path.certify-automation"
    $old = "$new.old"
    $before = [string]$Change.before_sha256
    $after = [string]$Change.after_sha256
    $now = Get-FileDigest -Path $path
    $taken = if ($before -ne '') { Get-FileDigest -Path $old } else { '' }
    if (($taken -ne '') -and ($taken -cne $after)) {
        if ($now -eq '') { Invoke-FileAct -Act { Rename-NewFile -New $old -Path $path } }
        elseif (($now -ceq $after) -or (($now -cne $before) -and ($taken -ceq $before) -and [IO.File]::Exists($new))) {
            Invoke-FileAct -Act { Switch-WholeFile -New $old -Old $path -Backup $new }
        }
    } elseif (($taken -ne '') -and ($now -eq '')) { $after = '' }
    if ((Get-FileDigest -Path $path) -cne $before) {
        $bytes = [byte[]]@()
        if ($before -ne '') { $bytes = (Read-FileTail -Path (Get-SavedFile -Run $Run -Change $Change) -Limit ([int]::MaxValue)).Bytes }
        Set-FileBytes -Run $Run -Path $path -Bytes $bytes -Expected $after -Wanted $before
    }
    Invoke-FileAct -Act { Remove-OldFile -Path $old }
}

# Half-written files that a cut has left behind.
function Remove-Leftover {
    param($Run)
    $data = Get-DataCopyFolder -Run $Run
    $left = @(foreach ($change in $Run.Plan.changes) { if ($change.kind -eq 'file.write') { "$($change.path).certify-automation" } })
    if ([IO.Directory]::Exists($data)) { $left += @([IO.Directory]::GetFiles($data) | Where-Object { $_.EndsWith('.new') }) }
    foreach ($path in $left) { try { Remove-OldFile -Path $path } catch { $null = $_ } }
}
