# Stands in for onhost/WindowsExamine.ps1.

function Resolve-HostAddress {
    param([string]$Name)
    (Invoke-Lab -Command 'Resolve-HostAddress' -Arguments @{ name = $Name }).addresses
}

function ConvertTo-AccountSid {
    param([string]$Name)
    (Invoke-Lab -Command 'ConvertTo-AccountSid' -Arguments @{ name = $Name }).value
}

function Test-PathBelow {
    param([string]$Path, [string]$Folder)
    (Invoke-Lab -Command 'Test-PathBelow' -Arguments @{ path = $Path; folder = $Folder }).value
}

function Read-EventLog {
    param([string]$Log, [string]$XPath, [int]$Most)
    foreach ($one in @((Invoke-Lab -Command 'Read-EventLog' -Arguments @{ log = $Log; xpath = $XPath; most = $Most }).events)) {
        [pscustomobject]@{
            ProviderName = $one.provider; Id = $one.id; RecordId = $one.record
            TimeCreated = [DateTimeOffset]::FromUnixTimeMilliseconds($one.unix_ms).LocalDateTime
            Properties = @($one.values | ForEach-Object { [pscustomobject]@{ Value = $_ } })
        }
    }
}

function Get-SubkeyValue {
    param([string]$Path, [string[]]$Names)
    foreach ($key in @((Invoke-Lab -Command 'Get-SubkeyValue' -Arguments @{ path = $Path; names = $Names }).keys)) {
        $found = @{ Key = $key.name }
        foreach ($name in $Names) { $found[$name] = $key.values.$name }
        $found
    }
}
