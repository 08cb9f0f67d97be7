# The folder of everything that lasts on the host, and the lock in it.

function Get-AutomationFolder {
    Join-FilePath -Folder $env:ProgramData -Name 'certify-automation'
}

# Whether another process keeps a file open for nobody else.
function Test-FileHeld {
    param([string]$Path)
    if (-not [IO.File]::Exists($Path)) { return $false }
    try { (Open-SharedFile -Path $Path).Dispose() } catch { return $true }
    $false
}

# The text beside the lock names the process that holds it.
function Get-LockFacts {
    $folder = Get-AutomationFolder
    $held = Test-FileHeld -Path (Join-FilePath -Folder $folder -Name 'lock')
    [ordered]@{ held = $held; holder = $(if ($held) { Get-LockHolder -Folder $folder }) }
}

function Get-LockHolder {
    param([string]$Folder)
    $path = Join-FilePath -Folder $Folder -Name 'lock-holder'
    if (-not [IO.File]::Exists($path)) { return }
    try { [Text.Encoding]::UTF8.GetString((Read-FileTail -Path $path -Limit 400).Bytes) } catch { return }
}
