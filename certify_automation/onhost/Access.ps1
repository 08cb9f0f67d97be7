# Who can get at the product: the rights on its data folder, and the firewall rule that blocks its API.

# The same text for lists of rights that mean the same: whether it is protected, and its entries but those that the folder
# above gives to one that is not.
function Get-AccessText([string]$Sddl) {
    $head, $entries = (Get-FolderSddl $Sddl).Split('(')
    $protected = [regex]::IsMatch($head, 'D:[A-Z]*P')
    $own = @($entries | Where-Object { $protected -or -not [regex]::IsMatch($_, '^[^;]*;[A-Z]*ID') })
    "$protected " + (@(Get-OrdinalOrder $own) -join '(')
}

function Get-DataAccess([string]$Path) {
    $access = Get-FolderAccess $Path
    if (-not $access) { Stop-Change 'access_control' "The rights on $Path cannot be read." }
    $access.Sddl
}

# Setting it may fail on its way through the files below, when the folder itself has its new list.
function Set-DataAccess($Run, [string]$Path, [string]$Sddl) {
    $wanted = Get-AccessText $Sddl
    if ((Get-AccessText (Get-DataAccess $Path)) -ceq $wanted) { return }
    Write-Intent $Run
    $Run.Acted = $true
    Set-FolderAccess $Path $Sddl
    $now = Get-DataAccess $Path
    if ((Get-AccessText $now) -cne $wanted) { Stop-Change 'access_control' "The rights on $Path read $now." }
}

# 'absent', 'present' when every rule of the name blocks the port for everybody, otherwise 'other'.
function Get-FirewallRuleState([string]$Name, [int]$Port) {
    $rules = Get-FirewallRuleFacts -Name $Name
    if ($null -eq $rules) { Stop-Change 'firewall' 'The rules of the firewall cannot be read.' }
    $text = "|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=$Port|Name=$Name|"
    if (@($rules | Where-Object { -not $_.value.Contains($text) }).Count) { 'other' }
    elseif ($rules.Count) { 'present' } else { 'absent' }
}

# Many rules may have one name, so another one is not added to.
function Set-FirewallRule($Run, [string]$Name, [int]$Port, [bool]$Present) {
    $wanted = if ($Present) { 'present' } else { 'absent' }
    $now = Get-FirewallRuleState $Name $Port
    if ($now -eq $wanted) { return }
    $call = @{ Run = $Run; Code = 'firewall' }
    $rule = 'rule', "name=$Name", 'dir=in'
    if ($now -ne 'absent') { Invoke-Netsh @call -Arguments ('advfirewall', 'firewall', 'delete' + $rule) }
    $block = 'action=block', 'protocol=TCP', "localport=$Port", 'profile=any'
    if ($Present) { Invoke-Netsh @call -Arguments ('advfirewall', 'firewall', 'add' + $rule + $block) }
    $now = Get-FirewallRuleState $Name $Port
    if ($now -ne $wanted) { Stop-Change 'firewall' "The rules named $Name are now: $now." }
}
