# What an examination asks of Windows that no command says, or only slowly. Nothing here decides anything.

# The addresses of a name in the order in which the system gives them.
function Resolve-HostAddress([string]$Name) {
    foreach ($address in [Net.Dns]::GetHostAddresses($Name)) { $address.ToString() }
}

# The SID of an account, by a name that Windows knows.
function ConvertTo-AccountSid([string]$Name) {
    [Security.Principal.NTAccount]::new($Name).Translate([Security.Principal.SecurityIdentifier]).Value
}

# Whether a path is that of a folder, written with its last backslash, or leads into it.
function Test-PathBelow([string]$Path, [string]$Folder) {
    "$([IO.Path]::GetFullPath($Path))\".StartsWith($Folder, 'OrdinalIgnoreCase')
}

# The newest events of a log that a query finds, newest first. Get-WinEvent asks for the message of each as well: that takes
# long, and is an error where its provider has none.
function Read-EventLog([string]$Log, [string]$XPath, [int]$Most) {
    $query = [Diagnostics.Eventing.Reader.EventLogQuery]::new($Log, 'LogName', $XPath)
    $query.ReverseDirection = $true
    $reader = [Diagnostics.Eventing.Reader.EventLogReader]::new($query)
    try {
        for ($count = 0; $count -lt $Most; $count++) {
            $found = $reader.ReadEvent()
            if (-not $found) { break }
            $found
        }
    } finally { $reader.Dispose() }
}

# The named values of every key right below one of the registry's, with its name as Key; nothing when there is no such key.
# There are hundreds of services, for which the registry's provider takes seconds. A key that is denied is left out.
function Get-SubkeyValue([string]$Path, [string[]]$Names) {
    if (-not (Test-Path -LiteralPath $Path)) { return }
    $key = Get-Item -LiteralPath $Path
    foreach ($name in $key.GetSubKeyNames()) {
        $found = @{ Key = $name }
        try {
            $subkey = $key.OpenSubKey($name)
            foreach ($value in $Names) { $found[$value] = $subkey.GetValue($value) }
            $subkey.Dispose()
        } catch { continue }
        $found
    }
}
