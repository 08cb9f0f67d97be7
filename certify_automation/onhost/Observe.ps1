# Observe: reads, and writes nothing.
Set-StrictMode -Version 3.0
Set-SearchPath
$parameters = $args[0].Parameters
Get-Reply -Value { ConvertTo-AsciiJson -Value (Get-Facts -Request $parameters -Lock (Get-LockFacts) -Records (Get-RecordFacts -Wanted $parameters.run)) }
