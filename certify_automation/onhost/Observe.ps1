# Observe: reads, and writes nothing.
Set-StrictMode -Version 3.0
Set-Surroundings
$parameters = $args[0].Parameters
Get-Reply { ConvertTo-AsciiJson (Get-Facts -Request $parameters -Lock (Get-LockFacts) -Records (Get-RecordFacts $parameters.run)) }
