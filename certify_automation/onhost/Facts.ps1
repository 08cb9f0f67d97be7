# One visit's evidence, complete.

# $Request is Observe's parameters; $Lock is what is known of the lock (nobody else's while this process holds it).
function Get-Facts {
    param($Request, $Lock)
    $product = Get-ProductFacts
    $driver = Get-DriverFacts
    $files = Get-ConfigFileFacts -Product $product
    $listen = Get-ListenListFacts
    $reservations = @(Get-ReservationFacts)
    $managed = @{
        Product = $product; Driver = $driver; Files = $files; ListenList = $listen; Reservations = $reservations
    }
    [ordered]@{
        contract = 1
        host = Get-HostFacts -OperatingSystem (Get-OperatingSystem)
        product = $product
        driver = $driver
        files = $files
        ip_listen = $listen
        url_reservations = $reservations
        url_owners = @(Get-UrlOwnerFacts)
        sockets = @(Get-SocketFacts -Ports @($Request.ports))
        logs = Get-ProductLogFacts -Product $product
        api = @(Get-ApiFacts -Url (Get-EndpointUrl -Endpoint $Request.endpoint))
        data = Get-DataFacts -Product $product
        data_acl = Get-DataAccessFacts -Product $product
        lock = $Lock
        managed = @(Get-ManagedValue @managed)
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
