# What only a script that acts needs of Windows and no command of both versions can do. Nothing here decides anything.

# A folder's list of rights as Windows keeps it: its entries in the order and put together as they would read back.
function Get-FolderSddl([string]$Sddl) {
    $security = [Security.AccessControl.DirectorySecurity]::new()
    $security.SetSecurityDescriptorSddlForm($Sddl, 'Access')
    $security.GetSecurityDescriptorSddlForm('Access')
}

# Gives a folder another list of rights; owner, group and audit list stay as they are.
function Set-FolderAccess([string]$Path, [string]$Sddl) {
    $security = [Security.AccessControl.DirectorySecurity]::new()
    $security.SetSecurityDescriptorSddlForm($Sddl, 'Access')
    $folder = [IO.DirectoryInfo]::new($Path)
    $extensions = 'System.IO.FileSystemAclExtensions' -as [type]
    if ($null -ne $extensions) { $extensions::SetAccessControl($folder, $security) } else { $folder.SetAccessControl($security) }
}

# Creates a folder together with its descriptor, so that nobody can put anything into it in between.
function New-ProtectedFolder([string]$Path, [string]$Sddl) {
    $security = [Security.AccessControl.DirectorySecurity]::new()
    $security.SetSecurityDescriptorSddlForm($Sddl)
    $extensions = 'System.IO.FileSystemAclExtensions' -as [type]
    if ($null -ne $extensions) { [void]$extensions::CreateDirectory($security, $Path) }
    else { [void][IO.Directory]::CreateDirectory($Path, $security) }
}

# One spelling for security descriptors that mean the same; takes SDDL text or the bytes of a descriptor.
function Get-CanonicalSddl($Descriptor) {
    if ($Descriptor -is [string]) { $raw = [Security.AccessControl.RawSecurityDescriptor]::new($Descriptor) }
    else { $raw = [Security.AccessControl.RawSecurityDescriptor]::new([byte[]]$Descriptor, 0) }
    $raw.GetSddlForm('Access')
}

# A new file with these bytes, on the disk before this returns; [IO.File]::WriteAllBytes leaves them in the cache.
function Write-NewFile([string]$Path, [byte[]]$Bytes) {
    $stream = [IO.File]::Open($Path, 'Create', 'Write', 'None')
    try {
        $stream.Write($Bytes, 0, $Bytes.Length)
        $stream.Flush($true)
    } finally { $stream.Dispose() }
}

# A copy of a file that others may be writing to, on the disk before this returns. [IO.File]::Copy keeps writers out.
function Copy-SharedFile([string]$Path, [string]$New) {
    $from = Open-SharedFile $Path
    try {
        $to = [IO.File]::Open($New, 'Create', 'Write', 'None')
        try {
            $from.CopyTo($to)
            $to.Flush($true)
        } finally { $to.Dispose() }
    } finally { $from.Dispose() }
}

# $New takes the name, the rights and the creation time of $Old, and $Old the name $Backup, in one step.
function Switch-File([string]$New, [string]$Old, [string]$Backup) {
    [IO.File]::Replace($New, $Old, $Backup)
}

# Fails when there is a file of the new name.
function Rename-NewFile([string]$New, [string]$Path) {
    [IO.File]::Move($New, $Path)
}

function Remove-OldFile([string]$Path) {
    [IO.File]::Delete($Path)
}

# Adds a line to a file, on the disk before this returns. What an interruption has left of the last line goes first.
function Add-FileLine([string]$Path, [string]$Text) {
    $stream = [IO.File]::Open($Path, 'OpenOrCreate', 'ReadWrite', 'Read')
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
function Remove-WholeFolder([string]$Path) {
    [IO.Directory]::Delete($Path, $true)
}

# An entry in the log Application. Whether the source is there is seen by its key: SourceExists would search every log.
function Write-EventEntry([string]$Type, [int]$Id, [string]$Text) {
    $source = 'certify-automation'
    $key = "HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\$source"
    if (-not (Test-Path -LiteralPath $key)) { [Diagnostics.EventLog]::CreateEventSource($source, 'Application') }
    [Diagnostics.EventLog]::WriteEntry($source, $Text, $Type, $Id)
}
