# Reasons to act on nothing.

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

# The names whose values are no longer those the plan was made from.
function Get-StaleRefusal([object[]]$Expects, [object[]]$Managed) {
    $values = @{}
    foreach ($value in $Managed) { $values[$value.name] = $value.value }
    $moved = @(foreach ($expected in $Expects) {
        $now = if ($values.ContainsKey($expected.name)) { $values[$expected.name] } else { 'absent' }
        if ($now -cne $expected.value) { $expected.name }
    })
    if ($moved.Count) { Get-Refusal -Code 'stale' -Message 'The host has changed since the plan was made.' -Moved $moved }
}

# Whether a listener on one address takes what arrives at the other; '::' takes IPv4 too.
function Test-AddressOverlap([string]$Listener, [string]$Wanted) {
    if ($Listener -eq '::') { return $true }
    $addresses = if ($Wanted -eq 'localhost') { '127.0.0.1', '::1' } else { $Wanted }
    foreach ($address in $addresses) {
        if (($Listener -eq $address) -or (($Listener -eq '0.0.0.0') -and -not $address.Contains(':'))) { return $true }
    }
    $false
}

# A listener of a process that is not the service. http.sys holds its ports itself: for v6 the URL's owner counts, and
# a registration for + is found before one for an address.
function Get-PortRefusal($Check, [string]$Generation) {
    if (-not $Check) { return }
    $own = Get-ServiceProcessId $Check.service
    foreach ($socket in @(Get-SocketFacts $Check.port)) {
        if (($socket.process_id -eq $own) -or (($Generation -eq 'v6') -and ($socket.process_id -eq 4))) { continue }
        if (-not (Test-AddressOverlap $socket.address $Check.host)) { continue }
        $owner = "$($socket.process_name) ($($socket.process_id)) on $($socket.address):$($socket.port)"
        return (Get-Refusal 'port_owned' $owner)
    }
    if ($Generation -ne 'v6') { return }
    $declared = Get-EndpointUrl @{ host = $Check.host; port = $Check.port; https = $false }
    $taken = $declared.ToLowerInvariant(), "http://+:$($Check.port)"
    foreach ($url in @(Get-UrlOwnerFacts)) {
        if ($url.process_ids -contains $own) { continue }
        $plain = (ConvertTo-EndpointUrl $url.url).Replace('https://', 'http://')
        if ($taken -contains $plain) { return (Get-Refusal 'port_owned' "$($url.url) ($($url.process_ids))") }
    }
}
