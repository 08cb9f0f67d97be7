# Starting, stopping and configuring services and drivers: sc.exe asks, CIM says what became of it. No process is ended.

# Win32_Service or Win32_SystemDriver of that name; nothing when there is none.
function Get-NamedService {
    param([string]$Name)
    if ($Name -eq 'HTTP') { return (Get-DriverFacts) }
    $service = Get-ServiceInstance -Filter "Name='$($Name.Replace("'", "\'"))'"
    if ($null -ne $service) { Get-ServiceFacts -Service $service }
}

# Its state in Win32_Service's words; empty when there is no such service.
function Get-ServiceState {
    param([string]$Name)
    $service = Get-NamedService -Name $Name
    if ($null -eq $service) { '' } else { $service.state }
}

# 0 when the service does not run, or is not there.
function Get-ServiceProcessId {
    param([string]$Name)
    $service = Get-NamedService -Name $Name
    if ($null -eq $service) { 0 } else { $service.process_id }
}

function Get-StartMode {
    param([string]$Name)
    $service = Get-NamedService -Name $Name
    if ($null -eq $service) { return '' }
    $delayed = ($Name -ne 'HTTP') -and $service.delayed
    switch ($service.start_mode) {
        'Auto' { if ($delayed) { 'automatic-delayed' } else { 'automatic' } }
        'Manual' { 'manual' }
        'Disabled' { 'disabled' }
        'Boot' { 'boot' }
        'System' { 'system' }
    }
}

# Type and delay go together with sc.exe; Set-Service of 5.1 cannot set or clear the delay, that of 7 always writes it.
function Set-StartMode {
    param($Run, [string]$Name, [string]$Mode)
    if ((Get-StartMode -Name $Name) -eq $Mode) { return }
    $words = @{ automatic = 'auto'; 'automatic-delayed' = 'delayed-auto'; manual = 'demand' }
    $word = if ($words.ContainsKey($Mode)) { $words[$Mode] } else { $Mode }
    Invoke-ServiceConfiguration -Run $Run -Arguments 'config', $Name, 'start=', $word
    $now = Get-StartMode -Name $Name
    if ($now -ne $Mode) { Stop-Change -Code 'service_config' -Message "The start mode of $Name reads $now." }
}

function Invoke-ServiceConfiguration {
    param($Run, [string[]]$Arguments)
    Write-Intent -Run $Run
    $null = sc.exe @Arguments
    if ($LASTEXITCODE -ne 0) { Stop-Change -Code 'service_config' -Message "sc.exe $($Arguments -join ' '): $LASTEXITCODE" }
    $Run.Acted = $true
}

# Waits out a pending state of the named kind.
function Wait-Service {
    param($Run, [string]$Name, [string]$While, [int]$Seconds)
    $settled = { (Get-ServiceState -Name $Name) -ne $While }
    if (Wait-Condition -Condition $settled -Until (Get-WaitLimit -Run $Run -Seconds $Seconds)) { return }
    Assert-Deadline -Run $Run
    Stop-Change -Code 'service_pending' -Message "$Name stays in the state $While."
}

function Stop-ProductService {
    param($Run, [string]$Name)
    # One that is starting takes no stop; the computer itself may have just started.
    Wait-Service -Run $Run -Name $Name -While 'Start Pending' -Seconds 60
    $process = Get-ServiceProcessId -Name $Name
    Write-Intent -Run $Run
    $null = sc.exe stop $Name
    # 1062: not started; 1061: pending, which is waited out.
    if (0, 1061, 1062 -notcontains $LASTEXITCODE) {
        Stop-Change -Code 'service_stop' -Message "sc.exe stop ${Name}: $LASTEXITCODE"
    }
    if ($LASTEXITCODE -ne 1062) { $Run.Acted = $true }
    Wait-Service -Run $Run -Name $Name -While 'Stop Pending' -Seconds 60
    $state = Get-ServiceState -Name $Name
    if ($state -ne 'Stopped') { Stop-Change -Code 'service_stop' -Message "$Name is in the state $state." }
    # The process may hold its files and its port a little longer than the state says.
    $gone = { $process -notin @((Get-ProcessName -Ids $process).Keys) }
    if ($process -ne 0) { $null = Wait-Condition -Condition $gone -Until (Get-WaitLimit -Run $Run -Seconds 10) }
}

function Start-ProductService {
    param($Run, [string]$Name)
    $Run.LogLengths = Get-LogLength -Product $Run.Product
    Write-Intent -Run $Run
    $null = sc.exe start $Name
    # 1056: running already.
    if (0, 1056 -notcontains $LASTEXITCODE) {
        Stop-Change -Code 'service_start' -Message "sc.exe start ${Name}: $LASTEXITCODE"
    }
    if ($LASTEXITCODE -eq 0) { $Run.Acted = $true }
    Wait-Service -Run $Run -Name $Name -While 'Start Pending' -Seconds 60
    $service = Get-NamedService -Name $Name
    if ($null -eq $service) { Stop-Change -Code 'service_start' -Message "There is no service $Name." }
    if ($service.state -ne 'Running') {
        $codes = "$($service.exit_code)/$($service.service_exit_code)"
        Stop-Change -Code 'service_start' -Message "$Name is in the state $($service.state), exit codes $codes."
    }
}

function Restart-ProductService {
    param($Run, [string]$Name)
    if ('Stopped', '' -notcontains (Get-ServiceState -Name $Name)) { Stop-ProductService -Run $Run -Name $Name }
    Start-ProductService -Run $Run -Name $Name
}

function Start-HttpDriver {
    param($Run)
    if ((Get-DriverFacts).state -eq 'Running') { return }
    Write-Intent -Run $Run
    $null = sc.exe start HTTP
    if (0, 1056 -notcontains $LASTEXITCODE) { Stop-Change -Code 'driver_start' -Message "sc.exe start HTTP: $LASTEXITCODE" }
    $running = { (Get-DriverFacts).state -eq 'Running' }
    if (Wait-Condition -Condition $running -Until (Get-WaitLimit -Run $Run -Seconds 30)) { return }
    Assert-Deadline -Run $Run
    Stop-Change -Code 'driver_start' -Message "The HTTP driver is in the state $((Get-DriverFacts).state)."
}
