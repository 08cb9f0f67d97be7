# Apply: makes the changes of one plan, or none.
Set-StrictMode -Version 3.0
Set-SearchPath
$call = $args[0]
Get-Reply -Value { Invoke-Plan -Plan $call.Parameters -DeadlineSeconds $call.DeadlineSeconds }
