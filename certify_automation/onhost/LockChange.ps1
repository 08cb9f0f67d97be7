# Holding the lock, in a folder that only SYSTEM and Administrators may touch.

function Get-Refusal([string]$Code, [string]$Message, [string[]]$Moved) {
    [ordered]@{ code = $Code; message = $Message; moved = @($Moved | Where-Object { $_ }) }
}

# Whether a folder is SYSTEM's or Administrators', its list has these flags, and every entry allows something to the two;
# $Otherwise is a pattern of entries that are tolerated besides.
function Test-OnlyTrusted([string]$Folder, [string]$Flags, [string]$Otherwise) {
    $who = '(SY|BA|S-1-5-18|S-1-5-32-544)'
    [regex]::IsMatch((Get-FolderAccess $Folder).Sddl, "^O:$who(G:[^(]*)?D:$Flags(\(A;[A-Z]*;[^;()]*;;;$who\)$Otherwise)+$")
}

# Everything that lasts is in a folder only SYSTEM and Administrators may touch. Its owner could always change that, so
# a folder of anybody else's is refused.
function Get-FolderRefusal([string]$Folder) {
    try {
        if (-not [IO.Directory]::Exists($Folder)) {
            New-ProtectedFolder $Folder 'O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)'
        }
        # Anybody may put a link into %ProgramData%, to a folder that has the right owner.
        $inner = @([IO.Directory]::GetDirectories($Folder))
        foreach ($path in @($Folder) + $inner) {
            if ([IO.File]::GetAttributes($path) -band [IO.FileAttributes]::ReparsePoint) { throw "$path is a link." }
        }
        if (Test-OnlyTrusted $Folder '[A-Z]*P[A-Z]*') { return }
        # Into one that inherits others may have put something; an administrator makes copies of data by hand.
        $others = @([IO.Directory]::GetFiles($Folder)) + @($inner -notlike '*data-copy')
        $others += @(@($Folder) + $inner | Where-Object {
            -not (Test-OnlyTrusted -Folder $_ -Flags '[A-Z]*' -Otherwise '|\([^;()]*;[A-Z]*ID;[^()]*\)')
        })
        if ($others.Count) { throw "Others may act on: $others" }
        $null = icacls.exe $Folder /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F'
        if ($LASTEXITCODE -ne 0) { throw "icacls.exe ${Folder}: $LASTEXITCODE" }
    } catch { Get-Refusal 'lock_folder' (Get-ErrorText $_) }
}

# A file, open for nobody else as long as this process keeps it or lives; nothing when another one has it. A visit that
# only looks has it open for a moment.
function Open-HeldFile([string]$Path) {
    for ($try = 1; $try -le 5; $try++) {
        try { return [IO.File]::Open($Path, 'OpenOrCreate', 'ReadWrite', 'None') }
        catch [IO.IOException] { Start-Sleep -Milliseconds 300 }
    }
}

# The open lock file, or nothing.
function Enter-Lock([string]$Folder, [string]$RunId) {
    $file = Open-HeldFile (Join-FilePath $Folder 'lock')
    if (-not $file) { return }
    $holder = [Text.Encoding]::UTF8.GetBytes("$RunId $env:USERDOMAIN\$env:USERNAME")
    try { Write-NewFile (Join-FilePath $Folder 'lock-holder') $holder } catch { $null = $_ }
    $file
}

function Exit-Lock($File, [string]$Folder) {
    # Without the lock its text means nothing, so a text that cannot be removed does not matter.
    Remove-Waste (Join-FilePath $Folder 'lock-holder')
    $File.Dispose()
}
