# The part of check.ps1 that changes something and takes it back; check.ps1 reads it.

# With a blank in its name, as one of the product's services has.
function Test-ServiceControl {
    $name = 'certify-automation check'
    $null = sc.exe create $name binPath= "$env:SystemRoot\System32\svchost.exe -k none" start= demand
    try {
        foreach ($mode in 'automatic-delayed', 'automatic', 'manual', 'disabled') {
            Assert-Fact "sc.exe config: the start mode $mode reads back at once" {
                Set-StartMode -Run $script:run -Name $name -Mode $mode
                (Get-StartMode -Name $name) -eq $mode
            }
        }
        Assert-Fact 'sc.exe start of a disabled service ends with 1058' {
            $null = sc.exe start $name
            if ($LASTEXITCODE -ne 1058) { return $LASTEXITCODE }
            $true
        }
        Assert-Fact 'sc.exe stop of a stopped service ends with 1062' {
            $null = sc.exe stop $name
            if ($LASTEXITCODE -ne 1062) { return $LASTEXITCODE }
            $true
        }
    } finally { $null = sc.exe delete $name }
}

function Test-Reservation {
    $url = "http://127.0.0.2:$SparePort/"
    Assert-Fact 'netsh: a reservation is in the registry at once, replaced, and gone when deleted' {
        Set-Reservation -Run $script:run -Url $url -Sddl 'D:(A;;GX;;;SY)'
        Set-Reservation -Run $script:run -Url $url -Sddl 'D:(A;;GX;;;BA)(A;;GA;;;S-1-5-19)'
        Set-Reservation -Run $script:run -Url $url -Sddl ''
        (Get-Reservation -Url $url) -eq ''
    }
    Assert-Fact 'netsh: adding a reservation twice and deleting none both end with another code than 0' {
        $null = netsh.exe http add urlacl "url=$url" 'sddl=D:(A;;GX;;;SY)'
        $null = netsh.exe http add urlacl "url=$url" 'sddl=D:(A;;GX;;;SY)'
        $twice = $LASTEXITCODE
        $null = netsh.exe http delete urlacl "url=$url"
        $null = netsh.exe http delete urlacl "url=$url"
        if (($twice -eq 0) -or ($LASTEXITCODE -eq 0)) { return "$twice $LASTEXITCODE" }
        $true
    }
}

function Test-Registration {
    param([string]$Prefix)
    $listener = New-Object -TypeName Net.HttpListener
    try {
        $listener.Prefixes.Add($Prefix)
        $listener.Start()
        $true
    } catch { $false } finally { $listener.Close() }
}

# Only where the list is in use already: a first entry would cut every other address off, WinRM's too.
function Test-ListenList {
    if (@((Get-ListenListFacts).live).Count -eq 0) { return 'skip  iplisten: the list is empty, and a first entry would cut this server off' }
    $prefix = "http://127.0.0.77:$SparePort/"
    Assert-Fact 'iplisten: an address that is not listed cannot be listened on' { -not (Test-Registration -Prefix $prefix) }
    try {
        Assert-Fact 'iplisten: an added address is in the registry at once' {
            Set-ListenEntry -Run $script:run -Address '127.0.0.77' -Present $true
            (Get-ListenListFacts).registry -contains '127.0.0.77'
        }
        Assert-Fact 'iplisten: an added address can be listened on without a restart of the driver' {
            Test-Registration -Prefix $prefix
        }
    } finally { Set-ListenEntry -Run $script:run -Address '127.0.0.77' -Present $false }
    Assert-Fact 'iplisten: a deleted address is gone at once' { -not (Test-Registration -Prefix $prefix) }
}

# The entries of a file's access list, as text.
function Get-FileAccess {
    param([string]$Path)
    $text = (Get-Acl -LiteralPath $Path).GetSecurityDescriptorSddlForm('Access')
    $text.Substring($text.IndexOf('('))
}

# A link to a folder of the right owner must not pass for the folder itself.
function Test-FolderLink {
    param([string]$Folder)
    $link = Join-FilePath -Folder $Folder -Name 'link'
    Assert-Fact 'folder: a junction is refused' {
        $null = cmd.exe /c mklink /J $link $env:SystemRoot
        $refusal = Get-FolderRefusal -Folder $link
        [IO.Directory]::Delete($link)
        $refusal.message -eq "$link is a link."
    }
}

function Test-FileAct {
    param([string]$Folder)
    $path = Join-Path -Path $Folder -ChildPath 'file'
    Assert-Fact 'folder: made with owner Administrators and a list of its own' {
        $access = Get-FolderAccess -Path $Folder
        if (($access.Owner -ne 'S-1-5-32-544') -or -not $access.Sddl.Contains('D:P')) { return $access.Sddl }
        $true
    }
    Assert-Fact 'folder: icacls.exe takes inherited rights away' {
        $inner = Join-Path -Path $Folder -ChildPath 'inner'
        [void][IO.Directory]::CreateDirectory($inner)
        $null = icacls.exe $inner /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F'
        ($LASTEXITCODE -eq 0) -and (Get-FolderAccess -Path $inner).Sddl.Contains('D:P')
    }
    Assert-Fact 'file: written, exchanged with a backup, not renamed over' {
        Write-NewFile -Path $path -Bytes ([byte[]](1, 2))
        Write-NewFile -Path "$path.new" -Bytes ([byte[]](3))
        Switch-File -New "$path.new" -Old $path -Backup "$path.old"
        $kept = [IO.File]::ReadAllBytes("$path.old").Length
        $code = Get-Win32Code -Act { Rename-NewFile -New "$path.old" -Path $path }
        if (($kept -ne 2) -or ($code -eq 0)) { return "$kept $code" }
        $true
    }
    Assert-Fact 'file: an exchange keeps the rights of the old file' {
        $marked = "$path.marked"
        Write-NewFile -Path $marked -Bytes ([byte[]](1))
        $null = icacls.exe $marked /inheritance:r /grant:r '*S-1-5-18:F' '*S-1-5-32-544:F' '*S-1-5-19:R'
        $before = Get-FileAccess -Path $marked
        Write-NewFile -Path "$marked.new" -Bytes ([byte[]](3))
        Switch-File -New "$marked.new" -Old $marked -Backup "$marked.old"
        $after = Get-FileAccess -Path $marked
        if ($before -cne $after) { return "$before $after" }
        $true
    }
    Assert-Fact 'file: one that is marked read-only is not exchanged' {
        $locked = "$path.locked"
        Write-NewFile -Path $locked -Bytes ([byte[]](1))
        Write-NewFile -Path "$locked.new" -Bytes ([byte[]](3))
        [IO.File]::SetAttributes($locked, [IO.FileAttributes]::ReadOnly)
        $code = Get-Win32Code -Act { Switch-File -New "$locked.new" -Old $locked -Backup "$locked.old" }
        [IO.File]::SetAttributes($locked, [IO.FileAttributes]::Normal)
        if ($code -ne 5) { return $code }
        $true
    }
    Assert-Fact 'file: exchanging one that is open without delete sharing fails with 32, 5 or 1175' {
        $held = [IO.File]::Open($path, [IO.FileMode]::Open, [IO.FileAccess]::Read, [IO.FileShare]::Read)
        try { $code = Get-Win32Code -Act { Switch-File -New "$path.old" -Old $path -Backup "$path.bak" } } finally { $held.Dispose() }
        if (32, 5, 1175 -notcontains $code) { return $code }
        $true
    }
    Assert-Fact 'lock: a second opener gets nothing, and a reader sees that it is held' {
        $lock = Enter-Lock -Folder $Folder -RunId 'check'
        try {
            $second = Enter-Lock -Folder $Folder -RunId 'check'
            $code = Get-Win32Code -Act { (Open-SharedFile -Path (Join-Path -Path $Folder -ChildPath 'lock')).Dispose() }
        } finally { Exit-Lock -File $lock -Folder $Folder }
        if (($null -ne $second) -or ($code -ne 32)) { return "$second $code" }
        $true
    }
}

# What the journal of a run and the records of runs stand on.
function Test-RunRecord {
    param([string]$Folder)
    $path = Join-FilePath -Folder $Folder -Name 'lines'
    Assert-Fact 'journal: a line is added whole, after what a cut has left of the last one is dropped' {
        Add-FileLine -Path $path -Text 'one'
        [IO.File]::AppendAllText($path, 'torn')
        Add-FileLine -Path $path -Text 'two'
        [IO.File]::ReadAllText($path) -ceq "one`ntwo`n"
    }
    Assert-Fact 'journal: a line is added while somebody reads' {
        $reader = Open-SharedFile -Path $path
        try { Add-FileLine -Path $path -Text 'three' } finally { $reader.Dispose() }
        [IO.File]::ReadAllText($path).EndsWith("three`n")
    }
    Assert-Fact 'records: removing a folder leaves what a junction in it leads to' {
        $kept = Join-FilePath -Folder $Folder -Name 'kept'
        $gone = Join-FilePath -Folder $Folder -Name 'gone'
        [void][IO.Directory]::CreateDirectory($kept)
        [void][IO.Directory]::CreateDirectory($gone)
        Write-NewFile -Path (Join-FilePath -Folder $kept -Name 'file') -Bytes ([byte[]](1))
        $null = cmd.exe /c mklink /J (Join-FilePath -Folder $gone -Name 'link') $kept
        Remove-WholeFolder -Path $gone
        [IO.File]::Exists((Join-FilePath -Folder $kept -Name 'file')) -and -not [IO.Directory]::Exists($gone)
    }
    Assert-Fact 'event log: an entry is there, and its source has a message file' {
        Write-EventEntry -Type 'Information' -Id 1000 -Text 'A check by certify-automation; nothing has happened.'
        $entry = @{ LogName = 'Application'; ProviderName = 'certify-automation'; Id = 1000 }
        $source = 'HKLM:\SYSTEM\CurrentControlSet\Services\EventLog\Application\certify-automation'
        ($null -ne (Get-WinEvent -FilterHashtable $entry -MaxEvents 1)) -and [bool](Get-RegistryValue -Path $source -Name 'EventMessageFile')
    }
}
