# Where a service listens, as one text that can be compared.

# scheme://host:port in lower case, without path and without the address http.sys may append; other text as it is.
function ConvertTo-EndpointUrl([string]$Url) {
    $pattern = '^(https?://(?:\[[^\]/]+\]|[^:/\[\]]+):\d+)(?::[^/]+)?/?$'
    $match = [regex]::Match($Url.Trim(), $pattern, 'IgnoreCase, CultureInvariant')
    if ($match.Success) { $match.Groups[1].Value.ToLowerInvariant() } else { $Url.Trim() }
}
