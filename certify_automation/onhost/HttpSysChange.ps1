# Writing to http.sys. netsh's exit code alone proves little: what it wrote is read back.

function Invoke-Netsh {
    param($Run, [string[]]$Arguments, [string]$Code = 'netsh')
    Write-Intent -Run $Run
    $output = netsh.exe @Arguments
    if ($LASTEXITCODE -eq 0) {
        $Run.Acted = $true
        return
    }
    $text = @($output | Where-Object { $_ -and $_.Trim() }) -join ' '
    Stop-Change -Code $Code -Message "netsh $($Arguments -join ' '): $LASTEXITCODE $text"
}

# The descriptor of a reservation in its canonical spelling, empty when there is none. URLs compare ignoring case.
function Get-Reservation {
    param([string]$Url)
    foreach ($reservation in @(Get-ReservationFacts)) {
        if ($reservation.url -ne $Url) { continue }
        return (Get-CanonicalSddl -Descriptor ([Convert]::FromBase64String($reservation.descriptor)))
    }
    ''
}

# An empty $Sddl removes the reservation. http.sys has no update: a changed one is removed and made again.
function Set-Reservation {
    param($Run, [string]$Url, [string]$Sddl)
    $wanted = if ($Sddl -eq '') { '' } else { Get-CanonicalSddl -Descriptor $Sddl }
    $now = Get-Reservation -Url $Url
    if ($now -ceq $wanted) { return }
    if ($now -ne '') { Invoke-Netsh -Run $Run -Arguments 'http', 'delete', 'urlacl', "url=$Url" }
    if ($wanted -ne '') { Invoke-Netsh -Run $Run -Arguments 'http', 'add', 'urlacl', "url=$Url", "sddl=$Sddl" }
    $now = Get-Reservation -Url $Url
    if ($now -cne $wanted) { Stop-Change -Code 'netsh' -Message "The reservation of $Url reads '$now'." }
}

function Set-ListenEntry {
    param($Run, [string]$Address, [bool]$Present)
    $wanted = ([Net.IPAddress]$Address).ToString()
    $live = (Get-ListenListFacts).live
    if ($null -eq $live) { Stop-Change -Code 'netsh' -Message 'The IP listen list cannot be read.' }
    if (($live -contains $wanted) -eq $Present) { return }
    $verb = if ($Present) { 'add' } else { 'delete' }
    Invoke-Netsh -Run $Run -Arguments 'http', $verb, 'iplisten', "ipaddress=$wanted"
    $now = @((Get-ListenListFacts).live)
    if (($now -contains $wanted) -ne $Present) { Stop-Change -Code 'netsh' -Message "The list reads $($now -join ', ')." }
}
