# The computer around the product: names and addresses, ports, disks, virus scanners, the time service, Windows' events.

# What $Value gives; nothing when it fails.
function Get-Part([scriptblock]$Value) {
    try { & $Value } catch { $null = $_ }
}

# The same as a list; $null when it fails.
function Get-ListPart([scriptblock]$Value) {
    try { , @(& $Value) } catch { $null = $_ }
}

function Get-AddressFacts {
    $wanted = @{ ClassName = 'Win32_NetworkAdapterConfiguration'; Filter = 'IPEnabled=TRUE'; Property = 'IPAddress' }
    $known = [Collections.Hashtable]::new([StringComparer]::Ordinal)
    foreach ($adapter in @(Get-CimInstance @wanted -OperationTimeoutSec 30)) {
        foreach ($address in $adapter.IPAddress) { if ($address) { $known[$address] = $true } }
    }
    Get-OrdinalOrder @($known.Keys)
}

# The lines of the hosts file about localhost: one of them decides where the product's clients look for it.
function Get-HostsFileLine {
    $path = Join-FilePath $env:SystemRoot 'System32', 'drivers', 'etc', 'hosts'
    foreach ($line in (Read-FileText $path).TrimStart([char]0xFEFF).Split("`n")) {
        $text = $line.Split('#')[0].Trim()
        if ([regex]::IsMatch($text, '^\S+\s(?:.*\s)?localhost(?:\s|$)', 'IgnoreCase, CultureInvariant')) { $text }
    }
}

# Ranges that Windows lets nobody listen on; the words around the numbers are translated.
function Get-ExcludedPortFacts {
    $lines = @(netsh.exe int ipv4 show excludedportrange protocol=tcp)
    if ($LASTEXITCODE -ne 0) { throw "netsh.exe: $LASTEXITCODE" }
    foreach ($line in $lines) {
        $match = [regex]::Match($line, '^\s*(\d{1,5})\s+(\d{1,5})\s*\*?\s*$')
        if ($match.Success) { [ordered]@{ first = [int]$match.Groups[1].Value; last = [int]$match.Groups[2].Value } }
    }
}

# The local disks that hold Windows or the product's data.
function Get-DiskFacts([string]$DataFolder) {
    $drives = [ordered]@{ system = Get-DriveName $env:SystemRoot; data = Get-DriveName $DataFolder }
    $wanted = 'DeviceID', 'FreeSpace', 'Size'
    $disks = @{}
    foreach ($disk in @(Get-CimInstance -ClassName 'Win32_LogicalDisk' -Filter 'DriveType=3' -Property $wanted -OperationTimeoutSec 30)) {
        $uses = @($drives.Keys | Where-Object { $drives[$_] -eq $disk.DeviceID })
        if ($uses.Count -eq 0) { continue }
        $disks[$disk.DeviceID] = [ordered]@{
            name = $disk.DeviceID; uses = $uses; free_bytes = [long]$disk.FreeSpace; size_bytes = [long]$disk.Size
        }
    }
    foreach ($name in @(Get-OrdinalOrder @($disks.Keys))) { $disks[$name] }
}

# What the load order group of virus scanners has that is not disabled (4).
function Get-VirusScannerFacts {
    $found = @(foreach ($one in @(Get-SubkeyValue 'HKLM:\SYSTEM\CurrentControlSet\Services' 'Group', 'Start')) {
        if (($one.Group -eq 'FSFilter Anti-Virus') -and ($one.Start -ne 4)) { $one.Key }
    })
    if ($found.Count -eq 0) { return }
    $filter = @($found | ForEach-Object { "Name='$($_.Replace("'", "\'"))'" }) -join ' OR '
    $states = @{}
    foreach ($driver in @(Get-CimInstance -ClassName 'Win32_SystemDriver' -Filter $filter -Property 'Name', 'State' -OperationTimeoutSec 30)) {
        $states[$driver.Name] = $driver.State
    }
    foreach ($name in @(Get-OrdinalOrder $found)) {
        [ordered]@{ name = $name; state = $(if ($states[$name]) { $states[$name] } else { 'Unknown' }) }
    }
}

# Of the System log, the newest first, as many as are looked at: XPath, because a hash table is refused where the provider is not there.
function Read-SystemEvent([string]$Provider, [int[]]$Ids, [int]$Most) {
    $any = @($Ids | ForEach-Object { "EventID=$_" }) -join ' or '
    $path = "*[System[Provider[@Name='$Provider'] and ($any) and TimeCreated[timediff(@SystemTime) <= 604800000]]]"
    # Without a match it ends with an error.
    Get-Part { Get-WinEvent -LogName 'System' -FilterXPath $path -MaxEvents $Most }
}

# What http.sys and the service control manager have logged; the properties of an event are the same in every language.
function Get-EventFacts($Product) {
    $found = @(Read-SystemEvent -Provider 'Microsoft-Windows-HttpEvent' -Ids 15005, 15014, 15015, 15021, 15300, 15301 -Most 20)
    $names = @($Product.services | ForEach-Object { $_.display_name })
    if ($names.Count) {
        $found += @(Read-SystemEvent 'Service Control Manager' 7000, 7001, 7009, 7023, 7024, 7031, 7034 1000 | Where-Object {
            $_.Properties.Count -and ($names -contains $_.Properties[0].Value)
        })
    }
    $entries = @{}
    foreach ($one in $found) { $entries['{0:d19}' -f [long]$one.RecordId] = $one }
    $order = @(Get-OrdinalOrder @($entries.Keys))
    [Array]::Reverse($order)
    foreach ($key in $order | Select-Object -First 20) {
        $values = @($entries[$key].Properties | Select-Object -First 5 | ForEach-Object { Limit-Text ([string]$_.Value) 200 })
        [ordered]@{
            provider = $entries[$key].ProviderName; event_id = [int]$entries[$key].Id
            utc_ms = Get-UnixTimeMs $entries[$key].TimeCreated; values = $values
        }
    }
}
