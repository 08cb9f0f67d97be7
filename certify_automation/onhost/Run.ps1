# One plan on this computer: lock, refuse or act, undo on failure, record.

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

# The open lock file, or nothing when another process has it. A visit that only looks has it open for a moment.
function Enter-Lock {
    param([string]$Folder, [string]$RunId)
    $path = Join-FilePath -Folder $Folder -Name 'lock'
    for ($try = 1; $try -le 5; $try++) {
        try {
            $file = [IO.File]::Open($path, [IO.FileMode]::OpenOrCreate, [IO.FileAccess]::ReadWrite, [IO.FileShare]::None)
            break
        } catch [IO.IOException] { $file = $null }
        Start-Sleep -Milliseconds 300
    }
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

function New-Run {
    param($Plan, [int]$DeadlineSeconds, [string]$Folder)
    $steps = @(for ($i = 0; $i -lt $Plan.changes.Count; $i++) {
        [ordered]@{ index = $i; kind = $Plan.changes[$i].kind; status = 'not_run'; code = $null; message = $null }
    })
    @{
        Until = (Get-MonotonicMs) + 1000 * $DeadlineSeconds
        Folder = Join-FilePath -Folder $Folder -Name 'runs', $Plan.run_id
        Steps = $steps; Refusal = $null; Failure = $null; Health = $null; Result = 'refused'
        Product = $null; LogLengths = @{}
        # Of the change in hand; of the one that failed; the steps that acted on nothing.
        Acted = $false; Partial = $false; Untouched = @()
        # Where to write; the index of the change whose beginning is still to be written.
        Journal = ''; Intent = -1
    }
}

# The outcome as JSON, without facts.
function ConvertTo-Outcome {
    param($Run, [string]$RunId, [bool]$Repeated)
    ConvertTo-AsciiJson -Value ([ordered]@{
        contract = 1; run_id = $RunId; result = $Run.Result; refusal = $Run.Refusal; steps = $Run.Steps
        failure = $Run.Failure; health = $Run.Health; repeated = $Repeated
    })
}

# The facts are left out (null) when they cannot be read: what was done must be said all the same.
function Add-Facts {
    param([string]$Outcome, $Observe, $Lock)
    try { $facts = ConvertTo-AsciiJson -Value (Get-Facts -Request $Observe -Lock $Lock) } catch { $facts = 'null' }
    $Outcome.Substring(0, $Outcome.Length - 1) + ',"facts":' + $facts + '}'
}

function Get-ManagedNow {
    $product = Get-ProductFacts
    $read = @{
        Product = $product; Driver = Get-DriverFacts; Files = Get-ConfigFileFacts -Product $product
        ListenList = Get-ListenListFacts; Reservations = @(Get-ReservationFacts)
    }
    Get-ManagedValue @read
}

function Get-ActRefusal {
    param($Plan, $Product)
    $stale = Get-StaleRefusal -Expects @($Plan.expects) -Managed @(Get-ManagedNow)
    if ($null -ne $stale) { return $stale }
    Get-PortRefusal -Check $Plan.port_check -Generation $Product.generation
}

# Acts, waits for health, and undoes on failure. An undo has its own two minutes: it must not be cut short.
function Invoke-Acts {
    param($Run, $Plan, $Product)
    $changes = @($Plan.changes)
    $Run.Failure = Invoke-AllChanges -Run $Run -Changes $changes
    if (($null -eq $Run.Failure) -and ($null -ne $Plan.health)) {
        $Run.Failure = Wait-Health -Run $Run -Health $Plan.health -Product $Product
    }
    $Run.Result = 'applied'
    if ($null -eq $Run.Failure) { return }
    $Run.Until = (Get-MonotonicMs) + 120000
    $Run.Result = if (Undo-AllChanges -Run $Run -Changes $changes) { 'rolled_back' } else { 'rollback_failed' }
}

# The outcome of a plan under the lock. A run id that has acted here never acts again.
function Invoke-LockedPlan {
    param($Run, $Plan)
    $record = Join-FilePath -Folder $Run.Folder -Name 'outcome.json'
    if ([IO.File]::Exists($record)) {
        return [Text.Encoding]::UTF8.GetString((Read-FileTail -Path $record -Limit ([int]::MaxValue)).Bytes)
    }
    $product = $Run.Product = Get-ProductFacts
    $Run.Refusal = Get-ActRefusal -Plan $Plan -Product $product
    if ($null -ne $Run.Refusal) { return (ConvertTo-Outcome -Run $Run -RunId $Plan.run_id -Repeated $false) }
    [void][IO.Directory]::CreateDirectory($Run.Folder)
    Invoke-Acts -Run $Run -Plan $Plan -Product $product
    Save-NewText -Path $record -Text (ConvertTo-Outcome -Run $Run -RunId $Plan.run_id -Repeated $true)
    ConvertTo-Outcome -Run $Run -RunId $Plan.run_id -Repeated $false
}

function Invoke-Plan {
    param($Plan, [int]$DeadlineSeconds)
    $folder = Get-AutomationFolder
    $run = New-Run -Plan $Plan -DeadlineSeconds $DeadlineSeconds -Folder $folder
    $free = [ordered]@{ held = $false; holder = $null }
    $run.Refusal = Get-FolderRefusal -Folder $folder
    $lock = $null
    if ($null -eq $run.Refusal) {
        $lock = Enter-Lock -Folder $folder -RunId $Plan.run_id
        if ($null -eq $lock) { $run.Refusal = Get-Refusal -Code 'locked' -Message ([string](Get-LockHolder -Folder $folder)) }
    }
    if ($null -ne $run.Refusal) {
        $outcome = ConvertTo-Outcome -Run $run -RunId $Plan.run_id -Repeated $false
        return (Add-Facts -Outcome $outcome -Observe $Plan.observe -Lock (Get-LockFacts))
    }
    try {
        $outcome = Invoke-LockedPlan -Run $run -Plan $Plan
        Add-Facts -Outcome $outcome -Observe $Plan.observe -Lock $free
    } finally { Exit-Lock -File $lock -Folder $folder }
}
