# Stands in for onhost/WindowsCertificates.ps1.

function Get-StoreCertificate {
    param([string]$Store)
    foreach ($one in @((Invoke-Lab -Command 'Get-StoreCertificate' -Arguments @{ store = $Store }).certificates)) {
        $start, $expiry = $one.not_before, $one.not_after | ForEach-Object { [DateTimeOffset]::FromUnixTimeMilliseconds($_).LocalDateTime }
        @{
            Thumbprint = $one.thumbprint; Subject = $one.subject; HasPrivateKey = $one.has_private_key
            NotBefore = $start; NotAfter = $expiry
        }
    }
}
