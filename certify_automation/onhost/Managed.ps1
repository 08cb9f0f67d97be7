# The raw values a plan may depend on. Planning and applying read them with these same functions.

function Get-FileValue {
    param($File)
    if (($null -eq $File) -or -not $File.exists) { return 'absent' }
    if ($null -eq $File.sha256) { return 'unreadable' }
    $File.sha256
}

function Get-ServiceValue {
    param([Collections.IDictionary]$Values, $Product)
    $Values['service.name'] = ''
    $Values['service.state'] = ''
    $Values['service.start_mode'] = ''
    $Values['service.delayed'] = 'false'
    $Values['service.failure_actions'] = ''
    $Values['service.failure_flag'] = 'false'
    if ($Product.services.Count -ne 1) { return }
    $service = $Product.services[0]
    $Values['service.name'] = $service.name
    $Values['service.state'] = $service.state
    $Values['service.start_mode'] = $service.start_mode
    if ($service.delayed) { $Values['service.delayed'] = 'true' }
    $Values['service.failure_actions'] = [string]$service.failure_actions
    if ($service.failure_flag) { $Values['service.failure_flag'] = 'true' }
}

# What the values are made of.
function Get-ManagedPart {
    param([int[]]$Ports)
    $product = Get-ProductFacts
    @{
        Product = $product; Driver = Get-DriverFacts; Files = Get-ConfigFileFacts -Product $product
        ListenList = Get-ListenListFacts; Reservations = @(Get-ReservationFacts)
        Access = Get-DataAccessFacts -Product $product; Rules = Get-FirewallRuleFacts -Ports $Ports
    }
}

function Get-ManagedNow {
    $parts = Get-ManagedPart
    Get-ManagedValue @parts
}

# The texts of the rules that block the API.
function Get-RuleValue {
    param($Rules)
    if ($null -eq $Rules) { return 'unreadable' }
    $texts = @($Rules | ForEach-Object { $_.value } | Where-Object { $_.Contains('|Name=certify-automation-api|') })
    @(Get-OrdinalOrder -Names $texts) -join "`n"
}

function Get-ManagedValue {
    param($Product, $Driver, $Files, $ListenList, [object[]]$Reservations, $Access, $Rules)
    $values = @{}
    Get-ServiceValue -Values $values -Product $Product
    $values['product.data_dir'] = [string]$Product.data_dir
    $values['product.generation'] = [string]$Product.generation
    $values['driver.state'] = if ($Driver) { $Driver.state } else { '' }
    $values['driver.start_mode'] = if ($Driver) { $Driver.start_mode } else { '' }
    foreach ($name in $Files.Keys) { $values["file.$name"] = Get-FileValue -File $Files[$name] }
    $values['ip_listen'] = if ($null -eq $ListenList.live) { 'unreadable' } else { $ListenList.live -join ',' }
    $values['data_directory_acl'] = if ($Access) { $Access.sddl } else { '' }
    $values['firewall_rule'] = Get-RuleValue -Rules $Rules
    foreach ($reservation in $Reservations) { $values["url_reservation $($reservation.url)"] = $reservation.descriptor }
    foreach ($name in @(Get-OrdinalOrder -Names @($values.Keys))) {
        [ordered]@{ name = $name; value = $values[$name] }
    }
}
