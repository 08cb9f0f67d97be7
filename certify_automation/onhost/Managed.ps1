# The raw values a plan may depend on. Planning and applying read them with these same functions.

function Get-FileValue($File) {
    if (-not $File -or -not $File.exists) { return 'absent' }
    if ($null -eq $File.sha256) { return 'unreadable' }
    $File.sha256
}

# The parts of Facts that the values are made of.
function Get-ManagedPart([int[]]$Ports) {
    $product = Get-ProductFacts
    [ordered]@{
        product = $product
        driver = Get-DriverFacts
        files = Get-ConfigFileFacts $product
        ip_listen = Get-ListenListFacts
        url_reservations = @(Get-ReservationFacts)
        data_acl = Get-DataAccessFacts $product
        firewall_rules = Get-FirewallRuleFacts $Ports
    }
}

# The texts of the rules that block the API.
function Get-RuleValue($Rules) {
    if ($null -eq $Rules) { return 'unreadable' }
    $texts = @(foreach ($rule in $Rules) { if ($rule.value.Contains('|Name=certify-automation-api|')) { $rule.value } })
    @(Get-OrdinalOrder $texts) -join "`n"
}

function Get-ManagedValue($Part) {
    $of = @{ product = $Part.product; driver = $Part.driver; service = $null }
    if ($Part.product.services.Count -eq 1) { $of.service = $Part.product.services[0] }
    $values = @{}
    foreach ($name in 'product.data_dir', 'product.generation', 'driver.state', 'driver.start_mode', 'service.name',
        'service.state', 'service.start_mode', 'service.failure_actions', 'service.delayed', 'service.failure_flag') {
        $noun, $key = $name.Split('.')
        $value = if ($of[$noun]) { $of[$noun][$key] } else { '' }
        if ('delayed', 'failure_flag' -contains $key) { $value = if ($value) { 'true' } else { 'false' } }
        $values[$name] = [string]$value
    }
    foreach ($name in $Part.files.Keys) { $values["file.$name"] = Get-FileValue $Part.files[$name] }
    $values['ip_listen'] = if ($null -eq $Part.ip_listen.live) { 'unreadable' } else { $Part.ip_listen.live -join ',' }
    $values['data_directory_acl'] = if ($Part.data_acl) { $Part.data_acl.sddl } else { '' }
    $values['firewall_rule'] = Get-RuleValue $Part.firewall_rules
    foreach ($one in $Part.url_reservations) { $values["url_reservation $($one.url)"] = $one.descriptor }
    foreach ($name in @(Get-OrdinalOrder @($values.Keys))) { [ordered]@{ name = $name; value = $values[$name] } }
}
