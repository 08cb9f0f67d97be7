# One visit's evidence, complete.

# $Request is Observe's parameters; $Lock is what is known of the lock (nobody else's while this process holds it); only
# Observe reads records.
function Get-Facts {
    param($Request, $Lock, $Records)
    $ports = @($Request.ports)
    $parts = Get-ManagedPart -Ports $ports
    $product = $parts.Product
    [ordered]@{
        contract = 1
        host = Get-HostFacts -OperatingSystem (Get-OperatingSystem)
        product = $product
        driver = $parts.Driver
        files = $parts.Files
        ip_listen = $parts.ListenList
        url_reservations = $parts.Reservations
        url_owners = @(Get-UrlOwnerFacts)
        sockets = @(Get-SocketFacts -Ports $ports)
        firewall_rules = $parts.Rules
        ssl_bindings = @(Get-CertificateBindingFacts -Ports $ports)
        logs = Get-ProductLogFacts -Product $product
        api = @(Get-ApiFacts -Url (Get-EndpointUrl -Endpoint $Request.endpoint))
        data = Get-DataFacts -Product $product
        data_acl = $parts.Access
        lock = $Lock
        open_run = Get-OpenRunFacts
        records = $Records
        managed = @(Get-ManagedValue @parts)
    }
}

# The reply of a script: the JSON that $Value writes, unless this computer is refused.
function Get-Reply {
    param([scriptblock]$Value)
    $refusal = Get-HostRefusal
    if ($null -ne $refusal) { return (ConvertTo-AsciiJson -Value ([ordered]@{ contract = 1; ok = $false; error = $refusal })) }
    '{"contract":1,"ok":true,"value":' + (& $Value) + '}'
}

# Programs come from Windows and commands from PowerShell itself, whatever this account's variables say.
function Set-SearchPath {
    if ($env:SystemRoot) { $env:Path = Join-FilePath -Folder $env:SystemRoot -Name 'System32' }
    $env:PSModulePath = Join-FilePath -Folder $PSHOME -Name 'Modules'
}
