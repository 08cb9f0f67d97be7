# certify-automation: run the script that arrives on standard input and frame its reply (docs/contract.md).
$line = @($input) -join ''
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
$nonce = '0'
$code = 'bad_request'
$full = $ExecutionContext.SessionState.LanguageMode -eq 'FullLanguage'
try {
    $request = ConvertFrom-Json -InputObject $line
    if ($request.contract -ne 1) { throw 'The request is not of contract 1.' }
    $text = [string]$request.script.text
    $nonce = [string]$request.nonce
    if (-not $full) {
        $code = 'constrained_language'
        throw 'The language mode is not FullLanguage.'
    }
    $code = 'script_digest'
    # Not SHA256.Create(): before .NET Framework 4.8 it throws where FIPS is enforced.
    $sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider
    $digest = [BitConverter]::ToString($sha.ComputeHash([Text.Encoding]::UTF8.GetBytes($text))).Replace('-', '')
    if ($digest -ne $request.script.sha256) { throw 'The text does not have the digest it was sent with.' }
    $code = 'script_failed'
    $call = @{ Parameters = $request.parameters; DeadlineSeconds = $request.deadline_seconds; Text = $text }
    $reply = @(& ([scriptblock]::Create($text)) $call)[-1]
} catch {
    $at = [string]$_.ScriptStackTrace
    $fault = @{ code = $code; message = [string]$_.Exception.Message; at = $at }
    $json = ConvertTo-Json -InputObject @{ contract = 1; ok = $false; error = $fault } -Compress -Depth 4
    $ascii = foreach ($c in $json.ToCharArray()) { if ([int]$c -lt 127) { $c } else { '\u{0:x4}' -f [int]$c } }
    $reply = -join $ascii
}
$frame = "<<<certify-automation $nonce $($reply.Length)>>>`n$reply`n<<<end $nonce>>>"
# The console's own output breaks long lines; its stream is out of reach of a constrained script.
if ($full) { [Console]::Out.WriteLine($frame) } else { $frame }
