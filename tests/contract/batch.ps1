# Many visits in one engine: each line of input names the port, the variables and the request of one.
$lines = @($input)
$bootstrap = [scriptblock]::Create([IO.File]::ReadAllText($env:LAB_BOOTSTRAP))
foreach ($line in $lines) {
    $visit = ConvertFrom-Json -InputObject $line
    foreach ($variable in $visit.environment.PSObject.Properties) {
        [Environment]::SetEnvironmentVariable($variable.Name, $variable.Value)
    }
    Connect-Lab -Port $visit.port
    $visit.request | & $bootstrap
    $LabWriter.Close()
}
