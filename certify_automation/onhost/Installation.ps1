# The product on the disk and in memory, whether or not its service is there.

# Accounts of Windows itself have one SID everywhere; their English names are not every language's.
function Get-AccountSid([string]$Name) {
    switch ($Name.Replace(' ', '')) {
        'LocalSystem' { return 'S-1-5-18' }
        'NTAUTHORITY\SYSTEM' { return 'S-1-5-18' }
        'NTAUTHORITY\LocalService' { return 'S-1-5-19' }
        'NTAUTHORITY\NetworkService' { return 'S-1-5-20' }
    }
    if ($Name -eq '') { return }
    ConvertTo-AccountSid ([regex]::Replace($Name, '^\.(?=\\)', $env:COMPUTERNAME))
}

function Get-TextOrNull($Value) {
    if ($Value -is [string]) { $Value } else { $null }
}

# Each entry once: a setup that was repaired may be in both lists.
function Get-InstalledFacts {
    $entries = @{}
    foreach ($branch in 'SOFTWARE', 'SOFTWARE\WOW6432Node') {
        $path = "HKLM:\$branch\Microsoft\Windows\CurrentVersion\Uninstall"
        foreach ($one in @(Get-Part { Get-SubkeyValue $path 'DisplayName', 'DisplayVersion', 'InstallLocation' })) {
            $name = [string]$one.DisplayName
            if (-not [regex]::IsMatch($name, '^Certify (The Web|Certificate Manager)', 'IgnoreCase, CultureInvariant')) { continue }
            $facts = [ordered]@{
                name = $name; version = Get-TextOrNull $one.DisplayVersion; location = Get-TextOrNull $one.InstallLocation
            }
            $entries[(@($facts.Values) -join "`n")] = $facts
        }
    }
    foreach ($key in @(Get-OrdinalOrder @($entries.Keys))) { $entries[$key] }
}

# The folders where the product is, or may be, each with those right below it and that of its native libraries.
function Get-ProgramFolder($Product, $Installed) {
    $roots = @($Product.install_dir)
    if ($env:ProgramFiles) { $roots += Join-FilePath $env:ProgramFiles 'CertifyTheWeb' }
    if (${env:ProgramFiles(x86)}) { $roots += Join-FilePath ${env:ProgramFiles(x86)} 'Certify' }
    foreach ($one in $Installed) { $roots += [string]$one.location }
    foreach ($root in $roots) {
        $folder = ([string]$root).TrimEnd([char[]]'\/')
        # A whole drive is no installation, and another computer may take minutes to say that it is not there.
        if (($folder.Length -le 2) -or $folder.StartsWith('\\') -or -not [IO.Directory]::Exists($folder)) { continue }
        $folder
        Get-Part { [IO.Directory]::GetDirectories($folder) }
        Join-FilePath $folder 'runtimes', 'win-x64', 'native'
    }
}

# The product's programs and the libraries of its database.
function Get-ProgramFacts($Product, $Installed) {
    $paths = @{}
    foreach ($folder in @(Get-ProgramFolder $Product $Installed)) {
        if (-not [IO.Directory]::Exists($folder)) { continue }
        $files = @(Get-Part { [IO.Directory]::GetFiles($folder) })
        foreach ($path in $files -match '[\\/](Certify[^\\/]*\.exe|[^\\/]*sqlite[^\\/]*\.dll)$') { $paths[$path] = $true }
    }
    foreach ($path in @(Get-OrdinalOrder @($paths.Keys)) | Select-Object -First 40) {
        $file = [IO.FileInfo]::new($path)
        if (-not $file.Exists) { continue }
        [ordered]@{
            path = $path; version = Get-FileVersion $path; bytes = $file.Length
            written_utc_ms = Get-UnixTimeMs $file.LastWriteTimeUtc
        }
    }
}

function Get-ProgramProcessFacts {
    $processes = @{}
    $wanted = 'ProcessId', 'Name', 'SessionId'
    foreach ($one in @(Get-CimInstance -ClassName 'Win32_Process' -Filter "Name LIKE 'certify%.exe'" -Property $wanted -OperationTimeoutSec 30)) {
        if (-not [regex]::IsMatch($one.Name, '^certify\.(.+\.)?exe$', 'IgnoreCase, CultureInvariant')) { continue }
        $processes['{0:d10}' -f [long]$one.ProcessId] = [ordered]@{
            name = $one.Name; process_id = [long]$one.ProcessId; session_id = [long]$one.SessionId
        }
    }
    foreach ($key in @(Get-OrdinalOrder @($processes.Keys))) { $processes[$key] }
}

# The files directly in the data folder; $null without that folder.
function Get-FolderFileFacts([string]$Folder) {
    if (-not [IO.Directory]::Exists($Folder)) { return }
    $files = @{}
    foreach ($path in [IO.Directory]::GetFiles($Folder)) { $files[(Split-FilePath $path).Name] = [IO.FileInfo]::new($path) }
    $facts = foreach ($name in @(Get-OrdinalOrder @($files.Keys)) | Select-Object -First 100) {
        # The product may remove it at any moment.
        if (-not $files[$name].Exists) { continue }
        $written = Get-UnixTimeMs $files[$name].LastWriteTimeUtc
        [ordered]@{ name = $name; bytes = $files[$name].Length; written_utc_ms = $written }
    }
    , @($facts)
}
