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
    Assert-Fact 'CIM: Win32_Volume has the disk of Windows with its free bytes and size, its name ends in a backslash' {
        $found = @(Get-DiskFacts -DataFolder $env:ProgramData | Where-Object { $_.uses -contains 'system' })
        if ($found.Count -ne 1) { return "$($found.Count) disks" }
        $name = $found[0].name + '\'
        if (-not (Get-Row -ClassName 'Win32_Volume' -Filter 'DriveType=3' | Where-Object { $_.Name -eq $name })) { return $name }
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
        # A domain controller has no accounts of its own.
        if ((Get-Row -ClassName 'Win32_OperatingSystem').ProductType -eq 2) { return $true }
        $user = Get-Row -ClassName 'Win32_UserAccount' -Filter 'LocalAccount=TRUE' | Select-Object -First 1
        if (-not $user) { return 'no local account' }
        (Get-AccountSid -Name ".\$($user.Name)") -eq $user.SID
    }
}

function Test-SystemLog {
    $manager = 'Service Control Manager'
    Assert-Fact 'EventLogReader: XPath with a provider that is not there finds nothing' {
        @(Get-Part { Read-SystemEvent -Provider 'certify-automation-none' -Ids 1 }).Count -eq 0
    }
    Assert-Fact 'EventLogReader: entries of the service control manager have its provider, their age is within the week' {
        $found = @(Read-SystemEvent -Provider $manager -Ids 7036, 7040, 7045, 7031, 7034)
        $odd = @($found | Where-Object { ($_.ProviderName -ne $manager) -or ($_.TimeCreated -lt (Get-Date).AddDays(-8)) })
        if ($odd.Count) { return "$($odd[0].ProviderName) $($odd[0].TimeCreated)" }
        $true
    }
    Assert-Fact 'EventLogReader: the newest comes first, at most ten' {
        $found = @(Read-SystemEvent -Provider $manager -Ids 7036, 7040, 7045)
        for ($i = 1; $i -lt $found.Count; $i++) { if ($found[$i].RecordId -ge $found[$i - 1].RecordId) { return "$i" } }
        $found.Count -le 10
    }
    Assert-Fact 'EventLogReader: XPath by a property finds the entries that have it, with double quotes and a blank' {
        $found = @(Read-SystemEvent -Provider $manager -Ids 7036, 7040, 7045 | Where-Object { $_.Properties.Count })
        if ($found.Count -eq 0) { return $true }
        $name = [string]$found[0].Properties[0].Value
        $named = @(Read-SystemEvent -Provider $manager -Ids 7036, 7040, 7045 -Names 'no such service', $name)
        $odd = @($named | Where-Object { @($_.Properties | ForEach-Object { [string]$_.Value }) -notcontains $name })
        if ($odd.Count) { return "$($odd[0].Id)" }
        ($named.Count -gt 0) -and ($named[0].RecordId -eq $found[0].RecordId)
    }
}

function Test-SharedPort {
    Assert-Fact 'a port of one number among the excluded ones is one that http.sys has open, or that nobody listens on' {
        $single = @(Get-ExcludedPortFacts | Where-Object { $_.first -eq $_.last } | ForEach-Object { $_.first })
        $odd = @(Get-ListenerFacts | Where-Object { ($single -contains $_.port) -and ($_.process_id -ne 4) })
        if ($odd.Count) { return "$($odd[0].port) $($odd[0].process_name)" }
        $true
    }
}
