# Apply: makes the changes of one plan, or none.
Set-StrictMode -Version 3.0
Set-Surroundings
$call = $args[0]
$asked = $call.Parameters
if (($asked.verb -ne 'apply') -or $asked.plan.confirm_seconds) { throw 'This takes the script Guard.' }
Get-Reply { Invoke-Plan $call }
