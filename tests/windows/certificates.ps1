# The part of check.ps1 about certificates: stores, bindings, and a task of SYSTEM that asks the product's API; check.ps1 reads it.

function Test-Store {
    Assert-Fact 'X509Store: My of LocalMachine is read, thumbprints in upper-case hex, dates as dates' {
        foreach ($one in @(Get-StoreCertificate -Store 'My')) {
            if (-not [regex]::IsMatch($one.Thumbprint, '\A[0-9A-F]{40}\z')) { return $one.Thumbprint }
            if (($one.NotAfter -isnot [DateTime]) -or ($one.HasPrivateKey -isnot [bool])) { return $one.Subject }
        }
        $true
    }
    Assert-Fact 'X509Store: a store that is not there is empty, and is not made' {
        $found = @(Get-StoreCertificate -Store 'certify-automation-none')
        ($found.Count -eq 0) -and -not (Test-Path -LiteralPath 'HKLM:\SOFTWARE\Microsoft\SystemCertificates\certify-automation-none')
    }
    Assert-Fact 'registry: records of certificates by name and of the central store are read, or there are none' {
        foreach ($table in 'SslSniBindingInfo', 'SslCcsBindingInfo') {
            foreach ($one in @(Get-CertificateBindingFacts -Table $table)) { if (-not $one.name.Contains(':')) { return $one.name } }
        }
        $true
    }
    Assert-Fact 'CIM: the process of a service has its start as a date' {
        $id = (Get-Row -ClassName 'Win32_Service' -Filter "Name='WinRM'").ProcessId
        $services = @([ordered]@{ process_id = $id })
        (Get-ServiceStartMs -Product @{ services = $services }) -is [long]
    }
}

# The first lines of the requests that another process makes of this one, which reads each one whole and closes then.
function Get-RequestLine {
    $listener = New-Object -TypeName Net.Sockets.TcpListener -ArgumentList ([Net.IPAddress]::Loopback), $SparePort
    $listener.Start()
    $job = Start-Job -ArgumentList $OnHost, $SparePort -ScriptBlock {
        param($OnHost, $Port)
        foreach ($file in 'Windows', 'Host') { . (Join-Path -Path $OnHost -ChildPath "$file.ps1") }
        $null = Invoke-LocalApi -Url "http://127.0.0.1:$Port/x" -Method 'POST' -Body '{}' -TimeoutSeconds 5
    }
    try {
        while (($job.State -eq 'NotStarted') -or ($job.State -eq 'Running') -or $listener.Pending()) {
            if (-not $listener.Pending()) {
                Start-Sleep -Milliseconds 50
                continue
            }
            $client = $listener.AcceptTcpClient()
            $reader = New-Object -TypeName IO.StreamReader -ArgumentList $client.GetStream()
            $text = ''
            while (-not $text.EndsWith('{}')) {
                $sign = $reader.Read()
                if ($sign -lt 0) { break }
                $text += [char]$sign
            }
            $text.Split("`r")[0]
            $client.Close()
        }
    } finally {
        $listener.Stop()
        Remove-Job -Job $job -Force
    }
}

function Test-LostAnswer {
    Assert-Fact 'a request that acts is sent once, also to a server that reads it and closes' {
        $lines = @(Get-RequestLine)
        if (($lines.Count -ne 1) -or ($lines[0] -ne 'POST /x HTTP/1.1')) { return "$($lines.Count) requests: $lines" }
        $true
    }
}

# A script of these functions whose task gives, as text, what the PowerShell text $Gives gives.
function Get-TaskText {
    param([string]$Gives)
    $text = Get-ScriptText -Names ($script:reading + $script:tasked + $script:asking + $script:renewing)
    "$text`nSet-StrictMode -Version 3.0`nSet-Surroundings`n`$call = `$args[0]`nComplete-SystemTask `$call { $Gives }`n"
}

# What such a task gives.
function Invoke-CheckTask {
    param([string]$Gives, [int]$Seconds = 90, $Request = [ordered]@{})
    $call = @{ Parameters = @{}; Text = Get-TaskText -Gives $Gives }
    Invoke-SystemTask -Call $call -Request $Request -Until ((Get-MonotonicMs) + 1000 * $Seconds)
}

# The folders of tasks.
function Get-TaskFolder {
    $parent = Join-FilePath -Folder (Get-AutomationFolder) -Name 'api'
    if ([IO.Directory]::Exists($parent)) { [IO.Directory]::GetDirectories($parent) }
}

# Whether neither a registration nor a folder of a task is there.
function Test-TaskGone {
    $folders = @(Get-TaskFolder)
    if ($folders.Count) { return $folders }
    # Where the scheduler keeps a file for each.
    $registered = "$env:SystemRoot\System32\Tasks"
    if (-not [IO.Directory]::Exists($registered)) { return $true }
    $tasks = @([IO.Directory]::GetFiles($registered, 'certify-automation-api-*'))
    if ($tasks.Count) { return $tasks }
    $true
}

function Test-OneShotTask {
    Assert-Fact 'task: its process is that of SYSTEM, and gets what it is asked' {
        $said = '''{"user":"'' + $env:USERNAME + ''","asked":"'' + $call.Parameters.word + ''"}'''
        $answer = ConvertFrom-Json -InputObject (Invoke-CheckTask -Gives $said -Request ([ordered]@{ word = 'hello' }))
        if ($answer.user -ne "$env:COMPUTERNAME`$") { return $answer.user }
        $answer.asked -eq 'hello'
    }
    Assert-Fact 'task: neither its registration nor its folder is left' { Test-TaskGone }
    Assert-Fact 'task: its registration is gone while it runs' {
        $told = 'try { $null = Invoke-TaskProgram -Verb ''/Query'' -RunId "api-$((Split-FilePath $Call.Folder).Name)" -Options ''/XML''; ''{"there":true}'' }'
        $answer = ConvertFrom-Json -InputObject (Invoke-CheckTask -Gives "$told catch { '{`"there`":false}' }")
        -not $answer.there
    }
    Assert-Fact 'task: an answer of three million characters arrives whole' {
        (Invoke-CheckTask -Gives '''{"long":"'' + (''x'' * 3000000) + ''"}''').Length -eq 3000011
    }
    Assert-Fact 'task: the lock and the files of its visit are seen from another process' {
        $answer = Invoke-CheckTask -Gives 'Assert-Visit $Call; ''{"seen":true}'''
        (ConvertFrom-Json -InputObject $answer).seen
    }
    Assert-Fact 'task: what it throws is what its visit fails with, and nothing is left' {
        try { $null = Invoke-CheckTask -Gives 'throw ''no luck''' } catch { $said = $_.Exception.Message }
        if (-not $said.Contains('no luck')) { return $said }
        Test-TaskGone
    }
    Assert-Fact 'task: one that gives no answer in time is given up, and goes' {
        try { $null = Invoke-CheckTask -Gives 'Start-Sleep -Milliseconds 12000; ''{}''' -Seconds 8 } catch { $said = $_.Exception.Message }
        if (-not "$said".Contains('no answer in time')) { return $said }
        # Its process has a file of its folder open until it ends.
        $left = { @(Get-TaskFolder | Where-Object { Test-FileHeld -Path (Join-FilePath -Folder $_ -Name 'process') }).Count -eq 0 }
        if (-not (Wait-Condition -Condition $left -Until ((Get-MonotonicMs) + 30000))) { return 'its process goes on' }
        foreach ($folder in @(Get-TaskFolder)) { Remove-SystemTask -Folder $folder }
        Test-TaskGone
    }
}

# Inventory as a visit runs it, its API asked by a task; only where the product is installed and runs.
function Test-ProductTask {
    $services = @(Get-ProductService | Where-Object { $_.state -eq 'Running' })
    if ($services.Count -ne 1) { return 'skip  task: no product is installed and running here' }
    Assert-Fact 'task: SYSTEM may ask the API of the product that runs here' {
        $text = Get-ScriptText -Names ($script:reading + 'Records' + $script:tasked + $script:asking + 'Inventory')
        $observe = [ordered]@{ endpoint = [ordered]@{ host = '127.0.0.2'; port = 9696; https = $false }; ports = @(9696); run = $null }
        $access = [ordered]@{ access = 'task'; tls = $true }
        $reply = Invoke-CheckGuard -Text $text -Parameters ([ordered]@{ observe = $observe; certificates = $access })
        if (-not $reply.ok) { return $reply.error.message }
        $failure = $reply.value.certificates.failure
        if ($failure) { return "$($failure.code) $($failure.request) $($failure.message)" }
        $reply.value.certificates.total -ge 0
    }
}
