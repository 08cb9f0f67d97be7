# The part of check.ps1 about examinations: what is around the product, where it is installed, what Windows has logged; check.ps1 reads it.

function Test-Surroundings {
    Assert-Fact 'CIM: Win32_NetworkAdapterConfiguration takes IPEnabled=TRUE and has addresses as texts' {
        $found = @(Get-AddressFacts)
        $odd = @($found | Where-Object { -not [regex]::IsMatch($_, '^[0-9A-Fa-f:.]+(%\d+)?$') })
        if ($odd.Count -or ($found.Count -eq 0)) { return "$($found.Count) addresses, $odd" }
        $true
    }
    Assert-Fact 'the name localhost resolves to addresses' { @(Resolve-HostAddress -Name 'localhost').Count -gt 0 }
    Assert-Fact 'netsh: int ipv4 show excludedportrange ends with 0 in this language, each range of it is in order' {
        $odd = @(Get-ExcludedPortFacts | Where-Object { ($_.first -lt 1) -or ($_.last -lt $_.first) -or ($_.last -gt 65535) })
        if ($odd.Count) { return "$($odd[0].first) to $($odd[0].last)" }
        $true
    }
    Assert-Fact 'CIM: Win32_LogicalDisk has the disk of Windows with its free bytes and size' {
        $found = @(Get-DiskFacts -DataFolder $env:ProgramData | Where-Object { $_.uses -contains 'system' })
        if ($found.Count -ne 1) { return "$($found.Count) disks" }
        ($found[0].free_bytes -gt 0) -and ($found[0].size_bytes -gt $found[0].free_bytes)
    }
    Assert-Fact 'registry: Group and Start of all services are read within five seconds, WinRM among them' {
        $begin = Get-MonotonicMs
        $found = @(Get-SubkeyValue -Path 'HKLM:\SYSTEM\CurrentControlSet\Services' -Names 'Group', 'Start')
        $took = (Get-MonotonicMs) - $begin
        if ($took -gt 5000) { return "$($found.Count) keys, $took ms" }
        $service = @($found | Where-Object { $_.Key -eq 'WinRM' })
        ($service.Count -eq 1) -and (2, 3, 4 -contains $service[0].Start)
    }
    Assert-Fact 'CIM: every virus scanner of the registry is a driver that Win32_SystemDriver knows' {
        $unknown = @(Get-VirusScannerFacts | Where-Object { $_.state -eq 'Unknown' })
        if ($unknown.Count) { return $unknown[0].name }
        $true
    }
    Assert-Fact 'registry: Type of the time service is one of four words' {
        $type = Get-RegistryValue -Path (Get-ServiceKey -Name 'W32Time\Parameters') -Name 'Type'
        if ('NTP', 'NT5DS', 'NoSync', 'AllSync' -notcontains $type) { return "Type: $type" }
        $true
    }
    Assert-Fact 'a TCP listener has its process, that of http.sys is System' {
        $found = @(Get-ListenerFacts | Where-Object { $_.process_id -eq 4 })
        ($found.Count -gt 0) -and ($found[0].process_name -eq 'System')
    }
}

function Test-Account {
    $accounts = [ordered]@{
        'LocalSystem' = 'S-1-5-18'; 'NT AUTHORITY\LocalService' = 'S-1-5-19'; 'NT AUTHORITY\NetworkService' = 'S-1-5-20'
        'NT SERVICE\WinRM' = 'S-1-5-80-569256582-2953403351-2909559716-1301513147-412116970'
    }
    foreach ($name in $accounts.Keys) {
        Assert-Fact "account: $name has one SID in every language" {
            $found = Get-AccountSid -Name $name
            if ($found -ne $accounts[$name]) { return $found }
            $true
        }
    }
    Assert-Fact 'account: .\ stands for this computer' {
        $user = Get-Row -ClassName 'Win32_UserAccount' -Filter 'LocalAccount=TRUE' | Select-Object -First 1
        if (-not $user) { return 'no local account' }
        (Get-AccountSid -Name ".\$($user.Name)") -eq $user.SID
    }
}

function Test-SystemLog {
    Assert-Fact 'Get-WinEvent: XPath with a provider that is not there finds nothing, and ends with an error that is taken' {
        @(Read-SystemEvent -Provider 'certify-automation-none' -Ids 1 -Most 5).Count -eq 0
    }
    Assert-Fact 'Get-WinEvent: entries of the service control manager have its provider, their age is within the week' {
        $found = @(Read-SystemEvent -Provider 'Service Control Manager' -Ids 7036, 7040, 7045, 7031, 7034 -Most 50)
        $odd = @($found | Where-Object { ($_.ProviderName -ne 'Service Control Manager') -or ($_.TimeCreated -lt (Get-Date).AddDays(-8)) })
        if ($odd.Count) { return "$($odd[0].ProviderName) $($odd[0].TimeCreated)" }
        $true
    }
    Assert-Fact 'Get-WinEvent: the newest comes first, the first property of a service that changed its state is its display name' {
        $found = @(Read-SystemEvent -Provider 'Service Control Manager' -Ids 7036 -Most 50)
        $names = @(Get-CimInstance -ClassName 'Win32_Service' -OperationTimeoutSec 30 | ForEach-Object { $_.DisplayName })
        for ($i = 1; $i -lt $found.Count; $i++) { if ($found[$i].RecordId -ge $found[$i - 1].RecordId) { return "$i" } }
        ($found.Count -eq 0) -or (@($found | Where-Object { $names -contains $_.Properties[0].Value }).Count -gt 0)
    }
}
