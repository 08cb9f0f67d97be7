# An inventory that knows nothing beforehand: it looks where the product is, and reads what is around it.

# All TCP listeners of the computer; 2 is the state Listen.
function Get-ListenerFacts {
    $wanted = @{ Namespace = 'root/StandardCimv2'; ClassName = 'MSFT_NetTCPConnection'; Filter = 'State=2' }
    $names = @{}
    foreach ($one in @(Get-CimInstance -ClassName 'Win32_Process' -Property 'ProcessId', 'Name' -OperationTimeoutSec 30)) {
        $names[[long]$one.ProcessId] = $one.Name
    }
    $sockets = @{}
    foreach ($socket in @(Get-CimInstance @wanted -OperationTimeoutSec 30)) {
        $id = [long]$socket.OwningProcess
        $sockets['{0:d5} {1} {2:d10}' -f [int]$socket.LocalPort, $socket.LocalAddress, $id] = [ordered]@{
            address = $socket.LocalAddress; port = [int]$socket.LocalPort; process_id = $id; process_name = $names[$id]
        }
    }
    foreach ($key in @(Get-OrdinalOrder @($sockets.Keys)) | Select-Object -First 500) { $sockets[$key] }
}

# The services of the product that run.
function Get-RunningService($Facts) {
    $Facts.product.services | Where-Object { $_.state -eq 'Running' }
}

# Where the product's one service is seen to listen: v7 by its sockets, otherwise by its URLs of http.sys.
function Get-ListeningUrl($Facts) {
    if (($Facts.product.services.Count -ne 1) -or -not @(Get-RunningService $Facts).Count) { return }
    $id = $Facts.product.services[0].process_id
    if ($Facts.product.generation -ne 'v7') {
        foreach ($owner in $Facts.url_owners) { if ($owner.process_ids -contains $id) { ConvertTo-EndpointUrl $owner.url } }
        return
    }
    foreach ($socket in $Facts.sockets) {
        if ($socket.process_id -ne $id) { continue }
        Get-EndpointUrl @{ host = $socket.address; port = $socket.port; https = $false }
    }
}

# The same URLs as they can be asked, without $Known and those that have a path.
function Get-FurtherUrl($Facts, [string]$Known) {
    $urls = @{}
    foreach ($url in @(Get-ListeningUrl $Facts)) {
        if (-not [regex]::IsMatch($url, '^https?://[^/]+$')) { continue }
        $asked = [regex]::Replace($url, '://(?:\+|\*|0\.0\.0\.0):', '://127.0.0.1:').Replace('://[::]:', '://[::1]:')
        $urls[$asked] = $true
    }
    $urls.Remove($Known)
    Get-OrdinalOrder @($urls.Keys) | Select-Object -First 4
}

# The first endpoint at which the product, or what may be it, answers; $Endpoint where none does.
function Get-AnsweringEndpoint($Facts, $Endpoint) {
    foreach ($one in $Facts.api) {
        if (($one.status -ne 200) -and (($one.status -ne 401) -or ($one.authenticate -notcontains 'Negotiate'))) { continue }
        $match = [regex]::Match($one.url, '^http(s?)://\[?(.+?)\]?:(\d+)$')
        $address, $port = $match.Groups[2].Value, [int]$match.Groups[3].Value
        return [pscustomobject]@{ host = $address; port = $port; https = $match.Groups[1].Value -ne '' }
    }
    $Endpoint
}

# The member `examination`. What cannot be read is missing from it, and the rest is not; so is what comes so late that the
# API could not be asked any more.
function Get-ExaminationFacts($Product, [long]$Until) {
    $folder = if ($Product.data_dir) { $Product.data_dir } else { Get-DataFolder '' @() }
    $parts = [ordered]@{
        addresses = { Get-AddressFacts }
        localhost = { Resolve-HostAddress 'localhost' }
        hosts_file = { Get-HostsFileLine }
        excluded_ports = { Get-ExcludedPortFacts }
        disks = { Get-DiskFacts $folder }
        virus_scanners = { Get-VirusScannerFacts }
        time_source = { Get-TextOrNull (Get-RegistryValue (Get-ServiceKey 'W32Time\Parameters') 'Type') }
        time_service = { (Get-ServiceInstance "Name='W32Time'").State }
        account_sid = { if ($Product.services.Count -eq 1) { Get-AccountSid $Product.services[0].account } }
        installed = { Get-InstalledFacts }
        programs = { Get-ProgramFacts $Product $facts.installed }
        processes = { Get-ProgramProcessFacts }
        data_folder = { Get-FolderFileFacts $folder }
        settings = { Get-FileFacts (Join-FilePath $folder 'appsettings.json') }
        errors = { Get-LogFacts -Path (Get-SessionLogPath $folder) -Limit 262144 -Count 50 -Marks '[ERR]', 'FATAL' }
        challenges = { Get-LogFacts -Path (Join-FilePath $folder 'logs', 'httpChallengeServer.log') -Limit 16384 -Count 40 }
        events = { Get-EventFacts $Product }
    }
    $facts = [ordered]@{}
    foreach ($name in $parts.Keys) {
        $part = if ((Get-MonotonicMs) -lt $Until - 30000) { $parts[$name] } else { { throw 'It is too late.' } }
        $facts[$name] = switch -Regex ($name) {
            '^(addresses|localhost|excluded_ports|virus_scanners)$' { Get-ListPart $part }
            '^(hosts_file|disks|installed|programs|processes|events)$' { , @(Get-Part $part) }
            default { Get-Part $part }
        }
    }
    $facts
}

# Why the API is not asked, as JSON; empty where it is. A task ends 20 s before the visit.
function Get-SilenceJson($Call, $Facts, [long]$Until) {
    if (-not @(Get-RunningService $Facts).Count) { return (Get-UnaskedJson 'no service of the product runs' 'unreachable') }
    if (($Call.Parameters.certificates.access -eq 'task') -and ((Get-MonotonicMs) -ge $Until - 20000)) { Get-UnaskedJson 'No time is left for a task.' }
}

# Facts with `certificates` and `examination`, as JSON text. The API is asked last: it may take all the time there is.
function Get-ExaminedJson($Call, $Lock, $Records) {
    $until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    $observe = $Call.Parameters.observe
    $facts = Get-Facts -Request $observe -Lock $Lock -Records $Records
    $listeners = Get-ListPart { Get-ListenerFacts }
    if ($null -ne $listeners) { $facts.sockets = $listeners }
    foreach ($url in @(Get-FurtherUrl $facts (Get-EndpointUrl $observe.endpoint))) { $facts.api += Get-ApiFacts $url }
    $facts.examination = Get-ExaminationFacts $facts.product $until
    $api = Get-SilenceJson $Call $facts $until
    $observe.endpoint = Get-AnsweringEndpoint $facts $observe.endpoint
    $certificates = Get-CertificateJson -Call $Call -Product $facts.product -Until $until -Api $api
    $text = ConvertTo-AsciiJson $facts
    $text.Substring(0, $text.Length - 1) + ',"certificates":' + $certificates + '}'
}
