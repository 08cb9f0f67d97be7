# What an examination asks of Windows that no command says, or only slowly. Nothing here decides anything.

# The addresses of a name in the order in which the system gives them.
function Resolve-HostAddress([string]$Name) {
    foreach ($address in [Net.Dns]::GetHostAddresses($Name)) { $address.ToString() }
}

# The SID of an account, by a name that Windows knows.
function ConvertTo-AccountSid([string]$Name) {
    [Security.Principal.NTAccount]::new($Name).Translate([Security.Principal.SecurityIdentifier]).Value
}

# `C:` of a path on that drive.
function Get-DriveName([string]$Path) {
    [IO.Path]::GetPathRoot($Path).TrimEnd([char[]]'\/')
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
