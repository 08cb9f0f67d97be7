# Files of the product: configuration, logs, databases. Readers never keep a writer out.

# A path below a folder. Paths are put together and taken apart as text: Join-Path of 5.1 and Split-Path fail for a drive
# that this logon does not have.
function Join-FilePath([string]$Folder, [string[]]$Name) {
    $separator = [string][IO.Path]::DirectorySeparatorChar
    (@($Folder.TrimEnd([char[]]'\/')) + $Name) -join $separator
}

# The folder and the name of a file.
function Split-FilePath([string]$Path) {
    $at = $Path.LastIndexOfAny([char[]]'\/')
    @{ Folder = $Path.Substring(0, [Math]::Max(0, $at)); Name = $Path.Substring($at + 1) }
}

function Open-SharedFile([string]$Path) {
    [IO.File]::Open($Path, 'Open', 'Read', 'ReadWrite, Delete')
}

# The last bytes of a file, at most $Limit of them, as @{ Bytes; Whole }.
function Read-FileTail([string]$Path, [long]$Limit = [int]::MaxValue) {
    $stream = Open-SharedFile $Path
    try {
        $size = $stream.Length
        $start = [Math]::Max(0, $size - $Limit)
        $stream.Position = $start
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
function Read-FileText([string]$Path) {
    $file = Read-FileTail $Path 16777216
    if (-not $file.Whole) { throw "$Path is too long." }
    [Text.Encoding]::UTF8.GetString($file.Bytes)
}

# SHA-256 in lower-case hex. SHA256.Create() throws where FIPS is enforced before .NET Framework 4.8.
function Get-Digest([byte[]]$Bytes) {
    $sha = [Security.Cryptography.SHA256CryptoServiceProvider]::new()
    try { [BitConverter]::ToString($sha.ComputeHash($Bytes)).Replace('-', '').ToLowerInvariant() } finally { $sha.Dispose() }
}

function Get-FileFacts([string]$Path) {
    $facts = [ordered]@{ path = $Path; exists = $false; content = $null; sha256 = $null; error = $null }
    $facts.exists = [IO.File]::Exists($Path) -or [IO.Directory]::Exists($Path)
    if (-not $facts.exists) { return $facts }
    try {
        $tail = Read-FileTail $Path 1048576
        if (-not $tail.Whole) { throw 'The file is larger than 1 MiB.' }
        $facts.content = [Convert]::ToBase64String($tail.Bytes)
        $facts.sha256 = Get-Digest $tail.Bytes
    } catch { $facts.error = Get-ErrorText $_ }
    $facts
}

function Get-ConfigFileFacts($Product) {
    $facts = [ordered]@{ serviceconfig = $null; servers = $null; appsettings_core = $null }
    if ($Product.data_dir) {
        foreach ($name in 'serviceconfig', 'servers') { $facts[$name] = Get-FileFacts (Join-FilePath $Product.data_dir "$name.json") }
    }
    if ($Product.install_dir) { $facts.appsettings_core = Get-FileFacts (Join-FilePath $Product.install_dir 'appsettings-core.json') }
    $facts
}

# The complete lines among the last $Limit bytes of a text file in UTF-8, oldest first.
function Read-LastLine([string]$Path, [long]$Limit) {
    $tail = Read-FileTail $Path $Limit
    $text = [Text.Encoding]::UTF8.GetString($tail.Bytes).TrimStart([char]0xFEFF)
    $lines = @($text.Split("`n") | ForEach-Object { $_.TrimEnd("`r") })
    $first = if ($tail.Whole) { 0 } else { 1 }
    $last = $lines.Count - 1
    if ($lines[$last] -eq '') { $last-- }
    for ($i = $first; $i -le $last; $i++) { $lines[$i] }
}

# The end of one log; with $Marks only lines that contain one of them.
function Get-LogFacts([string]$Path, [long]$Limit, [int]$Count, [string[]]$Marks) {
    $facts = [ordered]@{ path = $Path; exists = [IO.File]::Exists($Path); lines = @() }
    if (-not $facts.exists) { return $facts }
    try { $lines = @(Read-LastLine $Path $Limit) } catch { return $facts }
    if ($Marks) {
        $lines = @(foreach ($line in $lines) { if (@($Marks | Where-Object { $line.Contains($_) }).Count) { $line } })
    }
    $facts.lines = @($lines | Select-Object -Last $Count)
    $facts
}

function Get-ProductLogFacts($Product) {
    $facts = [ordered]@{ startup = $null; unhandled = $null; session = $null }
    if (-not $Product.data_dir) { return $facts }
    $folder = Join-FilePath $Product.data_dir 'logs'
    $startup = if ($Product.generation -eq 'v7') { 'service_startup.log' } else { 'service.exceptions.log' }
    $end = @{ Limit = 16384; Count = 40 }
    $facts.startup = Get-LogFacts -Path (Join-FilePath $folder $startup) @end
    if ($Product.generation -eq 'v7') {
        $facts.unhandled = Get-LogFacts -Path (Join-FilePath $folder 'unhandled_exceptions.log') @end
    }
    $marked = @{ Limit = 65536; Count = 20; Marks = '[ERR]', 'FATAL', 'Certify Manager Started' }
    $facts.session = Get-LogFacts -Path (Join-FilePath $folder 'session.log') @marked
    $facts
}

# Sizes and times of the databases and of the backups the product makes of them.
function Get-DataFileFacts([string]$Folder) {
    foreach ($name in 'manageditems.db', 'manageditems.db-wal', 'manageditems.db.bak', 'manageditems.db.bak.old') {
        $path = Join-FilePath $Folder $name
        # Looked at once: the product may remove it at any moment.
        $file = [IO.FileInfo]::new($path)
        if (-not $file.Exists) { continue }
        $written = Get-UnixTimeMs $file.LastWriteTimeUtc
        [ordered]@{ name = $name; bytes = $file.Length; written_utc_ms = $written }
    }
}

function Get-DataFacts($Product) {
    $facts = [ordered]@{ files = @(); copies = @() }
    if ($Product.data_dir) { $facts.files = @(Get-DataFileFacts $Product.data_dir) }
    $facts.copies = @(Get-DataFileFacts (Join-FilePath (Get-AutomationFolder) 'data-copy'))
    $facts
}

function Get-DataAccessFacts($Product) {
    if (-not $Product.data_dir) { return }
    $access = Get-FolderAccess $Product.data_dir
    if ($access) { [ordered]@{ owner = $access.Owner; sddl = $access.Sddl } }
}
