# The computer itself: versions, clock, pending reboot, and whether these scripts may run on it.

# What the system says of an error.
function Get-ErrorText($ErrorRecord) {
    $ErrorRecord.Exception.GetBaseException().Message
}

function Get-UnixTimeMs([DateTime]$Time) {
    ([DateTimeOffset]$Time).ToUnixTimeMilliseconds()
}

# Where the registry keeps a service, a driver, and what is theirs.
function Get-ServiceKey([string]$Name) {
    "HKLM:\SYSTEM\CurrentControlSet\Services\$Name"
}

# The values of a registry key; $null when there is no such key.
function Get-RegistryKey([string]$Path) {
    if (Test-Path -LiteralPath $Path) { Get-ItemProperty -LiteralPath $Path }
}

# One value of a registry key; nothing when it is not there. Wrap in @( ) where it is a list.
function Get-RegistryValue([string]$Path, [string]$Name) {
    $key = Get-RegistryKey $Path
    if (-not $key) { return }
    $property = $key.PSObject.Properties[$Name]
    if ($property -and ($null -ne $property.Value)) { $property.Value }
}

function Get-PendingReboot {
    $windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
    $control = 'HKLM:\SYSTEM\CurrentControlSet\Control'
    if (Test-Path -LiteralPath "$windows\Component Based Servicing\RebootPending") { 'component_based_servicing' }
    if (Test-Path -LiteralPath "$windows\WindowsUpdate\Auto Update\RebootRequired") { 'windows_update' }
    $renames = @(Get-RegistryValue "$control\Session Manager" 'PendingFileRenameOperations')
    if ($renames.Count -gt 0) { 'pending_file_renames' }
    $active = Get-RegistryValue "$control\ComputerName\ActiveComputerName" 'ComputerName'
    $next = Get-RegistryValue "$control\ComputerName\ComputerName" 'ComputerName'
    if ($active -ne $next) { 'computer_name' }
}

function Get-OperatingSystem {
    Get-CimInstance -ClassName 'Win32_OperatingSystem' -Property 'Version', 'LastBootUpTime' -OperationTimeoutSec 30
}

function Get-BootTimeMs($OperatingSystem) {
    if ($OperatingSystem.LastBootUpTime) { Get-UnixTimeMs $OperatingSystem.LastBootUpTime }
}

function Get-HostFacts($OperatingSystem) {
    [ordered]@{
        name = $env:COMPUTERNAME
        os_version = $OperatingSystem.Version
        powershell = $PSVersionTable.PSVersion.ToString()
        edition = $PSVersionTable.PSEdition
        language_mode = [string]$ExecutionContext.SessionState.LanguageMode
        administrator = Test-Administrator
        culture = (Get-Culture).Name
        clock_utc_ms = Get-UnixTimeMs (Get-Date)
        boot_utc_ms = Get-BootTimeMs $OperatingSystem
        pending_reboot = @(Get-PendingReboot)
    }
}

# Why nothing is done on this computer, as the contract's error; nothing when all is well.
# WMI answers others than administrators with an error after some seconds, so rights come first.
function Get-HostRefusal {
    if (-not (Test-Administrator)) {
        return [ordered]@{ code = 'not_administrator'; message = "$env:USERDOMAIN\$env:USERNAME"; at = '' }
    }
    $version = [version](Get-OperatingSystem).Version
    if ($version -lt [version]'10.0.14393') {
        [ordered]@{ code = 'unsupported_windows'; message = $version.ToString(); at = '' }
    }
}
