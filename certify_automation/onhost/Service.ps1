# Services and drivers as the service control manager knows them.

function Get-ServiceInstance([string]$Filter) {
    $wanted = 'Name', 'DisplayName', 'State', 'StartMode', 'DelayedAutoStart', 'StartName', 'PathName', 'ExitCode',
    'ServiceSpecificExitCode', 'ProcessId'
    Get-CimInstance -ClassName 'Win32_Service' -Filter $Filter -Property $wanted -OperationTimeoutSec 30
}

function Get-ServiceFacts($Service) {
    [ordered]@{
        name = $Service.Name
        display_name = $Service.DisplayName
        state = $Service.State
        start_mode = $Service.StartMode
        delayed = [bool]$Service.DelayedAutoStart
        account = $Service.StartName
        path_name = $Service.PathName
        exit_code = [long]$Service.ExitCode
        service_exit_code = [long]$Service.ServiceSpecificExitCode
        process_id = [long]$Service.ProcessId
    }
}

# What follows a failure of a service: CIM does not say.
function Get-RecoveryFacts([string]$Name) {
    $path = Get-ServiceKey $Name
    $actions = [byte[]]@(Get-RegistryValue $path 'FailureActions' | Where-Object { $_ -is [byte] })
    [ordered]@{
        failure_actions = if ($actions.Count) { [Convert]::ToBase64String($actions) } else { $null }
        failure_flag = [bool](Get-RegistryValue $path 'FailureActionsOnNonCrashFailures')
    }
}

# The HTTP driver; nothing when the computer does not have it.
function Get-DriverFacts {
    $wanted = 'State', 'StartMode', 'ExitCode'
    $driver = Get-CimInstance -ClassName 'Win32_SystemDriver' -Filter "Name='HTTP'" -Property $wanted -OperationTimeoutSec 30
    if (-not $driver) { return }
    [ordered]@{ state = $driver.State; start_mode = $driver.StartMode; exit_code = [long]$driver.ExitCode }
}
