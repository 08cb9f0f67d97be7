# One plan on this computer: lock, recover, refuse or act, undo on failure, record.

# Writes a text if that is possible: a full disk must not hide what else has happened.
function Save-Text {
    param([string]$Path, [string]$Text)
    try { Write-NewFile -Path $Path -Bytes ([Text.Encoding]::UTF8.GetBytes($Text)) } catch { $null = $_ }
}

# The same for a file that must be there whole or not at all.
function Save-NewText {
    param([string]$Path, [string]$Text)
    try {
        Write-NewFile -Path "$Path.new" -Bytes ([Text.Encoding]::UTF8.GetBytes($Text))
        Rename-NewFile -New "$Path.new" -Path $Path
    } catch { $null = $_ }
}

# A file, open for nobody else as long as this process keeps it or lives; nothing when another one has it. A visit that
# only looks has it open for a moment.
function Open-HeldFile {
    param([string]$Path)
    for ($try = 1; $try -le 5; $try++) {
        try { return [IO.File]::Open($Path, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::ReadWrite, [IO.FileShare]::None) }
        catch [IO.IOException] { Start-Sleep -Milliseconds 300 }
    }
}

# The open lock file, or nothing.
function Enter-Lock {
    param([string]$Folder, [string]$RunId)
    $file = Open-HeldFile -Path (Join-FilePath -Folder $Folder -Name 'lock')
    if ($null -eq $file) { return }
    Save-Text -Path (Join-FilePath -Folder $Folder -Name 'lock-holder') -Text "$RunId $env:USERDOMAIN\$env:USERNAME"
    $file
}

function Exit-Lock {
    param($File, [string]$Folder)
    # Without the lock its text means nothing, so a text that cannot be removed does not matter.
    try { Remove-OldFile -Path (Join-FilePath -Folder $Folder -Name 'lock-holder') } catch { $null = $_ }
    $File.Dispose()
}

# The facts are left out (null) when they cannot be read: what was done must be said all the same.
function Add-Facts {
    param([string]$Outcome, $Observe, $Lock)
    try { $facts = ConvertTo-AsciiJson -Value (Get-Facts -Request $Observe -Lock $Lock) } catch { $facts = 'null' }
    $Outcome.Substring(0, $Outcome.Length - 1) + ',"facts":' + $facts + '}'
}

# What $Act gives as outcome while nobody else may act, with facts; a refusal when somebody else does. $Act finds the run
# in $Run.
function Invoke-Locked {
    param($Run, $Observe, [scriptblock]$Act)
    $folder = Get-AutomationFolder
    $Run.Refusal = Get-FolderRefusal -Folder $folder
    $lock = $null
    if ($null -eq $Run.Refusal) {
        $lock = Enter-Lock -Folder $folder -RunId $Run.Id
        if ($null -eq $lock) { $Run.Refusal = Get-Refusal -Code 'locked' -Message ([string](Get-LockHolder -Folder $folder)) }
    }
    if ($null -eq $lock) {
        Write-RunEvent -Run $Run
        return (Add-Facts -Outcome (ConvertTo-Outcome -Run $Run -Repeated $false) -Observe $Observe -Lock (Get-LockFacts))
    }
    try { Add-Facts -Outcome (& $Act) -Observe $Observe -Lock ([ordered]@{ held = $false; holder = $null }) }
    finally { Exit-Lock -File $lock -Folder $folder }
}

# Why the plan must not be acted on now; nothing when it may.
function Get-ActRefusal {
    param($Plan, $Product)
    $stale = Get-StaleRefusal -Expects @($Plan.expects) -Managed @(Get-ManagedNow)
    if ($null -ne $stale) { return $stale }
    Get-PortRefusal -Check $Plan.port_check -Generation $Product.generation
}

# What the journal needs before the first change; why there will be none, or nothing. A run that was never begun is none.
function Start-Run {
    param($Run, $Call)
    try {
        Open-Journal -Run $Run
        if ($null -ne $Run.Plan.confirm_seconds) { $refusal = Start-DeadManTimer -Run $Run -Call $Call } else { return }
    } catch { $refusal = Get-Refusal -Code (Get-FailureCode -ErrorRecord $_ -Otherwise 'journal') -Message $_.Exception.GetBaseException().Message }
    if ($null -eq $refusal) { return }
    try { Remove-OldFile -Path $Run.Journal } catch { $null = $_ }
    $refusal
}

# Acts and waits for health; the failure, or nothing.
function Invoke-Acts {
    param($Run)
    $failure = Invoke-AllChanges -Run $Run
    if ($null -ne $failure) { return $failure }
    $events = @(if ($null -ne $Run.Plan.health) { 'healthy' }) + @(if ($null -ne $Run.Plan.confirm_seconds) { 'awaiting' })
    Confirm-Health -Run $Run -Health $Run.Plan.health -Events $events
}

# Waits for health if it is asked for, and writes down how far the run has come; the failure, or nothing.
function Confirm-Health {
    param($Run, $Health, [string[]]$Events)
    try {
        $failure = if ($null -ne $Health) { Wait-Health -Run $Run -Health $Health -Product $Run.Product }
        if ($null -ne $failure) { return $failure }
        foreach ($name in $Events) { Add-JournalLine -Run $Run -Line @{ event = $name } }
    } catch { [ordered]@{ code = Get-FailureCode -ErrorRecord $_ -Otherwise 'journal'; message = $_.Exception.GetBaseException().Message; step = $null } }
}

# The recorded outcome of a run that has acted before; with the runs that this visit has brought to their end.
function Get-RecordedOutcome {
    param($Run)
    $path = Join-FilePath -Folder $Run.Folder -Name 'outcome.json'
    $text = if ([IO.File]::Exists($path)) { Read-FileText -Path $path } else { $Run.Recorded }
    if ($null -eq $text) { return }
    if ($Run.Recovered.Count -eq 0) { return $text }
    $text.Substring(0, $text.IndexOf(',"recovered":')) + ',"recovered":' + (ConvertTo-AsciiJson -Value $Run.Recovered) + '}'
}

# The outcome of a plan under the lock. A run id that has acted here never acts again.
function Invoke-LockedPlan {
    param($Run, $Call)
    $Run.Refusal = Resume-AllRuns -Run $Run
    if ($null -eq $Run.Refusal) {
        $recorded = Get-RecordedOutcome -Run $Run
        if ($null -ne $recorded) { return $recorded }
        $Run.Product = Get-ProductFacts
        $Run.Refusal = Get-ActRefusal -Plan $Run.Plan -Product $Run.Product
    }
    if (($null -eq $Run.Refusal) -and $Run.Steps.Count) { $Run.Refusal = Start-Run -Run $Run -Call $Call }
    if ($null -ne $Run.Refusal) {
        Write-RunEvent -Run $Run
        return (ConvertTo-Outcome -Run $Run -Repeated $false)
    }
    $failure = Invoke-Acts -Run $Run
    if ($null -ne $failure) { Undo-Run -Found $Run -Failure $failure }
    elseif ($null -eq $Run.Plan.confirm_seconds) { Close-Run -Run $Run -Result 'applied' }
    else {
        $Run.Result = 'awaiting'
        Write-RunEvent -Run $Run
        ConvertTo-Outcome -Run $Run -Repeated $false
    }
    if ($Run.Journal -ne '') { Remove-OldRun }
}

function Invoke-Plan {
    param($Call)
    $plan = $Call.Parameters.plan
    $run = New-Run -Folder (Join-FilePath -Folder (Get-AutomationFolder) -Name 'runs', $plan.run_id)
    $run.Plan = $plan
    $run.Steps = @(New-Step -Plan $plan)
    $run.Until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    Invoke-Locked -Run $run -Observe $plan.observe -Act { Invoke-LockedPlan -Run $Run -Call $Call }
}
