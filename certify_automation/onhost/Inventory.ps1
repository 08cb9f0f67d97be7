# Inventory: what Observe reads, and certificates as the product's API and Windows know them. In a task of SYSTEM it only asks the API.
Set-StrictMode -Version 3.0
Set-Surroundings
$call = $args[0]
$asked = $call.Parameters
if ($asked.PSObject.Properties['verb']) {
    return (Get-ApiJson -Endpoint $asked.observe.endpoint -Until ((Get-MonotonicMs) + 1000 * $call.DeadlineSeconds))
}
Get-Reply { Get-InventoryJson -Call $call -Lock (Get-LockFacts) -Records (Get-RecordFacts $asked.observe.run) }
