# What only a script that acts needs of Windows and no command of both versions can do. Nothing here decides anything.

# A folder's list of rights as Windows keeps it: its entries in the order and put together as they would read back.
function Get-FolderSddl {
    param([string]$Sddl)
    $security = New-Object -TypeName Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm($Sddl, 'Access')
    $security.GetSecurityDescriptorSddlForm('Access')
}

# Gives a folder another list of rights; owner, group and audit list stay as they are.
function Set-FolderAccess {
    param([string]$Path, [string]$Sddl)
    $security = New-Object -TypeName Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm($Sddl, 'Access')
    $folder = New-Object -TypeName IO.DirectoryInfo -ArgumentList $Path
    $extensions = 'System.IO.FileSystemAclExtensions' -as [type]
    if ($null -ne $extensions) { $extensions::SetAccessControl($folder, $security) } else { $folder.SetAccessControl($security) }
}

# Creates a folder together with its descriptor, so that nobody can put anything into it in between.
function New-ProtectedFolder {
    param([string]$Path, [string]$Sddl)
    $security = New-Object -TypeName Security.AccessControl.DirectorySecurity
    $security.SetSecurityDescriptorSddlForm($Sddl)
    $extensions = 'System.IO.FileSystemAclExtensions' -as [type]
    if ($null -ne $extensions) { [void]$extensions::CreateDirectory($security, $Path) }
    else { [void][IO.Directory]::CreateDirectory($Path, $security) }
}

# One spelling for security descriptors that mean the same; takes SDDL text or the bytes of a descriptor.
function Get-CanonicalSddl {
    param($Descriptor)
    $type = 'Security.AccessControl.RawSecurityDescriptor'
    if ($Descriptor -is [string]) { $raw = New-Object -TypeName $type -ArgumentList $Descriptor }
    else { $raw = New-Object -TypeName $type -ArgumentList ([byte[]]$Descriptor), 0 }
    $raw.GetSddlForm('Access')
}

# A new file with these bytes, on the disk before this returns; [IO.File]::WriteAllBytes leaves them in the cache.
function Write-NewFile {
    param([string]$Path, [byte[]]$Bytes)
    $stream = [IO.File]::Open($Path, [IO.FileMode]::Create, [IO.FileAccess]::Write, [IO.FileShare]::None)
    try {
        $stream.Write($Bytes, 0, $Bytes.Length)
        $stream.Flush($true)
    } finally { $stream.Dispose() }
}

# A copy of a file that others may be writing to, on the disk before this returns. [IO.File]::Copy keeps writers out.
function Copy-SharedFile {
    param([string]$Path, [string]$New)
    $from = [IO.File]::Open($Path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete')
    try {
        $to = [IO.File]::Open($New, [IO.FileMode]::Create, [IO.FileAccess]::Write, [IO.FileShare]::None)
        try {
            $from.CopyTo($to)
            $to.Flush($true)
        } finally { $to.Dispose() }
    } finally { $from.Dispose() }
}

# $New takes the name, the rights and the creation time of $Old, and $Old the name $Backup, in one step.
function Switch-File {
    param([string]$New, [string]$Old, [string]$Backup)
    [IO.File]::Replace($New, $Old, $Backup)
}

# Fails when there is a file of the new name.
function Rename-NewFile {
    param([string]$New, [string]$Path)
    [IO.File]::Move($New, $Path)
}

function Remove-OldFile {
    param([string]$Path)
    [IO.File]::Delete($Path)
}

# Adds a line to a file, on the disk before this returns. What an interruption has left of the last line goes first.
function Add-FileLine {
    param([string]$Path, [string]$Text)
    $stream = [IO.File]::Open($Path, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::ReadWrite, [IO.FileShare]::Read)
    try {
        for ($end = $stream.Length; $end -gt 0; $end--) {
            $stream.Position = $end - 1
            if ($stream.ReadByte() -eq 10) { break }
        }
        $stream.SetLength($end)
        $bytes = [Text.Encoding]::UTF8.GetBytes("$Text`n")
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Flush($true)
    } finally { $stream.Dispose() }
}

# Links in the folder are removed, not what they lead to.
function Remove-WholeFolder {
    param([string]$Path)
    [IO.Directory]::Delete($Path, $true)
}

# An entry in the log Application. Whether the source is there is seen by its key: SourceExists would search every log.
function Write-EventEntry {
    param([string]$Type, [int]$Id, [string]$Text)
    $source = 'certify-automation'
    $key = "HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\$source"
    if (-not (Test-Path -LiteralPath $key)) { [Diagnostics.EventLog]::CreateEventSource($source, 'Application') }
    [Diagnostics.EventLog]::WriteEntry($source, $Text, $Type, $Id)
}
