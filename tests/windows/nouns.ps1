# The part of check.ps1 about recovery, the firewall's rules, certificate bindings and rights; check.ps1 reads it.

function Test-RegistryNoun {
    $services = 'HKLM:\SYSTEM\CurrentControlSet\Services'
    Assert-Fact "registry: FirewallRules are texts of the form v2.30|Action=...|Dir=...|" {
        $key = Get-RegistryKey -Path "$services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
        $texts = @($key.PSObject.Properties | Where-Object { $_.Name -notlike 'PS*' } | ForEach-Object { $_.Value })
        $odd = @($texts | Where-Object { -not [regex]::IsMatch([string]$_, '^v2\.\d+\|.*\|Dir=(In|Out)\|') })
        if ($odd.Count -or ($texts.Count -eq 0)) { return "$($texts.Count) texts, $odd" }
        $true
    }
    Assert-Fact 'registry: the rules of the firewall are read within five seconds' {
        $begin = Get-MonotonicMs
        $null = Get-FirewallRuleFacts -Ports 135, 445, 3389, 5985
        $took = (Get-MonotonicMs) - $begin
        if ($took -gt 5000) { return "$took ms" }
        $true
    }
    Assert-Fact 'registry: FailureActions of every service that has one is understood' {
        $odd = @(foreach ($service in @(Get-CimInstance -ClassName 'Win32_Service' -Property 'Name' -OperationTimeoutSec 30)) {
            if ((Get-ServiceRecovery -Name $service.Name) -eq 'unreadable') { $service.Name }
        })
        if ($odd.Count) { return $odd }
        $true
    }
    Assert-Fact 'registry: names below SslBindingInfo end in a port, SslCertHash is binary' {
        $path = "$services\HTTP\Parameters\SslBindingInfo"
        if (-not (Test-Path -LiteralPath $path)) { return $true }
        $ports = @((Get-Item -LiteralPath $path).GetSubKeyNames() | ForEach-Object { [int]$_.Substring($_.LastIndexOf(':') + 1) })
        if ($ports.Count -eq 0) { return $true }
        $without = @(Get-CertificateBindingFacts | Where-Object { $null -eq $_.cert_hash })
        if ($without.Count) { return @($without | ForEach-Object { $_.name }) }
        $true
    }
}

# Each is set and read back by Set-ServiceRecovery itself.
function Test-Recovery {
    $name = 'certify-automation check'
    $restart = @{ action = 'restart'; delay_ms = 60000 }
    $none = @{ action = 'none'; delay_ms = 0 }
    $recoveries = [ordered]@{
        'two restarts, then nothing, within a day' = @{ reset_seconds = 86400; actions = @($restart, $restart, $none); on_stop_with_error = $true }
        'nothing first, then a restart, never reset' = @{ reset_seconds = $null; actions = @($none, $restart); on_stop_with_error = $false }
        'four actions' = @{ reset_seconds = 60; actions = @($restart, $none, $restart, @{ action = 'reboot'; delay_ms = 1 }); on_stop_with_error = $false }
        'no action at all' = @{ reset_seconds = $null; actions = @(); on_stop_with_error = $false }
    }
    $null = sc.exe create $name binPath= "$env:SystemRoot\System32\svchost.exe -k none" start= demand
    try {
        foreach ($key in $recoveries.Keys) {
            Assert-Fact "sc.exe failure: $key reads back" {
                Set-ServiceRecovery -Run $script:run -Name $name -Recovery $recoveries[$key]
                $true
            }
        }
        Assert-Fact 'sc.exe failure: a command that is not given stays' {
            $null = sc.exe failure $name command= 'cmd.exe /c rem' reset= 60 actions= run/1000
            $path = "HKLM:\SYSTEM\CurrentControlSet\Services\$name"
            $before = Get-RegistryValue -Path $path -Name 'FailureCommand'
            Set-ServiceRecovery -Run $script:run -Name $name -Recovery $recoveries['four actions']
            $after = Get-RegistryValue -Path $path -Name 'FailureCommand'
            if (($null -eq $before) -or ($after -cne $before)) { return "$before / $after" }
            $true
        }
    } finally { $null = sc.exe delete $name }
}

function Test-BlockRule {
    $rule = @{ Run = $script:run; Name = 'certify-automation-check'; Port = $SparePort }
    if ((Get-NamedService -Name 'mpssvc').state -ne 'Running') { return 'skip  firewall: its service does not run' }
    try {
        Assert-Fact 'firewall: an added rule is in the registry at once, and added once' {
            Set-FirewallRule @rule -Present $true
            Set-FirewallRule @rule -Present $true
            @(Get-FirewallRuleFacts -Name $rule.Name).Count -eq 1
        }
    } finally {
        Assert-Fact 'firewall: a deleted rule is gone at once' {
            Set-FirewallRule @rule -Present $false
            (Get-FirewallRuleState -Name $rule.Name -Port $SparePort) -eq 'absent'
        }
    }
}

# $Folder has a list of its own.
function Test-FolderRight {
    param([string]$Folder)
    $path = Join-FilePath -Folder $Folder -Name 'rights'
    $below = Join-FilePath -Folder $path -Name 'below'
    [void][IO.Directory]::CreateDirectory($below)
    $owner = (Get-FolderAccess -Path $path).Owner
    $closed = 'D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;LS)'
    Assert-Fact 'rights: a list is set without the owner, and handed down' {
        Set-DataAccess -Run $script:run -Path $path -Sddl $closed
        $inner = (Get-FolderAccess -Path $below).Sddl
        if (-not [regex]::IsMatch($inner, '\(A;OICIID;0x1200a9;;;(LS|S-1-5-19)\)')) { return $inner }
        (Get-FolderAccess -Path $path).Owner -eq $owner
    }
    Assert-Fact 'rights: a list that is not protected gets the entries of the folder above again' {
        Set-DataAccess -Run $script:run -Path $path -Sddl 'D:AI(A;OICI;0x1200a9;;;LS)'
        $sddl = (Get-FolderAccess -Path $path).Sddl
        if (-not [regex]::IsMatch($sddl, 'D:(AI|AR)*\(A;OICI;0x1200a9;;;LS\).*ID;FA;;;SY')) { return $sddl }
        $true
    }
    Assert-Fact 'rights: entries in another order are the same list' {
        $script:run.Acted = $false
        Set-DataAccess -Run $script:run -Path $path -Sddl $closed
        $script:run.Acted = $false
        Set-DataAccess -Run $script:run -Path $path -Sddl 'D:P(A;OICI;0x1200a9;;;S-1-5-19)(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)'
        -not $script:run.Acted
    }
}
