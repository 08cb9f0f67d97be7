# What the product's API answers, whole and as an object, or why it does not. Nothing here is asked twice.

# Any route, for as long as an answer may take; Error is set when no whole answer came. What commands are passed may be
# logged: keys and scripts, which nobody here needs, are taken out of the answer before any command sees it.
function Invoke-ProductApi([string]$Url, [string]$Path, [string]$Method = 'GET', [string]$Body, [int]$TimeoutSeconds = 60) {
    $call = @{ Url = "$Url/api/$Path"; Method = $Method; Body = $Body; TimeoutSeconds = $TimeoutSeconds }
    $answer = Invoke-LocalApi @call -Limit 67108864
    if (-not $answer.Status) { return @{ Status = $null; Body = $null; ContentType = ''; Error = $answer.Error } }
    if (-not $answer.Whole -and -not $answer.Error) { $answer.Error = 'The answer does not end.' }
    $names = 'customPrivateKey|webhookContentBody|p(?:re|ost)RequestPowerShellScript'
    $value = '"[^"\\]*(?:\\.[^"\\]*)*"'
    $body = [regex]::Replace([string]$answer.Body, '("(?:' + $names + ')"\s*:\s*)' + $value, '$1null', 'IgnoreCase, CultureInvariant')
    @{ Status = $answer.Status; Body = $body; ContentType = [string]$answer.Type; Error = $answer.Error }
}

# Ends what is asked with a failure of docs/contract.md.
function Stop-Api([string]$Code, [string]$Message, [string]$Request, $Status) {
    $exception = [InvalidOperationException]::new($Message)
    $exception.Data['failure'] = [ordered]@{ code = $Code; message = $Message; request = $Request; status = $Status }
    throw $exception
}

# The failure that an error carries; one that carries none was met on the way through an answer.
function Get-ApiFailure($ErrorRecord) {
    $failure = $ErrorRecord.Exception.Data['failure']
    if ($failure) { return $failure }
    [ordered]@{ code = 'answer'; message = Get-ErrorText $ErrorRecord; request = ''; status = $null }
}

# What may be shown of an answer: an error's text goes on with a stack trace on lines of its own.
function Get-AnswerExcerpt($Answer) {
    try {
        $said = (ConvertFrom-Json -InputObject $Answer.Body).message
        if ($said -is [string]) {
            $line = $said.Split([char[]]"`r`n")[0]
            if ($line.Trim() -ne '') { return (Limit-Text $line 200) }
        }
    } catch { $null = $_ }
    $Answer.ContentType
}

# The beginning of a text, without the first half of a character of two.
function Limit-Text([string]$Text, [int]$Length) {
    if ($Text.Length -le $Length) { return $Text }
    if ([char]::IsHighSurrogate($Text[$Length - 1])) { $Length-- }
    $Text.Substring(0, $Length)
}

# An answer with status 200, before that time of Get-MonotonicMs.
function Get-ApiAnswer([string]$Url, [string]$Path, [string]$Method = 'GET', [string]$Body, [long]$Until) {
    $request = "$Method /api/$Path"
    $seconds = [int][Math]::Min(60, ($Until - (Get-MonotonicMs)) / 1000)
    if ($seconds -lt 1) { Stop-Api 'unreachable' 'The deadline has passed.' $request }
    $answer = Invoke-ProductApi -Url $Url -Path $Path -Method $Method -Body $Body -TimeoutSeconds $seconds
    $answer.Request = $request
    if ($answer.Error) { Stop-Api -Code 'unreachable' -Message $answer.Error -Request $request -Status $answer.Status }
    if ($answer.Status -eq 200) { return $answer }
    $code = if (401, 403 -contains $answer.Status) { 'refused' } else { 'status' }
    Stop-Api -Code $code -Message (Get-AnswerExcerpt $answer) -Request $request -Status $answer.Status
}

# The object in an answer. PowerShell 7 would make dates of texts that look like one, and 5.1 would not: a blank before
# them keeps them texts in both.
function ConvertFrom-ApiAnswer($Answer) {
    try {
        $text = [regex]::Replace($Answer.Body, '(?<=[^\\]")(?=\d{4}-\d\d-\d\dT)', ' ')
        # PowerShell 7 gives a list of one object as that object.
        if ([regex]::IsMatch($text, '^\s*\{')) { return (ConvertFrom-Json -InputObject $text) }
    } catch { $null = $_ }
    Stop-Api -Code 'answer' -Message (Get-AnswerExcerpt $Answer) -Request $Answer.Request -Status $Answer.Status
}

function Read-ProductApi([string]$Url, [string]$Path, [string]$Method = 'GET', [string]$Body, [long]$Until) {
    ConvertFrom-ApiAnswer (Get-ApiAnswer -Url $Url -Path $Path -Method $Method -Body $Body -Until $Until)
}
