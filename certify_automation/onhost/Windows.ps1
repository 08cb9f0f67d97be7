# What no command of both Windows PowerShell 5.1 and PowerShell 7 can do. Nothing here decides anything.

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    # By role, not by name: the group's name is translated.
    $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# The four numbers of a program's file version; $null when it has none.
function Get-FileVersion {
    param([string]$Path)
    if (-not [IO.File]::Exists($Path)) { return $null }
    $version = [Diagnostics.FileVersionInfo]::GetVersionInfo($Path)
    if ($null -eq $version.FileVersion) { return $null }
    '{0}.{1}.{2}.{3}' -f $version.FileMajorPart, $version.FileMinorPart, $version.FileBuildPart, $version.FilePrivatePart
}

# The owner's SID and the descriptor of a folder; $null when it cannot be read.
function Get-FolderAccess {
    param([string]$Path)
    if (-not [IO.Directory]::Exists($Path)) { return $null }
    try {
        $acl = Get-Acl -LiteralPath $Path
        @{ Owner = $acl.GetOwner([Security.Principal.SecurityIdentifier]).Value; Sddl = $acl.Sddl }
    } catch { return $null }
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

# A request of this account to this computer, never through a proxy. Status is $null when no answer came; Untrusted says
# that a listener was met whose certificate does not validate, as the product's own does not. Whoever listens
# there may send without end: the body is read up to 64 KiB, for as long as an answer may take.
function Invoke-LocalApi {
    param([string]$Method, [string]$Url, [string]$Body, [int]$TimeoutSeconds)
    $answer = @{ Status = $null; Authenticate = @(); Body = $null; Error = $null; Untrusted = $false }
    $response = $null
    try {
        $request = [Net.WebRequest]::Create($Url)
        $request.Method = $Method
        $request.Proxy = $null
        $request.UseDefaultCredentials = $true
        $request.AllowAutoRedirect = $false
        $request.Timeout = $request.ReadWriteTimeout = 1000 * $TimeoutSeconds
        if ($Body -ne '') {
            $request.ContentType = 'application/json'
            $writer = New-Object -TypeName IO.StreamWriter -ArgumentList $request.GetRequestStream()
            try { $writer.Write($Body) } finally { $writer.Close() }
        }
        $response = $request.GetResponse()
    } catch {
        $web = $_.Exception
        while (($null -ne $web) -and ($web -isnot [Net.WebException])) { $web = $web.InnerException }
        if ($null -ne $web) { $response = $web.Response }
        $answer.Untrusted = ($cause = $_.Exception.GetBaseException()) -is [Security.Authentication.AuthenticationException]
        if ($null -eq $response) { $answer.Error = $cause.Message }
    }
    if ($null -eq $response) { return $answer }
    $answer.Status = [int]$response.StatusCode
    $answer.Authenticate = @($response.Headers.GetValues('WWW-Authenticate') | Where-Object { $_ })
    $text = New-Object -TypeName Text.StringBuilder
    $until = (Get-MonotonicMs) + 1000 * $TimeoutSeconds
    try {
        $reader = New-Object -TypeName IO.StreamReader -ArgumentList $response.GetResponseStream()
        $piece = [Array]::CreateInstance([char], 4096)
        do {
            $count = $reader.Read($piece, 0, $piece.Length)
            [void]$text.Append($piece, 0, $count)
        } while (($count -gt 0) -and ($text.Length -lt 65536) -and ((Get-MonotonicMs) -lt $until))
        $answer.Body = $text.ToString()
    } catch { $answer.Error = $_.Exception.GetBaseException().Message } finally { $request.Abort() }
    $answer
}

# Milliseconds that no change of the computer's clock touches.
function Get-MonotonicMs {
    [long]([Diagnostics.Stopwatch]::GetTimestamp() * 1000.0 / [Diagnostics.Stopwatch]::Frequency)
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
