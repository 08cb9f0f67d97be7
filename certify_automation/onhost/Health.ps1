# Whether the service came up, and where.

# The last start's word in a log on where the product listens: v7 says it after a start marker; v6, where a later failure
# takes it back, has one URL only.
function Get-LoggedUrl([string[]]$Lines, [string]$Generation) {
    $reset, $said = 'Service failed to listen on ', 'Service API bound OK to (\S+)'
    if ($Generation -eq 'v7') { $reset, $said = 'Service Startup', 'Core service started (.*)$' }
    $urls = @()
    foreach ($line in $Lines) {
        if ($line.Contains($reset)) { $urls = @() }
        $match = [regex]::Match($line, $said)
        if ($match.Success) { $urls = @($match.Groups[1].Value.Split(';') | Where-Object { $_.Trim() }) }
    }
    $urls
}

# URLs of http.sys whose request queue belongs to the process.
function Get-ProcessUrl([long]$ProcessId) {
    foreach ($owner in @(Get-UrlOwnerFacts)) {
        if (($ProcessId -ne 0) -and ($owner.process_ids -contains $ProcessId)) { ConvertTo-EndpointUrl $owner.url }
    }
}

function Read-StartupLog($Product) {
    if (-not $Product.data_dir) { return }
    $name = if ($Product.generation -eq 'v7') { 'service_startup.log' } else { 'service.exceptions.log' }
    $path = Join-FilePath $Product.data_dir 'logs', $name
    if ([IO.File]::Exists($path)) { Read-LastLine $path 65536 }
}

# Evidence of one moment: the API's status, whether the answer is the service's own, and the URLs it is known to have.
function Get-Health($Health, $Product) {
    $process = Get-ServiceProcessId $Health.service
    $answer = Invoke-LocalApi "$($Health.url)/api/system/appversion"
    $urls = @(Get-LoggedUrl @(Read-StartupLog $Product) $Health.generation)
    $effective = @($urls | ForEach-Object { ConvertTo-EndpointUrl $_ })
    if ($Health.generation -eq 'v7') { $owned = Test-SocketOwner $Health.url $process }
    else {
        $registered = @(Get-ProcessUrl $process)
        $owned = $registered -contains (ConvertTo-EndpointUrl $Health.url)
        $effective += $registered
    }
    $negotiate = @(Get-AuthenticationScheme $answer.Authenticate) -contains 'Negotiate'
    @{
        Status = $answer.Status
        Answers = (($answer.Status -eq 200) -and (Test-VersionText $answer.Body)) -or
            (($answer.Status -eq 401) -and $negotiate -and $owned) -or ($answer.Untrusted -and $owned)
        Effective = @(Get-OrdinalOrder @($effective | Select-Object -Unique))
        Error = $answer.Error
    }
}

# A version number and nothing else, quoted or not: another program may answer 200 on the service's port.
function Test-VersionText([string]$Text) {
    $Text -match '^\s*"?[0-9]+(\.[0-9]+)+"?\s*$'
}

function Test-SocketOwner([string]$Url, [long]$ProcessId) {
    $port = [int][regex]::Match($Url, ':(\d+)/?$').Groups[1].Value
    @(Get-SocketFacts $port | Where-Object { $_.process_id -eq $ProcessId }).Count -gt 0
}

# Waits until the API answers at the declared address and nothing says that it listens elsewhere.
# A log may be written after the first answer, so a contradiction has ten seconds to go away.
function Wait-Health($Run, $Health, $Product) {
    $started = Get-MonotonicMs
    $until = Get-WaitLimit $Run $Health.wait_seconds
    $wanted = ConvertTo-EndpointUrl $Health.url
    $answered = $null
    while ($true) {
        try { $seen = Get-Health $Health $Product }
        catch { $seen = @{ Status = $null; Answers = $false; Effective = @(); Error = Get-ErrorText $_ } }
        $now = Get-MonotonicMs
        $same = ($seen.Effective -join ' ') -ceq $wanted
        if ($seen.Answers -and ($null -eq $answered)) { $answered = $now }
        $settled = ($null -ne $answered) -and ($now -ge $answered + 10000)
        if (($seen.Answers -and $same) -or $settled -or ($now -ge $until)) { break }
        Start-Sleep -Milliseconds 2000
    }
    $Run.Health = [ordered]@{
        url = $Health.url; healthy = $seen.Answers -and $same; status = $seen.Status
        effective = $seen.Effective; waited_ms = $now - $started
    }
    if ($Run.Health.healthy) { return }
    $where = $seen.Effective -join ', '
    if ($seen.Effective.Count -and -not $same) { $code = 'endpoint_differs' } else { $code = 'health_timeout' }
    if (($code -eq 'health_timeout') -and ($now -ge $Run.Until)) { $code = 'deadline' }
    $message = "$($Health.url): status '$($seen.Status)', listening at '$where' $($seen.Error)"
    New-Failure $code $message
}
