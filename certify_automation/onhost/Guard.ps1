# Guard: makes the changes of a plan under a dead-man timer; keeps or takes back what a run has done; is the timer.
Set-StrictMode -Version 3.0
Set-Surroundings
$call = $args[0]
# A timer answers nobody, and must not end because WMI does not answer yet when the computer starts.
if ($call.Parameters.verb -eq 'timer') { return (Invoke-Timer $call) }
Get-Reply { if ($call.Parameters.verb -eq 'apply') { Invoke-Plan $call } else { Complete-NamedRun $call } }
