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

# The member `examination`. What cannot be read is missing from it, and the rest is not.
function Get-ExaminationFacts($Product) {
    $folder = if ($Product.data_dir) { $Product.data_dir } else { Get-DataFolder '' @() }
    $logs = Join-FilePath $folder 'logs'
    $time = Get-ServiceKey 'W32Time\Parameters'
    $installed = @(Get-Part { Get-InstalledFacts })
    [ordered]@{
        addresses = Get-ListPart { Get-AddressFacts }
        localhost = Get-ListPart { Resolve-HostAddress 'localhost' }
        hosts_file = @(Get-Part { Get-HostsFileLine })
        excluded_ports = Get-ListPart { Get-ExcludedPortFacts }
        disks = @(Get-Part { Get-DiskFacts $folder })
        virus_scanners = Get-ListPart { Get-VirusScannerFacts }
        time_source = Get-Part { Get-TextOrNull (Get-RegistryValue $time 'Type') }
        time_service = Get-Part { (Get-ServiceInstance "Name='W32Time'").State }
        account_sid = Get-Part { if ($Product.services.Count -eq 1) { Get-AccountSid $Product.services[0].account } }
        installed = $installed
        programs = @(Get-Part { Get-ProgramFacts $Product $installed })
        processes = @(Get-Part { Get-ProgramProcessFacts })
        data_folder = Get-Part { Get-FolderFileFacts $folder }
        settings = Get-Part { Get-FileFacts (Join-FilePath $folder 'appsettings.json') }
        errors = Get-Part { Get-LogFacts -Path (Get-SessionLogPath $folder) -Limit 262144 -Count 50 -Marks '[ERR]', 'FATAL' }
        challenges = Get-Part { Get-LogFacts -Path (Join-FilePath $logs 'httpChallengeServer.log') -Limit 16384 -Count 40 }
        events = @(Get-Part { Get-EventFacts $Product })
    }
}

# Facts with `certificates` and `examination`, as JSON text. The API is asked last: it may take all the time there is.
function Get-ExaminedJson($Call, $Lock, $Records) {
    $until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    $observe = $Call.Parameters.observe
    $facts = Get-Facts -Request $observe -Lock $Lock -Records $Records
    $listeners = Get-ListPart { Get-ListenerFacts }
    if ($null -ne $listeners) { $facts.sockets = $listeners }
    foreach ($url in @(Get-FurtherUrl $facts (Get-EndpointUrl $observe.endpoint))) { $facts.api += Get-ApiFacts $url }
    $facts.examination = Get-ExaminationFacts $facts.product
    $api = if (@(Get-RunningService $facts).Count) { '' } else { Get-UnaskedJson 'no service of the product runs' 'unreachable' }
    $observe.endpoint = Get-AnsweringEndpoint $facts $observe.endpoint
    $certificates = Get-CertificateJson -Call $Call -Product $facts.product -Until $until -Api $api
    $text = ConvertTo-AsciiJson $facts
    $text.Substring(0, $text.Length - 1) + ',"certificates":' + $certificates + '}'
}
