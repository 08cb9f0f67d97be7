# Writing to http.sys. netsh's exit code alone proves little: what it wrote is read back.

function Invoke-Netsh($Run, [string[]]$Arguments, [string]$Code = 'netsh') {
    Write-Intent $Run
    $output = netsh.exe @Arguments
    if ($LASTEXITCODE -eq 0) {
        $Run.Acted = $true
        return
    }
    $text = @($output | Where-Object { $_ -and $_.Trim() }) -join ' '
    Stop-Change $Code "netsh $($Arguments -join ' '): $LASTEXITCODE $text"
}

# The descriptor of a reservation in its canonical spelling, empty when there is none. URLs compare ignoring case.
function Get-Reservation([string]$Url) {
    foreach ($reservation in @(Get-ReservationFacts)) {
        if ($reservation.url -ne $Url) { continue }
        return (Get-CanonicalSddl ([Convert]::FromBase64String($reservation.descriptor)))
    }
    ''
}

# An empty $Sddl removes the reservation. http.sys has no update: a changed one is removed and made again.
function Set-Reservation($Run, [string]$Url, [string]$Sddl) {
    $wanted = if ($Sddl -eq '') { '' } else { Get-CanonicalSddl $Sddl }
    $now = Get-Reservation $Url
    if ($now -ceq $wanted) { return }
    if ($now -ne '') { Invoke-Netsh $Run 'http', 'delete', 'urlacl', "url=$Url" }
    if ($wanted -ne '') { Invoke-Netsh $Run 'http', 'add', 'urlacl', "url=$Url", "sddl=$Sddl" }
    $now = Get-Reservation $Url
    if ($now -cne $wanted) { Stop-Change 'netsh' "The reservation of $Url reads '$now'." }
}

function Set-ListenEntry($Run, [string]$Address, [bool]$Present) {
    $wanted = ([Net.IPAddress]$Address).ToString()
    $live = (Get-ListenListFacts).live
    if ($null -eq $live) { Stop-Change 'netsh' 'The IP listen list cannot be read.' }
    if (($live -contains $wanted) -eq $Present) { return }
    $verb = if ($Present) { 'add' } else { 'delete' }
    Invoke-Netsh $Run 'http', $verb, 'iplisten', "ipaddress=$wanted"
    $now = @((Get-ListenListFacts).live)
    if (($now -contains $wanted) -ne $Present) { Stop-Change 'netsh' "The list reads $($now -join ', ')." }
}
