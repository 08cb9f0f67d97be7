# Reasons to act on nothing.

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
