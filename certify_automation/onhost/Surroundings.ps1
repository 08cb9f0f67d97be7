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

# Ranges that Windows lets nobody listen on; the words around the numbers are translated. Those with an asterisk, which an
# administrator has set, are only kept from who asks for any port.
function Get-ExcludedPortFacts {
    $lines = @(netsh.exe int ipv4 show excludedportrange protocol=tcp)
    if ($LASTEXITCODE -ne 0) { throw "netsh.exe: $LASTEXITCODE" }
    foreach ($line in $lines) {
        $match = [regex]::Match($line, '^\s*(\d{1,5})\s+(\d{1,5})\s*$')
        if ($match.Success) { [ordered]@{ first = [int]$match.Groups[1].Value; last = [int]$match.Groups[2].Value } }
    }
}

# The volume that a folder is on: one may be mounted in a folder of another one.
function Get-FolderVolume([object[]]$Volumes, [string]$Folder) {
    $best = $null
    foreach ($volume in $Volumes) {
        if ((Test-PathBelow $Folder $volume.Name) -and (-not $best -or ($volume.Name.Length -gt $best.Name.Length))) { $best = $volume }
    }
    $best
}

# The local disks that hold Windows or the product's data.
function Get-DiskFacts([string]$DataFolder) {
    $folders = [ordered]@{ system = $env:SystemRoot; data = $DataFolder }
    $wanted = 'Name', 'FreeSpace', 'Capacity'
    $volumes = @(Get-CimInstance -ClassName 'Win32_Volume' -Filter 'DriveType=3' -Property $wanted -OperationTimeoutSec 30)
    $disks = @{}
    foreach ($use in $folders.Keys) {
        $volume = Get-Part { Get-FolderVolume $volumes $folders[$use] }
        if (-not $volume) { continue }
        $name = $volume.Name.TrimEnd([char[]]'\/')
        if (-not $disks[$name]) {
            $disks[$name] = [ordered]@{
                name = $name; uses = @(); free_bytes = [long]$volume.FreeSpace; size_bytes = [long]$volume.Capacity
            }
        }
        $disks[$name].uses += $use
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

# The newest 10 of the System log, the newest first; with $Names only those that have one of them among their properties.
function Read-SystemEvent([string]$Provider, [int[]]$Ids, [string[]]$Names) {
    $any = @($Ids | ForEach-Object { "EventID=$_" }) -join ' or '
    $path = "*[System[Provider[@Name='$Provider'] and ($any) and TimeCreated[timediff(@SystemTime) <= 604800000]]"
    # XPath has no sign for a quotation mark in a text.
    $named = @($Names | Where-Object { $_ } | ForEach-Object { "Data=""$($_.Replace('"', ''))""" }) -join ' or '
    if ($named) { $path += " and EventData[$named]" }
    Read-EventLog -Log 'System' -XPath "$path]" -Most 10
}

# What http.sys and the service control manager have logged; the properties of an event are the same in every language.
# Where the product's name is among them depends on the event.
function Get-EventFacts($Product) {
    $found = @(Get-Part { Read-SystemEvent 'Microsoft-Windows-HttpEvent' 15005, 15014, 15015, 15021, 15300, 15301 })
    $names = @($Product.services | ForEach-Object { $_.display_name })
    if ($names.Count) {
        $found += @(Get-Part { Read-SystemEvent 'Service Control Manager' 7000, 7001, 7009, 7023, 7024, 7031, 7034 $names })
    }
    $entries = @{}
    foreach ($one in $found) { $entries['{0:d19}' -f [long]$one.RecordId] = $one }
    $order = @(Get-OrdinalOrder @($entries.Keys))
    [Array]::Reverse($order)
    foreach ($key in $order) {
        $values = @($entries[$key].Properties | Select-Object -First 5 | ForEach-Object { Limit-Text ([string]$_.Value) 200 })
        [ordered]@{
            provider = $entries[$key].ProviderName; event_id = [int]$entries[$key].Id
            utc_ms = Get-UnixTimeMs $entries[$key].TimeCreated; values = $values
        }
    }
}
