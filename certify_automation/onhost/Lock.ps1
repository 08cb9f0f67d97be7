# The folder of everything that lasts on the host, and the lock in it.

function Get-AutomationFolder {
    Join-FilePath -Folder $env:ProgramData -Name 'certify-automation'
}

# Opening the lock file alone fails while another process holds it; the text beside it names that process.
function Get-LockFacts {
    $folder = Get-AutomationFolder
    $path = Join-FilePath -Folder $folder -Name 'lock'
    $facts = [ordered]@{ held = $false; holder = $null }
    if (-not [IO.File]::Exists($path)) { return $facts }
    try { (Open-SharedFile -Path $path).Dispose() } catch {
        $facts.held = $true
        $facts.holder = Get-LockHolder -Folder $folder
    }
    $facts
}

function Get-LockHolder {
    param([string]$Folder)
    $path = Join-FilePath -Folder $Folder -Name 'lock-holder'
    if (-not [IO.File]::Exists($path)) { return }
    try { [Text.Encoding]::UTF8.GetString((Read-FileTail -Path $path -Limit 400).Bytes) } catch { return }
}
