# What the service control manager does when a service fails.

# The same text for recoveries that do the same: the last action repeats itself, and without any action there is no period.
# A word is an action and its delay as sc.exe takes them, for none without its name.
function Get-RecoveryText([bool]$Flag, [string]$Reset, [string[]]$Words) {
    $actions = [regex]::Replace(($Words -join ' '), '(^| )(\S+)( \2)+$', '$1$2')
    if ([regex]::IsMatch($actions, '[a-z]')) { "$Flag $Reset $actions" } else { "$Flag" }
}

# SERVICE_FAILURE_ACTIONS as the registry has it: the reset period in seconds, two words of no use here, the number of
# actions and where they begin; an action is its type and a delay in milliseconds.
function Get-ServiceRecovery([string]$Name) {
    $facts = Get-RecoveryFacts $Name
    if (-not $facts.failure_actions) { return (Get-RecoveryText $facts.failure_flag) }
    $bytes = [Convert]::FromBase64String($facts.failure_actions)
    $kinds = '', 'restart', 'reboot', 'run'
    try {
        $at = [BitConverter]::ToUInt32($bytes, 16)
        $words = for ($left = [BitConverter]::ToUInt32($bytes, 12); $left -gt 0; $left--) {
            "$($kinds[[BitConverter]::ToUInt32($bytes, $at)])/$([BitConverter]::ToUInt32($bytes, $at + 4))"
            $at += 8
        }
        $reset = ([string][BitConverter]::ToUInt32($bytes, 0)).Replace('4294967295', 'INFINITE')
        Get-RecoveryText -Flag $facts.failure_flag -Reset $reset -Words $words
    } catch { 'unreadable' }
}

# sc.exe must not be given an empty argument, which 5.1 drops: no action at all is one that does nothing. The command and
# the message of an action are not given, so they stay.
function Set-ServiceRecovery($Run, [string]$Name, $Recovery) {
    $words = @(foreach ($one in $Recovery.actions) { "$(if ($one.action -ne 'none') { $one.action })/$($one.delay_ms)" })
    $reset = if ($null -eq $Recovery.reset_seconds) { 'INFINITE' } else { [string]$Recovery.reset_seconds }
    $flag = [bool]$Recovery.on_stop_with_error
    $wanted = Get-RecoveryText -Flag $flag -Reset $reset -Words $words
    if ((Get-ServiceRecovery $Name) -ceq $wanted) { return }
    $actions = if ($words.Count) { $words -join '/' } else { '/0' }
    Invoke-ServiceConfiguration $Run 'failure', $Name, 'reset=', $reset, 'actions=', $actions
    Invoke-ServiceConfiguration $Run 'failureflag', $Name, ([string][int]$flag)
    $now = Get-ServiceRecovery $Name
    if ($now -cne $wanted) { Stop-Change 'service_config' "The recovery of $Name reads '$now'." }
}
