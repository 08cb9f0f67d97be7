# One visit's evidence, complete.

# $Request is Observe's parameters; $Lock is what is known of the lock (nobody else's while this process holds it); only
# Observe reads records.
function Get-Facts {
    param($Request, $Lock, $Records)
    $ports = @($Request.ports)
    $facts = Get-ManagedPart -Ports $ports
    $facts.managed = @(Get-ManagedValue -Part $facts)
    $facts.contract = 1
    $facts.host = Get-HostFacts -OperatingSystem (Get-OperatingSystem)
    $facts.url_owners = @(Get-UrlOwnerFacts)
    $facts.sockets = @(Get-SocketFacts -Ports $ports)
    $facts.ssl_bindings = @(Get-CertificateBindingFacts -Ports $ports)
    $facts.logs = Get-ProductLogFacts -Product $facts.product
    $facts.api = @(Get-ApiFacts -Url (Get-EndpointUrl -Endpoint $Request.endpoint))
    $facts.data = Get-DataFacts -Product $facts.product
    $facts.lock = $Lock
    $facts.open_run = Get-OpenRunFacts
    $facts.records = $Records
    $facts
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
