# Whether the service came up, and where.

# scheme://host:port in lower case, without path and without the address http.sys may append; other text as it is.
function ConvertTo-EndpointUrl {
    param([string]$Url)
    $pattern = '^(https?://(?:\[[^\]/]+\]|[^:/\[\]]+):\d+)(?::[^/]+)?/?$'
    $match = [regex]::Match($Url.Trim(), $pattern, 'IgnoreCase, CultureInvariant')
    if ($match.Success) { $match.Groups[1].Value.ToLowerInvariant() } else { $Url.Trim() }
}

# The last start's word on where v7 listens: everything after the last start marker.
function Get-StartedUrl {
    param([string[]]$Lines)
    $urls = @()
    foreach ($line in $Lines) {
        if ($line.Contains('Service Startup')) { $urls = @() }
        $match = [regex]::Match($line, 'Core service started (.*)$')
        if ($match.Success) { $urls = @($match.Groups[1].Value.Split(';') | Where-Object { $_.Trim() -ne '' }) }
    }
    $urls
}

# The last start's word on where v6 listens; a later failure takes it back.
function Get-BoundUrl {
    param([string[]]$Lines)
    $url = $null
    foreach ($line in $Lines) {
        if ($line.Contains('Service failed to listen on ')) { $url = $null }
        $match = [regex]::Match($line, 'Service API bound OK to (\S+)')
        if ($match.Success) { $url = $match.Groups[1].Value }
    }
    if ($null -ne $url) { $url }
}

# URLs of http.sys whose request queue belongs to the process.
function Get-ProcessUrl {
    param([long]$ProcessId)
    foreach ($owner in @(Get-UrlOwnerFacts)) {
        if (($ProcessId -ne 0) -and ($owner.process_ids -contains $ProcessId)) { ConvertTo-EndpointUrl -Url $owner.url }
    }
}

function Read-StartupLog {
    param($Product)
    if (-not $Product.data_dir) { return }
    $name = if ($Product.generation -eq 'v7') { 'service_startup.log' } else { 'service.exceptions.log' }
    $path = Join-FilePath -Folder $Product.data_dir -Name 'logs', $name
    if ([IO.File]::Exists($path)) { Read-LastLine -Path $path -Limit 65536 }
}

# Evidence of one moment: the API's status, whether the answer is the service's own, and the URLs it is known to have.
function Get-Health {
    param($Health, $Product)
    $process = Get-ServiceProcessId -Name $Health.service
    $answer = Invoke-LocalApi -Method 'GET' -Url "$($Health.url)/api/system/appversion" -Body '' -TimeoutSeconds 5
    $lines = @(Read-StartupLog -Product $Product)
    $urls = @(if ($Health.generation -eq 'v7') { Get-StartedUrl -Lines $lines } else { Get-BoundUrl -Lines $lines })
    $effective = @($urls | ForEach-Object { ConvertTo-EndpointUrl -Url $_ })
    if ($Health.generation -eq 'v7') { $owned = Test-SocketOwner -Url $Health.url -ProcessId $process }
    else {
        $registered = @(Get-ProcessUrl -ProcessId $process)
        $owned = $registered -contains (ConvertTo-EndpointUrl -Url $Health.url)
        $effective += $registered
    }
    $negotiate = @(Get-AuthenticationScheme -Headers $answer.Authenticate) -contains 'Negotiate'
    @{
        Status = $answer.Status
        Answers = (($answer.Status -eq 200) -and (Test-VersionText -Text $answer.Body)) -or
            (($answer.Status -eq 401) -and $negotiate -and $owned) -or ($answer.Untrusted -and $owned)
        Effective = @(Get-OrdinalOrder -Names @($effective | Select-Object -Unique))
        Error = $answer.Error
    }
}

# A version number and nothing else, quoted or not: another program may answer 200 on the service's port.
function Test-VersionText {
    param([string]$Text)
    $Text -match '^\s*"?[0-9]+(\.[0-9]+)+"?\s*$'
}

function Test-SocketOwner {
    param([string]$Url, [long]$ProcessId)
    $port = [int][regex]::Match($Url, ':(\d+)/?$').Groups[1].Value
    @(Get-SocketFacts -Ports $port | Where-Object { $_.process_id -eq $ProcessId }).Count -gt 0
}

# Waits until the API answers at the declared address and nothing says that it listens elsewhere.
# A log may be written after the first answer, so a contradiction has ten seconds to go away.
function Wait-Health {
    param($Run, $Health, $Product)
    $started = Get-MonotonicMs
    $until = Get-WaitLimit -Run $Run -Seconds $Health.wait_seconds
    $wanted = ConvertTo-EndpointUrl -Url $Health.url
    $answered = $null
    while ($true) {
        try { $seen = Get-Health -Health $Health -Product $Product }
        catch { $seen = @{ Status = $null; Answers = $false; Effective = @(); Error = $_.Exception.GetBaseException().Message } }
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
    [ordered]@{ code = $code; message = $message; step = $null }
}
