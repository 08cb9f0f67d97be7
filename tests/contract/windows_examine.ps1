# Stands in for onhost/WindowsExamine.ps1.

function Resolve-HostAddress {
    param([string]$Name)
    (Invoke-Lab -Command 'Resolve-HostAddress' -Arguments @{ name = $Name }).addresses
}

function ConvertTo-AccountSid {
    param([string]$Name)
    (Invoke-Lab -Command 'ConvertTo-AccountSid' -Arguments @{ name = $Name }).value
}

function Get-DriveName {
    param([string]$Path)
    (Invoke-Lab -Command 'Get-DriveName' -Arguments @{ path = $Path }).value
}

function Get-SubkeyValue {
    param([string]$Path, [string[]]$Names)
    foreach ($key in @((Invoke-Lab -Command 'Get-SubkeyValue' -Arguments @{ path = $Path; names = $Names }).keys)) {
        $found = @{ Key = $key.name }
        foreach ($name in $Names) { $found[$name] = $key.values.$name }
        $found
    }
}
