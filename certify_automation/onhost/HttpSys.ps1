# http.sys: IP listen list, URL reservations, registered URLs, and who listens on a port.
# netsh's words are translated on a localised Windows; only addresses, URLs, numbers and indentation are read.

# The address in one line of the list; nothing when the line holds none.
function ConvertTo-ListenAddress([string]$Line) {
    $text = $Line.Trim()
    if ($Line.TrimStart().Length -eq $Line.Length) { return }
    if (-not ($text.Contains(':') -or ($text.Split('.').Count -eq 4))) { return }
    $address = $null
    if ([Net.IPAddress]::TryParse($text, [ref]$address)) { $address.ToString() }
}

# The list in force; the driver has its own when the registry was edited by hand, until it is restarted.
function Get-ListenListFacts {
    $lines = @(netsh.exe http show iplisten)
    $code = $LASTEXITCODE
    $path = Get-ServiceKey 'HTTP\Parameters'
    $facts = [ordered]@{ live = $null; registry = $null; exit_code = $code }
    if ($code -eq 0) { $facts.live = @(foreach ($line in $lines) { ConvertTo-ListenAddress $line }) }
    if (Test-Path -LiteralPath $path) { $facts.registry = @(Get-RegistryValue $path 'ListenOnlyList') }
    $facts
}

# netsh shows a reservation's descriptor rewritten, and not at all when a SID is orphaned; the registry has its bytes.
# A value of another type is no reservation: http.sys does not take it.
function Get-ReservationFacts {
    $key = Get-RegistryKey (Get-ServiceKey 'HTTP\Parameters\UrlAclInfo')
    if (-not $key) { return }
    $values = $key.PSObject.Properties
    $urls = @(foreach ($value in $values) { if ($value.Name.Contains('://')) { $value.Name } })
    foreach ($url in @(Get-OrdinalOrder $urls)) {
        $value = $values[$url].Value
        $bytes = $value -as [byte[]]
        if (($value -isnot [Array]) -or ($null -eq $bytes)) { continue }
        [ordered]@{ url = $url; descriptor = [Convert]::ToBase64String($bytes) }
    }
}

# The certificates of http.sys whose names match: one subkey an address and port, a host name and port, or a port. The
# parent may be absent, and so may the values.
function Get-CertificateBindingFacts([string]$Pattern, [string]$Table = 'SslBindingInfo') {
    $path = Get-ServiceKey "HTTP\Parameters\$Table"
    Set-StrictMode -Off
    if (-not (Test-Path -LiteralPath $path)) { return }
    foreach ($name in @(Get-OrdinalOrder (Get-Item -LiteralPath $path).GetSubKeyNames())) {
        if (-not [regex]::IsMatch($name, $Pattern)) { continue }
        $record = Get-RegistryKey "$path\$name"
        $hash = [byte[]]@($record.SslCertHash | Where-Object { $_ -is [byte] })
        [ordered]@{
            name = $name
            cert_hash = if ($hash.Count) { [BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant() } else { $null }
            store = $record.SslCertStoreName
        }
    }
}

# The indentation of request queues: the least one of lines with a value after their label.
function Get-QueueIndent([string[]]$Lines) {
    $least = [int]::MaxValue
    foreach ($line in $Lines) {
        $indent = $line.Length - $line.TrimStart().Length
        if (($indent -lt $least) -and [regex]::IsMatch($line, '^\s*[^:\uFF1A]+[:\uFF1A]\s+\S')) { $least = $indent }
    }
    $least
}

# The process id in one line of a request queue. Older Windows writes only the number, newer Windows
# `ID: 2688, image: C:\...`; translations may have another comma and colon, but a path remains a path.
function ConvertTo-QueueProcessId([string]$Text) {
    $pattern = '^(?:(\d{1,10})|[^:\uFF1A]+[:\uFF1A]\s*(\d{1,10}),\s.*|\D+(\d{1,10})\D.*(?:[A-Za-z]:\\.*|<\?>))$'
    $match = [regex]::Match($Text, $pattern)
    if ($match.Success) { [long]($match.Groups[1].Value + $match.Groups[2].Value + $match.Groups[3].Value) }
}

# Registered URLs, upper-cased as http.sys keeps them, with the processes of their request queue. A web server has
# thousands of lines, so functions are called only for those that matter.
function Get-UrlOwnerFacts {
    $lines = @(netsh.exe http show servicestate view=requestq verbose=yes)
    if ($LASTEXITCODE -ne 0) { return }
    $level = Get-QueueIndent $lines
    $owners = @{}
    $queue = [Collections.Generic.List[long]]::new()
    foreach ($line in $lines) {
        $text = $line.Trim()
        if ($text.Length -eq 0) { continue }
        if (($line.Length - $line.TrimStart().Length) -le $level) { $queue.Clear() }
        if ([regex]::IsMatch($text, '^https?://\S+$', 'IgnoreCase, CultureInvariant')) {
            if (-not $owners.ContainsKey($text)) { $owners[$text] = [Collections.Generic.List[long]]::new() }
            foreach ($id in $queue) { if (-not $owners[$text].Contains($id)) { $owners[$text].Add($id) } }
        } elseif ([regex]::IsMatch($text, '^\d|\d[^\d.]')) {
            $id = ConvertTo-QueueProcessId $text
            if ($null -ne $id) { $queue.Add($id) }
        }
    }
    foreach ($url in @(Get-OrdinalOrder @($owners.Keys))) {
        $owners[$url].Sort()
        [ordered]@{ url = $url; process_ids = $owners[$url].ToArray() }
    }
}

function Get-ProcessName([long[]]$Ids) {
    $names = @{}
    if ($Ids.Count -eq 0) { return $names }
    $filter = @($Ids | Select-Object -Unique | ForEach-Object { "ProcessId=$_" }) -join ' OR '
    $found = @(Get-CimInstance -ClassName 'Win32_Process' -Filter $filter -Property 'ProcessId', 'Name' -OperationTimeoutSec 30)
    foreach ($process in $found) { $names[[long]$process.ProcessId] = $process.Name }
    $names
}

# TCP listeners on these ports; 2 is the state Listen, 4 the process of http.sys.
function Get-SocketFacts([int[]]$Ports) {
    if ($Ports.Count -eq 0) { return }
    $filter = 'State=2 AND (' + (@($Ports | ForEach-Object { "LocalPort=$_" }) -join ' OR ') + ')'
    $wanted = @{ Namespace = 'root/StandardCimv2'; ClassName = 'MSFT_NetTCPConnection'; Filter = $filter }
    $found = @(Get-CimInstance @wanted -OperationTimeoutSec 30)
    $names = Get-ProcessName @($found | ForEach-Object { [long]$_.OwningProcess })
    $sockets = @{}
    foreach ($socket in $found) {
        $id = [long]$socket.OwningProcess
        $key = '{0:d5} {1} {2:d10}' -f [int]$socket.LocalPort, $socket.LocalAddress, $id
        $sockets[$key] = [ordered]@{
            address = $socket.LocalAddress; port = [int]$socket.LocalPort
            process_id = $id; process_name = $names[$id]
        }
    }
    foreach ($key in @(Get-OrdinalOrder @($sockets.Keys))) { $sockets[$key] }
}
