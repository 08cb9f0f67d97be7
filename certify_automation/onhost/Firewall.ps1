# The firewall's rules as the registry has them: its own cmdlets take up to a minute where there are many.

# Inbound rules for these ports, and those of $Name; $null when they cannot be read.
function Get-FirewallRuleFacts([int[]]$Ports, [string]$Name = 'certify-automation-api') {
    $path = Get-ServiceKey 'SharedAccess\Parameters\FirewallPolicy\FirewallRules'
    $wanted = "\|(LPort=($($Ports -join '|'))|Name=$Name)\|"
    $values = @()
    try {
        if (-not (Test-Path -LiteralPath $path)) { return }
        $key = Get-RegistryKey $path
    } catch { return }
    if ($key) { $values = $key.PSObject.Properties }
    $found = @(foreach ($value in $values) {
        $text = $value.Value
        if (($text -is [string]) -and $text.Contains('|Dir=In|') -and [regex]::IsMatch($text, $wanted)) { $value.Name }
    })
    , @(foreach ($rule in @(Get-OrdinalOrder $found)) { [ordered]@{ name = $rule; value = $values[$rule].Value } })
}
