# What `certify-automation doctor` asks of a computer, for one that it cannot reach: run it there as administrator, in
# Windows PowerShell or PowerShell 7. It reads, and changes nothing but the file that it is told to write:
#
#     powershell.exe -NoProfile -ExecutionPolicy Bypass -File examine.ps1 -OutFile web01.json
#
# Where a policy wants every script signed (AllSigned), run its text in a console of PowerShell instead:
#
#     & ([scriptblock]::Create([IO.File]::ReadAllText('C:\examine.ps1'))) -OutFile web01.json
#
# Without -OutFile the bundle goes to the pipeline (not for `>` of cmd.exe). -HostName is the computer's name in the
# inventory. The bundle holds the product's configuration as it is: keep it as private as that.
param([string]$OutFile = '', [string]$HostName = "$env:COMPUTERNAME".ToLowerInvariant())
$ErrorActionPreference = 'Stop'
# PowerShell 7 can be told to end when a program's exit code is not 0; the script looks at it.
$PSNativeCommandUseErrorActionPreference = $false
$ProgressPreference = 'SilentlyContinue'
if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
    throw 'A policy of this computer (AppLocker, App Control) keeps this console in Constrained Language: run this where it does not apply.'
}
if ($env:PROCESSOR_ARCHITEW6432) { throw 'Windows shows this PowerShell of 32 bits another registry and other files: start that of 64 bits.' }
if (-not [regex]::IsMatch($HostName, '\A[A-Za-z0-9._:-]{1,253}\z')) { throw "This is no name of a host, give another one as -HostName: $HostName" }
if ($OutFile -ne '') {
    # Before the examination, which takes a minute.
    $OutFile = [IO.Path]::Combine((Get-Location).ProviderPath, $OutFile)
    $known = [IO.File]::Exists($OutFile)
    [IO.File]::Open($OutFile, 'OpenOrCreate', 'Write').Dispose()
    if (-not $known) { [IO.File]::Delete($OutFile) }
}

$examine = {
    # <Examine>
}

$call = @{ Parameters = ConvertFrom-Json -InputObject '<parameters>'; DeadlineSeconds = 120; Text = '' }
$programs = $env:Path
$modules = $env:PSModulePath
$protocols = [Net.ServicePointManager]::SecurityProtocol
try { $reply = @(& $examine $call)[-1] } finally {
    $env:Path = $programs
    $env:PSModulePath = $modules
    [Net.ServicePointManager]::SecurityProtocol = $protocols
}
$begin = '{"contract":1,"ok":true,"value":'
if (-not $reply.StartsWith($begin)) {
    $refusal = (ConvertFrom-Json -InputObject $reply).error
    $words = @{
        not_administrator = 'is no administrator here: start PowerShell with "Run as administrator"'
        unsupported_windows = 'is the version of Windows, and none before 10.0.14393 (Server 2016) is supported'
    }
    throw "$($refusal.message) $($words[$refusal.code])"
}
$made = [regex]::Match($reply, '"clock_utc_ms":(\d+)').Groups[1].Value
$facts = $reply.Substring($begin.Length, $reply.Length - $begin.Length - 1)
$bundle = '{"kind":"bundle","schema_version":1,"hosts":[{"host":"' + $HostName + '","made_utc_ms":' + $made + ',"facts":' + $facts + '}]}'
if ($OutFile -eq '') { return $bundle }
Set-Content -LiteralPath $OutFile -Value $bundle -Encoding 'ASCII'
