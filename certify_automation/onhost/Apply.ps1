# Apply: makes the changes of one plan, or none; keeps or takes back what a run has done.
Set-StrictMode -Version 3.0
Set-SearchPath
$call = $args[0]
# A timer answers nobody, and must not end because WMI does not answer yet when the computer starts.
if ($call.Parameters.verb -eq 'timer') { return (Invoke-Timer -Call $call) }
Get-Reply -Value { if ($call.Parameters.verb -eq 'apply') { Invoke-Plan -Call $call } else { Complete-NamedRun -Call $call } }
