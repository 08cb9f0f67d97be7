# One visit's evidence, complete.

# $Request is Observe's parameters; $Lock is what is known of the lock (nobody else's while this process holds it); only
# Observe reads records.
function Get-Facts($Request, $Lock, $Records) {
    $ports = @($Request.ports)
    $facts = Get-ManagedPart $ports
    $facts.managed = @(Get-ManagedValue $facts)
    $facts.contract = 1
    $facts.host = Get-HostFacts (Get-OperatingSystem)
    $facts.url_owners = @(Get-UrlOwnerFacts)
    $facts.sockets = @(Get-SocketFacts $ports)
    $facts.ssl_bindings = @(Get-CertificateBindingFacts ":($($ports -join '|'))$")
    $facts.logs = Get-ProductLogFacts $facts.product
    $facts.api = @(Get-ApiFacts (Get-EndpointUrl $Request.endpoint))
    $facts.data = Get-DataFacts $facts.product
    $facts.lock = $Lock
    $facts.open_run = Get-OpenRunFacts
    $facts.records = $Records
    $facts
}

# The reply of a script: the JSON that $Value writes, unless this computer is refused.
function Get-Reply([scriptblock]$Value) {
    $refusal = Get-HostRefusal
    if ($refusal) { return (ConvertTo-AsciiJson ([ordered]@{ contract = 1; ok = $false; error = $refusal })) }
    '{"contract":1,"ok":true,"value":' + (& $Value) + '}'
}

# Programs come from Windows and commands from PowerShell itself, whatever this account's variables say. .NET Framework before
# 4.7 offers TLS 1.0 at most; later ones leave it to Windows (0).
function Set-Surroundings {
    if ($env:SystemRoot) { $env:Path = Join-FilePath $env:SystemRoot 'System32' }
    $env:PSModulePath = Join-FilePath $PSHOME 'Modules'
    if ([int][Net.ServicePointManager]::SecurityProtocol) { [Net.ServicePointManager]::SecurityProtocol = 'Tls, Tls11, Tls12' }
}
