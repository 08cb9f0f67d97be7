# Acting on files that others may hold for a moment.

# Virus scanners and editors hold files for moments: sharing (32, 33), access (5), a folder whose last file is not quite gone
# (145), an exchange that could not be made or ended (1175, 1176, 1177).
function Invoke-FileAct([scriptblock]$Act) {
    for ($try = 1; ; $try++) {
        try { return (& $Act) } catch {
            $code = $_.Exception.GetBaseException().HResult -band 0xFFFF
            if ((32, 33, 5, 145, 1175, 1176, 1177 -notcontains $code) -or ($try -eq 5)) { throw }
            Start-Sleep -Milliseconds 1000
        }
    }
}

function Move-File([string]$Path, [string]$New) {
    Invoke-FileAct { Rename-NewFile $Path $New }
}

# What is left over and held does not matter: nothing depends on it, and later runs take its name.
function Remove-Waste([string]$Path) {
    try { Invoke-FileAct { Remove-OldFile $Path } } catch { $null = $_ }
}

# Writes a text if that is possible, whole or not at all: a full disk must not hide what else has happened.
function Save-NewText([string]$Path, [string]$Text) {
    try {
        Invoke-FileAct { Write-NewFile "$Path.new" ([Text.Encoding]::UTF8.GetBytes($Text)) }
        # There is one when it was torn.
        Remove-OldFile $Path
        Move-File "$Path.new" $Path
    } catch { $null = $_ }
}
