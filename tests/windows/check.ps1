# Proves on a real server what no simulation can: run it as administrator on a test server, in Windows PowerShell and in
# PowerShell 7. Reads only, unless -Write is given; then it changes what it says and puts it back.
#
#     powershell.exe -NoProfile -ExecutionPolicy Bypass -File tests\windows\check.ps1 [-Write]
#
# Each line is one assumption of the scripts in certify_automation\onhost. The exit code is the number of failures.
param(
    [switch]$Write,
    [string]$OnHost = (Join-Path -Path $PSScriptRoot -ChildPath '..\..\certify_automation\onhost'),
    [int]$SparePort = 49997
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
Set-StrictMode -Version 3.0
$script:failures = 0
$script:run = @{ Acted = $false; Intent = -1 }

# As certify_automation/onhost/__init__.py puts the scripts together.
$script:reading = 'Windows', 'Json', 'Host', 'Service', 'Product', 'File', 'HttpSys', 'Firewall', 'Api', 'Lock', 'Journal', 'Managed', 'Facts'
$script:acting = 'WindowsChange', 'Wait', 'FileAct', 'LockChange', 'Scheduler', 'RunPath', 'JournalChange', 'Control', 'HttpSysChange', 'ServiceRecovery',
'Access', 'FileChange', 'Data', 'Change', 'Endpoint', 'Health', 'Refusal', 'Recover', 'Run'
$script:timed = 'Task', 'Timer', 'Confirm'
$script:asking = 'WindowsCertificates', 'ProductApi', 'ManagedItem', 'Certificates'
$script:tasked = 'WindowsChange', 'Wait', 'FileAct', 'LockChange', 'Scheduler', 'Task', 'SystemTask'
$script:examining = 'WindowsExamine', 'Endpoint', 'Surroundings', 'Installation', 'Examination'
$script:renewing = 'RunPath', 'Preferences', 'Renewal', 'RenewVisit'
foreach ($file in $script:reading + $script:acting + $script:timed + $script:asking + $script:tasked + $script:examining + $script:renewing) {
    . (Join-Path -Path $OnHost -ChildPath "$file.ps1")
}

foreach ($file in 'changes', 'nouns', 'timer', 'certificates', 'examination') { . (Join-Path -Path $PSScriptRoot -ChildPath "$file.ps1") }

# The text of a script: these files, one after the other.
function Get-ScriptText {
    param([string[]]$Names)
    $texts = foreach ($name in $Names) { [IO.File]::ReadAllText((Join-Path -Path $OnHost -ChildPath "$name.ps1")) }
    $texts -join "`n"
}

# $Test gives $true, or what is the case instead.
function Assert-Fact {
    param([string]$Assumption, [scriptblock]$Test)
    try { $result = & $Test } catch { $result = "$($_.Exception.GetBaseException().Message) [$($_.FullyQualifiedErrorId)]" }
    if (($result -is [bool]) -and $result) { return "pass  $Assumption" }
    $script:failures++
    "FAIL  $Assumption -- $($result -join ' ')"
}

function Get-Row {
    param([string]$ClassName, [string]$Filter, [string]$Namespace = 'root/cimv2')
    Get-CimInstance -ClassName $ClassName -Namespace $Namespace -Filter $Filter -OperationTimeoutSec 30
}

# The HResult's low word of the error that $Act ends with; 0 when it ends well.
function Get-Win32Code {
    param([scriptblock]$Act)
    try { $null = & $Act } catch { return $_.Exception.GetBaseException().HResult -band 0xFFFF }
    0
}

function Test-Instrumentation {
    $services = 'State', 'StartMode', 'DelayedAutoStart', 'ProcessId', 'ExitCode', 'ServiceSpecificExitCode'
    Assert-Fact 'CIM: Win32_OperatingSystem has a dotted Version and LastBootUpTime as a date' {
        $system = Get-OperatingSystem
        ($null -ne [version]$system.Version) -and ($system.LastBootUpTime -is [DateTime])
    }
    Assert-Fact "CIM: Win32_Service has $($services -join ', '), DelayedAutoStart as boolean" {
        $row = Get-Row -ClassName 'Win32_Service' -Filter "Name='WinRM'"
        $missing = @($services | Where-Object { $null -eq $row.CimInstanceProperties[$_] })
        if ($missing.Count) { return $missing }
        $row.DelayedAutoStart -is [bool]
    }
    Assert-Fact 'CIM: a service that does not exist is no output and no error' {
        $null -eq (Get-Row -ClassName 'Win32_Service' -Filter "Name='certify-automation-none'")
    }
    Assert-Fact 'CIM: a filter may use LIKE on PathName and OR' {
        @(Get-Row -ClassName 'Win32_Service' -Filter "Name='x' OR PathName LIKE '%svchost.exe%'").Count -gt 0
    }
    Assert-Fact 'CIM: Win32_SystemDriver finds the HTTP driver, Running, whatever the case of its name' {
        (Get-Row -ClassName 'Win32_SystemDriver' -Filter "Name='http'").State -eq 'Running'
    }
    Assert-Fact 'CIM: MSFT_NetTCPConnection takes State=2 AND (LocalPort=...), no match is no error' {
        $found = @(Get-SocketFacts -Ports 135)
        ($found.Count -gt 0) -and (@(Get-SocketFacts -Ports $SparePort).Count -eq 0)
    }
    Assert-Fact 'CIM: process 4 is called System' { (Get-ProcessName -Ids 4)[[long]4] -eq 'System' }
}

function Test-HttpSys {
    $parameters = 'HKLM:\SYSTEM\CurrentControlSet\Services\HTTP\Parameters'
    Assert-Fact 'registry: ListenOnlyList is absent or a list of strings' {
        $value = (Get-RegistryKey -Path $parameters).PSObject.Properties['ListenOnlyList']
        ($null -eq $value) -or ($value.Value -is [string[]])
    }
    Assert-Fact 'registry: UrlAclInfo names are URLs and its values binary security descriptors' {
        $key = Get-ItemProperty -LiteralPath "$parameters\UrlAclInfo"
        $odd = @($key.PSObject.Properties | Where-Object { $_.Name.Contains('://') -and ($_.Value -isnot [byte[]]) })
        if ($odd.Count) { return $odd[0].Name }
        foreach ($one in @(Get-ReservationFacts)) {
            if (-not (Get-CanonicalSddl -Descriptor ([Convert]::FromBase64String($one.descriptor)))) { return $one.url }
        }
        $true
    }
    Assert-Fact 'netsh: show iplisten ends with 0 and names what ListenOnlyList holds' {
        $list = Get-ListenListFacts
        $same = ($list.live -join ',') -eq (@($list.registry) -join ',')
        if (($list.exit_code -ne 0) -or -not $same) { return "$($list.exit_code): $($list.live) / $($list.registry)" }
        $true
    }
    Assert-Fact 'netsh: show servicestate view=requestq names the process of WinRM for its URL' {
        $id = (Get-Row -ClassName 'Win32_Service' -Filter "Name='WinRM'").ProcessId
        $urls = @(Get-UrlOwnerFacts | Where-Object { $_.url.Contains('/WSMAN/') })
        if ($urls.Count -eq 0) { return 'no URL of WinRM' }
        @($urls | Where-Object { $_.process_ids -notcontains $id }).Count -eq 0
    }
    Assert-Fact 'sc.exe: its exit code is the Win32 code (1060: no such service)' {
        $null = sc.exe stop certify-automation-none
        if ($LASTEXITCODE -ne 1060) { return $LASTEXITCODE }
        $true
    }
}

function Test-WindowsFile {
    Assert-Fact 'this account is an administrator' { Test-Administrator }
    Assert-Fact 'a program has a file version of four numbers' {
        (Get-FileVersion -Path "$env:SystemRoot\System32\netsh.exe").Split('.').Count -eq 4
    }
    Assert-Fact 'the owner of a folder reads as a SID' {
        (Get-FolderAccess -Path $env:ProgramData).Owner.StartsWith('S-1-')
    }
    Assert-Fact 'SDDL text and its descriptor have one canonical spelling' {
        $raw = New-Object -TypeName Security.AccessControl.RawSecurityDescriptor -ArgumentList 'D:(A;;GX;;;S-1-1-0)'
        $bytes = New-Object -TypeName byte[] -ArgumentList $raw.BinaryLength
        $raw.GetBinaryForm($bytes, 0)
        (Get-CanonicalSddl -Descriptor $bytes) -ceq (Get-CanonicalSddl -Descriptor 'D:(A;;GX;;;WD)')
    }
    Assert-Fact 'a request to a closed port fails with a text and no status' {
        $answer = Invoke-LocalApi -Method 'GET' -Url "http://127.0.0.2:$SparePort" -Body '' -TimeoutSeconds 5
        ($null -eq $answer.Status) -and ([string]$answer.Error -ne '')
    }
    Assert-Fact 'a request to http.sys gets a status (WinRM over http)' {
        $answer = Invoke-LocalApi -Method 'GET' -Url 'http://localhost:5985/wsman' -Body '' -TimeoutSeconds 5
        if ($null -eq $answer.Status) { return $answer.Error }
        $true
    }
}

# A visit as the controller makes it: the bootstrap on the command line, the request on standard input.
function Invoke-Visit {
    param([string]$Program, [string]$Request)
    $text = [IO.File]::ReadAllText((Join-Path -Path $OnHost -ChildPath 'Bootstrap.ps1'))
    $encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($text))
    $Request | & $Program -NoProfile -NonInteractive -EncodedCommand $encoded
}

function Test-Visit {
    param([string]$Program)
    Assert-Fact "${Program}: a request that is no JSON gets a framed bad_request" {
        [bool](@(Invoke-Visit -Program $Program -Request 'nonsense') -join '').Contains('"bad_request"')
    }
    Assert-Fact "${Program}: a request of 3 million characters is read" {
        $request = '{"contract":2,"nonce":"' + ('x' * 3000000) + '"}'
        [bool](@(Invoke-Visit -Program $Program -Request $request) -join '').Contains('not of contract 1')
    }
    Assert-Fact "${Program}: Observe gives facts, under a Turkish culture too, and every character of its frame" {
        $text = "[Threading.Thread]::CurrentThread.CurrentCulture = 'tr-TR'`n"
        $text += Get-ScriptText -Names ($script:reading + 'Records', 'Observe')
        $sent = [ordered]@{
            contract = 1; nonce = '0123456789abcdef0123456789abcdef'; deadline_seconds = 60
            script = [ordered]@{ name = 'Observe'; text = $text; sha256 = Get-Digest -Bytes ([Text.Encoding]::UTF8.GetBytes($text)) }
            parameters = [ordered]@{
                endpoint = [ordered]@{ host = '127.0.0.2'; port = 9696; https = $false }; ports = @(9696, 80); run = 'last'
            }
        }
        $lines = @(Invoke-Visit -Program $Program -Request (ConvertTo-AsciiJson -Value $sent))
        if ($lines.Count -ne 3) { return "$($lines.Count) lines: $($lines -join ' ')" }
        $length = [int]$lines[0].Split(' ')[2].Replace('>>>', '')
        if ($lines[1].Length -ne $length) { return "$($lines[1].Length) of $length characters" }
        $reply = ConvertFrom-Json -InputObject $lines[1]
        if (-not $reply.ok) { return $reply.error.message }
        $reply.value.product.services.GetType().IsArray
    }
}

"Windows $((Get-OperatingSystem).Version), PowerShell $($PSVersionTable.PSVersion), $((Get-Culture).Name)"
Test-Instrumentation
Test-HttpSys
Test-RegistryNoun
Test-WindowsFile
Test-Store
Test-Surroundings
Test-Account
Test-SystemLog
Test-SharedPort
foreach ($program in 'powershell.exe', 'pwsh.exe') {
    if (Get-Command -Name $program -ErrorAction SilentlyContinue) { Test-Visit -Program $program } else { "skip  $program is not installed" }
}
if ($Write) {
    Test-ServiceControl
    Test-Recovery
    Test-BlockRule
    Test-Reservation
    Test-ListenList
    Test-TimerTask
    Test-OneShotTask
    Test-ProductTask
    Test-LostAnswer
    Test-DeadManRun -Text (Get-ScriptText -Names ($script:reading + $script:acting + $script:timed + 'Guard'))
    $folder = Join-Path -Path $env:ProgramData -ChildPath 'certify-automation-check'
    New-ProtectedFolder -Path $folder -Sddl 'O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)'
    try {
        Test-FileAct -Folder $folder
        Test-FolderLink -Folder $folder
        Test-RunRecord -Folder $folder
        Test-FolderRight -Folder $folder
    } finally { [IO.Directory]::Delete($folder, $true) }
} else { 'skip  what changes something: give -Write' }
"$script:failures failed"
exit $script:failures
