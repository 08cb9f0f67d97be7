# http.sys: IP listen list, URL reservations, registered URLs, and who listens on a port.
# netsh's words are translated on a localised Windows; only addresses, URLs, numbers and indentation are read.

function ConvertTo-IndentWidth {
    param([string]$Line)
    $Line.Length - $Line.TrimStart().Length
}

# The address in one line of the list; nothing when the line holds none.
function ConvertTo-ListenAddress {
    param([string]$Line)
    $text = $Line.Trim()
    if ((ConvertTo-IndentWidth -Line $Line) -eq 0) { return }
    if (-not ($text.Contains(':') -or ($text.Split('.').Count -eq 4))) { return }
    $address = $null
    if ([Net.IPAddress]::TryParse($text, [ref]$address)) { $address.ToString() }
}

# The list in force; the driver has its own when the registry was edited by hand, until it is restarted.
function Get-ListenListFacts {
    $lines = @(netsh.exe http show iplisten)
    $code = $LASTEXITCODE
    $path = 'HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters'
    $facts = [ordered]@{ live = $null; registry = $null; exit_code = $code }
    if ($code -eq 0) { $facts.live = @(foreach ($line in $lines) { ConvertTo-ListenAddress -Line $line }) }
    if (Test-Path -LiteralPath $path) { $facts.registry = @(Get-RegistryValue -Path $path -Name 'ListenOnlyList') }
    $facts
}

# netsh shows a reservation's descriptor rewritten, and not at all when a SID is orphaned; the registry has its bytes.
function Get-ReservationFacts {
    $key = Get-RegistryKey -Path 'HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters\UrlAclInfo'
    if ($null -eq $key) { return }
    $values = $key.PSObject.Properties
    $urls = @(foreach ($value in $values) { if ($value.Name.Contains('://')) { $value.Name } })
    foreach ($url in @(Get-OrdinalOrder -Names $urls)) {
        [ordered]@{ url = $url; descriptor = [Convert]::ToBase64String([byte[]]$values[$url].Value) }
    }
}

# One line of `show servicestate` as a process id of a request queue; older Windows writes only the number, newer
# Windows `ID: 2688, image: ...`.
function ConvertTo-QueueProcessId {
    param([string]$Line)
    $match = [regex]::Match($Line, '^\s+(?:(\d{1,10})|[^:\uFF1A]+[:\uFF1A]\s*(\d{1,10}),\s.*)\s*$')
    if ($match.Success) { [long]($match.Groups[1].Value + $match.Groups[2].Value) }
}

# The indentation of request queues: the least one of lines with a value after their label.
function Get-QueueIndent {
    param([string[]]$Lines)
    $least = [int]::MaxValue
    foreach ($line in $Lines) {
        if (-not [regex]::IsMatch($line, '^\s*[^:\uFF1A]+[:\uFF1A]\s+\S')) { continue }
        $least = [Math]::Min($least, (ConvertTo-IndentWidth -Line $line))
    }
    $least
}

# Registered URLs, upper-cased as http.sys keeps them, with the processes of their request queue.
function Get-UrlOwnerFacts {
    $lines = @(netsh.exe http show servicestate view=requestq verbose=yes)
    if ($LASTEXITCODE -ne 0) { return }
    $lines = @($lines | Where-Object { $_.Trim() -ne '' })
    $level = Get-QueueIndent -Lines $lines
    $owners = @{}
    $queue = New-Object -TypeName Collections.Generic.List[long]
    foreach ($line in $lines) {
        if ((ConvertTo-IndentWidth -Line $line) -le $level) { $queue.Clear() }
        $id = ConvertTo-QueueProcessId -Line $line
        if ($null -ne $id) { $queue.Add($id) }
        $url = $line.Trim()
        if (-not [regex]::IsMatch($url, '^https?://\S+$', 'IgnoreCase, CultureInvariant')) { continue }
        if (-not $owners.ContainsKey($url)) { $owners[$url] = New-Object -TypeName Collections.Generic.List[long] }
        foreach ($id in $queue) { if (-not $owners[$url].Contains($id)) { $owners[$url].Add($id) } }
    }
    foreach ($url in @(Get-OrdinalOrder -Names @($owners.Keys))) {
        $owners[$url].Sort()
        [ordered]@{ url = $url; process_ids = @($owners[$url]) }
    }
}

function Get-ProcessName {
    param([long[]]$Ids)
    $names = @{}
    if ($Ids.Count -eq 0) { return $names }
    $filter = @($Ids | Select-Object -Unique | ForEach-Object { "ProcessId=$_" }) -join ' OR '
    $wanted = @{ ClassName = 'Win32_Process'; Filter = $filter; Property = 'ProcessId', 'Name'; OperationTimeoutSec = 30 }
    foreach ($process in @(Get-CimInstance @wanted)) { $names[[long]$process.ProcessId] = $process.Name }
    $names
}

# TCP listeners on these ports; 2 is the state Listen, 4 the process of http.sys.
function Get-SocketFacts {
    param([int[]]$Ports)
    if ($Ports.Count -eq 0) { return }
    $filter = 'State=2 AND (' + (@($Ports | ForEach-Object { "LocalPort=$_" }) -join ' OR ') + ')'
    $wanted = @{ Namespace = 'root/StandardCimv2'; ClassName = 'MSFT_NetTCPConnection'; Filter = $filter }
    $found = @(Get-CimInstance @wanted -OperationTimeoutSec 30)
    $names = Get-ProcessName -Ids @($found | ForEach-Object { [long]$_.OwningProcess })
    $sockets = @{}
    foreach ($socket in $found) {
        $id = [long]$socket.OwningProcess
        $key = '{0:d5} {1} {2:d10}' -f [int]$socket.LocalPort, $socket.LocalAddress, $id
        $sockets[$key] = [ordered]@{
            address = $socket.LocalAddress; port = [int]$socket.LocalPort
            process_id = $id; process_name = $names[$id]
        }
    }
    foreach ($key in @(Get-OrdinalOrder -Names @($sockets.Keys))) { $sockets[$key] }
}
