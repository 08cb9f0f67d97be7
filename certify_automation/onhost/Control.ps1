# Starting, stopping and configuring services and drivers: sc.exe asks, CIM says what became of it. No process is ended.

# Win32_Service or Win32_SystemDriver of that name; nothing when there is none.
function Get-NamedService([string]$Name) {
    if ($Name -eq 'HTTP') { return (Get-DriverFacts) }
    $quoted = $Name.Replace("'", "\'")
    $service = Get-ServiceInstance "Name='$quoted'"
    if ($service) { Get-ServiceFacts $service }
}

# Its state in Win32_Service's words; empty when there is no such service.
function Get-ServiceState([string]$Name) {
    $service = Get-NamedService $Name
    if ($service) { $service.state } else { '' }
}

# 0 when the service does not run, or is not there.
function Get-ServiceProcessId([string]$Name) {
    $service = Get-NamedService $Name
    if ($service) { $service.process_id } else { 0 }
}

function Get-StartMode([string]$Name) {
    $service = Get-NamedService $Name
    if (-not $service) { return '' }
    if ($service.start_mode -ne 'Auto') { return "$($service.start_mode)".ToLowerInvariant() }
    if (($Name -ne 'HTTP') -and $service.delayed) { 'automatic-delayed' } else { 'automatic' }
}

# Type and delay go together with sc.exe; Set-Service of 5.1 cannot set or clear the delay, that of 7 always writes it.
function Set-StartMode($Run, [string]$Name, [string]$Mode) {
    if ((Get-StartMode $Name) -eq $Mode) { return }
    $words = @{ automatic = 'auto'; 'automatic-delayed' = 'delayed-auto'; manual = 'demand' }
    $word = if ($words.ContainsKey($Mode)) { $words[$Mode] } else { $Mode }
    Invoke-ServiceConfiguration $Run 'config', $Name, 'start=', $word
    $now = Get-StartMode $Name
    if ($now -ne $Mode) { Stop-Change 'service_config' "The start mode of $Name reads $now." }
}

function Invoke-ServiceConfiguration($Run, [string[]]$Arguments) {
    Write-Intent $Run
    $null = sc.exe @Arguments
    if ($LASTEXITCODE -ne 0) { Stop-Change 'service_config' "sc.exe $($Arguments -join ' '): $LASTEXITCODE" }
    $Run.Acted = $true
}

# Waits out a pending state of the named kind.
function Wait-Service($Run, [string]$Name, [string]$While) {
    $settled = { (Get-ServiceState $Name) -ne $While }
    if (Wait-Condition $settled (Get-WaitLimit $Run 60)) { return }
    Assert-Deadline $Run
    Stop-Change 'service_pending' "$Name stays in the state $While."
}

# The exit code of sc.exe, one of those that are fine. When the computer has just started, the manager may be busy (1055),
# and is asked again; or it may not hear of the service in time (1053), and is asked once more only: every start of the
# product costs a backup of its data.
function Invoke-ServiceControl($Run, [string]$Verb, [string]$Name, [int[]]$Fine) {
    Write-Intent $Run
    $until = Get-WaitLimit $Run 60
    $late = 0
    while ($true) {
        $null = sc.exe $Verb $Name
        $code = $LASTEXITCODE
        if ($code -eq 1053) { $late++ }
        if ((1053, 1055 -notcontains $code) -or ($late -eq 2) -or ((Get-MonotonicMs) -ge $until)) { break }
        Start-Sleep -Milliseconds 500
    }
    if ($Fine -contains $code) { return $code }
    $what = if ($Name -eq 'HTTP') { 'driver' } else { 'service' }
    Stop-Change "${what}_$Verb" "sc.exe $Verb ${Name}: $code"
}

function Stop-ProductService($Run, [string]$Name) {
    # One that is starting takes no stop; the computer itself may have just started.
    Wait-Service -Run $Run -Name $Name -While 'Start Pending'
    $process = Get-ServiceProcessId $Name
    # 1062: not started; 1061: pending, which is waited out.
    $code = Invoke-ServiceControl -Run $Run -Verb 'stop' -Name $Name -Fine 0, 1061, 1062
    if ($code -ne 1062) { $Run.Acted = $true }
    Wait-Service -Run $Run -Name $Name -While 'Stop Pending'
    $state = Get-ServiceState $Name
    if ($state -ne 'Stopped') { Stop-Change 'service_stop' "$Name is in the state $state." }
    # The process may hold its files and its port a little longer than the state says.
    $gone = { $process -notin @((Get-ProcessName $process).Keys) }
    if ($process -ne 0) { $null = Wait-Condition $gone (Get-WaitLimit $Run 10) }
}

function Start-ProductService($Run, [string]$Name) {
    # One that is stopping takes no start.
    Wait-Service -Run $Run -Name $Name -While 'Stop Pending'
    $Run.LogLengths = Get-LogLength $Run.Product
    # 1056: running already.
    $code = Invoke-ServiceControl -Run $Run -Verb 'start' -Name $Name -Fine 0, 1056
    if ($code -eq 0) { $Run.Acted = $true }
    Wait-Service -Run $Run -Name $Name -While 'Start Pending'
    $service = Get-NamedService $Name
    if (-not $service) { Stop-Change 'service_start' "There is no service $Name." }
    if ($service.state -ne 'Running') {
        $codes = "$($service.exit_code)/$($service.service_exit_code)"
        Stop-Change 'service_start' "$Name is in the state $($service.state), exit codes $codes."
    }
}

function Stop-RunningService($Run, [string]$Name) {
    if ('Stopped', '' -notcontains (Get-ServiceState $Name)) { Stop-ProductService $Run $Name }
}

function Restart-ProductService($Run, [string]$Name) {
    Stop-RunningService $Run $Name
    Start-ProductService $Run $Name
}

function Start-HttpDriver($Run) {
    if ((Get-DriverFacts).state -eq 'Running') { return }
    $null = Invoke-ServiceControl -Run $Run -Verb 'start' -Name 'HTTP' -Fine 0, 1056
    $running = { (Get-DriverFacts).state -eq 'Running' }
    if (Wait-Condition $running (Get-WaitLimit $Run 30)) { return }
    Assert-Deadline $Run
    Stop-Change 'driver_start' "The HTTP driver is in the state $((Get-DriverFacts).state)."
}
