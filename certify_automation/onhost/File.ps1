# Files of the product: configuration, logs, databases. Readers never keep a writer out.

# A path below a folder. Paths are put together and taken apart as text: Join-Path of 5.1 and Split-Path fail for a drive
# that this logon does not have.
function Join-FilePath {
    param([string]$Folder, [string[]]$Name)
    $separator = [string][IO.Path]::DirectorySeparatorChar
    (@($Folder.TrimEnd([char[]]'\/')) + $Name) -join $separator
}

# The folder and the name of a file.
function Split-FilePath {
    param([string]$Path)
    $at = $Path.LastIndexOfAny([char[]]'\/')
    @{ Folder = $Path.Substring(0, [Math]::Max(0, $at)); Name = $Path.Substring($at + 1) }
}

function Open-SharedFile {
    param([string]$Path)
    [IO.File]::Open($Path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]'ReadWrite, Delete')
}

# The last bytes of a file, at most $Limit of them, as @{ Bytes; Whole }.
function Read-FileTail {
    param([string]$Path, [long]$Limit)
    $stream = Open-SharedFile -Path $Path
    try {
        $size = $stream.Length
        $start = [Math]::Max(0, $size - $Limit)
        [void]$stream.Seek($start, [IO.SeekOrigin]::Begin)
        $bytes = [Array]::CreateInstance([byte], [int]($size - $start))
        $filled = 0
        while ($filled -lt $bytes.Length) {
            $count = $stream.Read($bytes, $filled, $bytes.Length - $filled)
            if ($count -eq 0) { break }
            $filled += $count
        }
        if ($filled -lt $bytes.Length) { [Array]::Resize([ref]$bytes, $filled) }
        @{ Bytes = $bytes; Whole = $start -eq 0 }
    } finally { $stream.Dispose() }
}

# A text in UTF-8; nothing of it when it is longer than any of ours.
function Read-FileText {
    param([string]$Path)
    $file = Read-FileTail -Path $Path -Limit 16777216
    if (-not $file.Whole) { throw "$Path is too long." }
    [Text.Encoding]::UTF8.GetString($file.Bytes)
}

# SHA-256 in lower-case hex. SHA256.Create() throws where FIPS is enforced before .NET Framework 4.8.
function Get-Digest {
    param([byte[]]$Bytes)
    $sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider
    try { [BitConverter]::ToString($sha.ComputeHash($Bytes)).Replace('-', '').ToLowerInvariant() } finally { $sha.Dispose() }
}

function Get-FileFacts {
    param([string]$Path)
    $facts = [ordered]@{ path = $Path; exists = $false; content = $null; sha256 = $null; error = $null }
    $facts.exists = [IO.File]::Exists($Path) -or [IO.Directory]::Exists($Path)
    if (-not $facts.exists) { return $facts }
    try {
        $tail = Read-FileTail -Path $Path -Limit 1048576
        if (-not $tail.Whole) { throw 'The file is larger than 1 MiB.' }
        $facts.content = [Convert]::ToBase64String($tail.Bytes)
        $facts.sha256 = Get-Digest -Bytes $tail.Bytes
    } catch { $facts.error = $_.Exception.GetBaseException().Message }
    $facts
}

function Get-ConfigFileFacts {
    param($Product)
    $facts = [ordered]@{ serviceconfig = $null; servers = $null; appsettings_core = $null }
    if ($Product.data_dir) {
        $facts.serviceconfig = Get-FileFacts -Path (Join-FilePath -Folder $Product.data_dir -Name 'serviceconfig.json')
        $facts.servers = Get-FileFacts -Path (Join-FilePath -Folder $Product.data_dir -Name 'servers.json')
    }
    if ($Product.install_dir) {
        $path = Join-FilePath -Folder $Product.install_dir -Name 'appsettings-core.json'
        $facts.appsettings_core = Get-FileFacts -Path $path
    }
    $facts
}

# The complete lines among the last $Limit bytes of a text file in UTF-8, oldest first.
function Read-LastLine {
    param([string]$Path, [long]$Limit)
    $tail = Read-FileTail -Path $Path -Limit $Limit
    $text = [Text.Encoding]::UTF8.GetString($tail.Bytes).TrimStart([char]0xFEFF)
    $lines = @($text.Split("`n") | ForEach-Object { $_.TrimEnd("`r") })
    $first = if ($tail.Whole) { 0 } else { 1 }
    $last = $lines.Count - 1
    if ($lines[$last] -eq '') { $last-- }
    for ($i = $first; $i -le $last; $i++) { $lines[$i] }
}

# The end of one log; with $Marks only lines that contain one of them.
function Get-LogFacts {
    param([string]$Path, [long]$Limit, [int]$Count, [string[]]$Marks)
    $facts = [ordered]@{ path = $Path; exists = [IO.File]::Exists($Path); lines = @() }
    if (-not $facts.exists) { return $facts }
    try { $lines = @(Read-LastLine -Path $Path -Limit $Limit) } catch { return $facts }
    if ($Marks) {
        $lines = @(foreach ($line in $lines) { if (@($Marks | Where-Object { $line.Contains($_) }).Count) { $line } })
    }
    $facts.lines = @($lines | Select-Object -Last $Count)
    $facts
}

function Get-ProductLogFacts {
    param($Product)
    $facts = [ordered]@{ startup = $null; unhandled = $null; session = $null }
    if (-not $Product.data_dir) { return $facts }
    $folder = Join-FilePath -Folder $Product.data_dir -Name 'logs'
    $startup = if ($Product.generation -eq 'v7') { 'service_startup.log' } else { 'service.exceptions.log' }
    $end = @{ Limit = 16384; Count = 40 }
    $facts.startup = Get-LogFacts -Path (Join-FilePath -Folder $folder -Name $startup) @end
    if ($Product.generation -eq 'v7') {
        $facts.unhandled = Get-LogFacts -Path (Join-FilePath -Folder $folder -Name 'unhandled_exceptions.log') @end
    }
    $marked = @{ Limit = 65536; Count = 20; Marks = '[ERR]', 'FATAL', 'Certify Manager Started' }
    $facts.session = Get-LogFacts -Path (Join-FilePath -Folder $folder -Name 'session.log') @marked
    $facts
}

# Sizes and times of the databases and of the backups the product makes of them.
function Get-DataFileFacts {
    param([string]$Folder)
    foreach ($name in 'manageditems.db', 'manageditems.db-wal', 'manageditems.db.bak', 'manageditems.db.bak.old') {
        $path = Join-FilePath -Folder $Folder -Name $name
        # Looked at once: the product may remove it at any moment.
        $file = New-Object -TypeName IO.FileInfo -ArgumentList $path
        if (-not $file.Exists) { continue }
        $written = Get-UnixTimeMs -Time $file.LastWriteTimeUtc
        [ordered]@{ name = $name; bytes = $file.Length; written_utc_ms = $written }
    }
}

function Get-DataFacts {
    param($Product)
    $facts = [ordered]@{ files = @(); copies = @() }
    if ($Product.data_dir) { $facts.files = @(Get-DataFileFacts -Folder $Product.data_dir) }
    $facts.copies = @(Get-DataFileFacts -Folder (Join-FilePath -Folder (Get-AutomationFolder) -Name 'data-copy'))
    $facts
}

function Get-DataAccessFacts {
    param($Product)
    if (-not $Product.data_dir) { return }
    $access = Get-FolderAccess -Path $Product.data_dir
    if ($null -ne $access) { [ordered]@{ owner = $access.Owner; sddl = $access.Sddl } }
}
