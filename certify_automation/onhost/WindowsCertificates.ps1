# The certificate stores of this computer. Nothing here decides anything.

# What a store holds; nothing when there is no such store.
function Get-StoreCertificate([string]$Store) {
    $opened = [Security.Cryptography.X509Certificates.X509Store]::new($Store, 'LocalMachine')
    try {
        $opened.Open('ReadOnly, OpenExistingOnly')
        foreach ($one in $opened.Certificates) {
            @{
                Thumbprint = $one.Thumbprint; Subject = $one.Subject; HasPrivateKey = $one.HasPrivateKey
                NotBefore = $one.NotBefore; NotAfter = $one.NotAfter
            }
        }
    } catch [Security.Cryptography.CryptographicException] { return } finally { $opened.Close() }
}
