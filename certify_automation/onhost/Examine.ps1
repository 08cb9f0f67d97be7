# Examine: what Inventory reads, wherever the product listens, and what is around it. Its task of SYSTEM only asks the API.
Set-StrictMode -Version 3.0
Set-Surroundings
$call = $args[0]
if (Test-SystemTask $call) { return (Complete-SystemTask $call { Get-AskedJson $Call }) }
Get-Reply { Get-ExaminedJson -Call $call -Lock (Get-LockFacts) -Records (Get-RecordFacts $call.Parameters.observe.run) }
