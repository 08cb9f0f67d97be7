# The product's data around a start: copies of it are put aside first, and a start that could not open it is not repeated.

# At every start the product makes a backup of its database, whatever its condition, and drops the oldest: after two
# starts with a damaged database no good one is left. What an interrupted attempt has copied is older and stays.
function Save-Data($Run) {
    if (-not $Run.Product.data_dir) { return }
    $made = @()
    try {
        [void][IO.Directory]::CreateDirectory((Get-DataCopyFolder $Run))
        foreach ($file in @(Get-DataFileFacts $Run.Product.data_dir)) {
            $path = Join-FilePath $Run.Product.data_dir $file.name
            $copy = Join-FilePath (Get-DataCopyFolder $Run) $file.name
            if ([IO.File]::Exists($copy)) { continue }
            $made += "$copy.new", $copy
            Invoke-FileAct { Copy-SharedFile $path "$copy.new" }
            Move-File "$copy.new" $copy
        }
    } catch {
        # A disk that is full now must not stay so.
        foreach ($file in $made) { Remove-Waste $file }
        Stop-Change 'data_copy' "The data could not be copied: $(Get-ErrorText $_)"
    }
    Assert-Deadline $Run
}

function Get-DataCopyFolder($Run) {
    Join-FilePath $Run.Folder 'data'
}

# The logs a start writes to, with their lengths before it.
function Get-LogLength($Product) {
    $lengths = [ordered]@{}
    if (-not $Product.data_dir) { return $lengths }
    $first = if ($Product.generation -eq 'v7') { 'unhandled_exceptions.log' } else { 'service.exceptions.log' }
    foreach ($name in $first, 'session.log') {
        $path = Join-FilePath $Product.data_dir 'logs', $name
        $file = [IO.FileInfo]::new($path)
        $lengths[$path] = if ($file.Exists) { $file.Length } else { 0 }
    }
    $lengths
}

# The complete lines of a log after its first $Length bytes; all of them when it has been begun anew. One byte more is
# read: the end of the line before.
function Read-NewLine([string]$Path, [long]$Length) {
    $file = [IO.FileInfo]::new($Path)
    if (-not $file.Exists -or ($file.Length -eq $Length)) { return }
    $new = if ($file.Length -gt $Length) { $file.Length - $Length + 1 } else { $file.Length }
    Read-LastLine $Path ([Math]::Min($new, 65536))
}

# What the last start has logged that says it could not open its data; a later success takes it back. Of session.log only
# errors count.
function Get-DataStoreFailure($Run) {
    foreach ($path in $Run.LogLengths.Keys) {
        $found = $null
        try { $lines = @(Read-NewLine $path $Run.LogLengths[$path]) } catch { $lines = @() }
        foreach ($line in $lines) {
            if ($line.Contains('Service API bound OK to ') -or $line.Contains('Certify Manager Started')) { $found = $null }
            if (($path -like '*session.log') -and -not [regex]::IsMatch($line, '\[ERR\]|FATAL')) { continue }
            if ([regex]::IsMatch($line, 'data ?store|managed items? store|read-?only database', 'IgnoreCase, CultureInvariant')) { $found = $line }
        }
        if ($found) { return $found }
    }
}

# The undo of a restart.
function Undo-Restart($Run, [string]$Name) {
    $said = Get-DataStoreFailure $Run
    if ($said) {
        $copies = "copies of its data from before are in $(Get-DataCopyFolder $Run)"
        Stop-Change 'data_store' "$Name could not open its data and is not started a second time; ${copies}: $said"
    }
    Restart-ProductService $Run $Name
}
