# Renew: sets preferences and has certificates renewed, once a run is confirmed. Nothing of it is ever undone or repeated.
Set-StrictMode -Version 3.0
Set-Surroundings
$call = $args[0]
if (Test-SystemTask $call) { return (Complete-SystemTask $call { Get-SystemAnswer $call }) }
Get-Reply { Invoke-Renew $call }
