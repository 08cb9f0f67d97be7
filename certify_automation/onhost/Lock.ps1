# The folder of everything that lasts on the host, and the lock in it.

function Get-AutomationFolder {
    Join-FilePath $env:ProgramData 'certify-automation'
}

# Whether another process keeps a file open for nobody else.
function Test-FileHeld([string]$Path) {
    if (-not [IO.File]::Exists($Path)) { return $false }
    try { (Open-SharedFile $Path).Dispose() } catch { return $true }
    $false
}

# The text beside the lock names the process that holds it.
function Get-LockFacts {
    $folder = Get-AutomationFolder
    $held = Test-FileHeld (Join-FilePath $folder 'lock')
    [ordered]@{ held = $held; holder = $(if ($held) { Get-LockHolder $folder }) }
}

function Get-LockHolder([string]$Folder) {
    $path = Join-FilePath $Folder 'lock-holder'
    if (-not [IO.File]::Exists($path)) { return }
    try { [Text.Encoding]::UTF8.GetString((Read-FileTail $path 400).Bytes) } catch { return }
}
