# The product's API, asked on the computer itself.

function Get-EndpointUrl($Endpoint) {
    $scheme = if ($Endpoint.https) { 'https' } else { 'http' }
    $address = if ($Endpoint.host.Contains(':')) { "[$($Endpoint.host)]" } else { $Endpoint.host }
    "${scheme}://${address}:$($Endpoint.port)"
}

# The schemes of WWW-Authenticate, without the tokens that may follow them.
function Get-AuthenticationScheme([string[]]$Headers) {
    foreach ($header in $Headers) {
        foreach ($part in [regex]::Replace($header, '"[^"]*"', '').Split(',')) {
            $scheme = $part.Trim().Split(' ')[0]
            if (($scheme -ne '') -and -not $scheme.Contains('=')) { $scheme }
        }
    }
}

# A request that reads nothing but the version; the summary proves the database, and is asked for only by a caller that
# the API accepts.
function Get-ApiFacts([string]$Url) {
    $answer = Invoke-LocalApi "$Url/api/system/appversion"
    $facts = [ordered]@{
        url = $Url; status = $answer.Status; authenticate = @(Get-AuthenticationScheme $answer.Authenticate)
        body = $null; error = $answer.Error; untrusted = $answer.Untrusted; summary_status = $null
    }
    if ($answer.Status -ne 200) { return $facts }
    # No body when the connection broke in the middle of it.
    if ($null -ne $answer.Body) { $facts.body = $answer.Body.Substring(0, [Math]::Min(100, $answer.Body.Length)) }
    $summary = Invoke-LocalApi -Method 'POST' -Url "$Url/api/managedcertificates/summary" -Body '{}'
    if (401, 403 -notcontains $summary.Status) { $facts.summary_status = $summary.Status }
    $facts
}
