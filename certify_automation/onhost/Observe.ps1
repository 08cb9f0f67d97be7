# Observe: reads, and writes nothing.
Set-StrictMode -Version 3.0
Set-SearchPath
$request = $args[0].Parameters
Get-Reply -Value { Get-Facts -Request $request -Lock (Get-LockFacts) }
