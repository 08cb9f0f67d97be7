# The product: its services, generation, folders, and the variables it reads.

# Both generations' names; an installation that renamed its service is found by the program it starts.
function Get-ProductService {
    $names = 'Certify.Service', 'Certify.Server.Core', 'Certify Management Agent'
    $programs = 'Certify.Service.exe', 'Certify.Server.Core.exe'
    $terms = @($names | ForEach-Object { "Name='$_'" }) + @($programs | ForEach-Object { "PathName LIKE '%$_%'" })
    $found = @(Get-ServiceInstance ($terms -join ' OR '))
    foreach ($name in @(Get-OrdinalOrder @($found | ForEach-Object { $_.Name }))) {
        $facts = Get-ServiceFacts ($found | Where-Object { $_.Name -ceq $name })
        $recovery = Get-RecoveryFacts $name
        foreach ($key in $recovery.Keys) { $facts[$key] = $recovery[$key] }
        $facts
    }
}

# The program of a service's command line: quoted, or up to its .exe.
function Get-ServiceProgram([string]$PathName) {
    $match = [regex]::Match($PathName, '^\s*(?:"([^"]+)"|(.+?\.exe)(?=\s|$))', 'IgnoreCase, CultureInvariant')
    if ($match.Success) { $match.Groups[1].Value + $match.Groups[2].Value }
}

function Get-ProductGeneration([string]$Program) {
    $name = (Split-FilePath $Program).Name
    if ($name -eq 'Certify.Service.exe') { 'v6' } elseif ($name -eq 'Certify.Server.Core.exe') { 'v7' }
}

# Only names on this list leave the host: other variables may hold secrets.
function Test-ProductVariable([string]$Name) {
    $certify = 'ENABLE_PER_INSTANCE_SETTINGS|APPDATA_PATH|APP_DATA|SERVICE_(TRANSPORT|PIPE_NAME|AUTH_MODE)'
    [regex]::IsMatch($Name, "^(CERTIFY_($certify)|ASPNETCORE_URLS|Kestrel__Endpoints__.+__Url)\z", 'IgnoreCase, CultureInvariant')
}

function Get-VariableFacts([string]$Scope, [Collections.IDictionary]$Variables) {
    foreach ($name in @(Get-OrdinalOrder @($Variables.Keys))) {
        if (Test-ProductVariable $name) {
            [ordered]@{ scope = $Scope; name = $name; value = [string]$Variables[$name] }
        }
    }
}

# The product's variables of the machine, then those only the service gets.
function Get-ProductEnvironment([object[]]$Services) {
    $machine = @{}
    $key = Get-RegistryKey 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment'
    if ($key) { foreach ($value in $key.PSObject.Properties) { $machine[$value.Name] = $value.Value } }
    Get-VariableFacts 'machine' $machine
    foreach ($service in $Services) {
        $own = @{}
        foreach ($line in [string[]]@(Get-RegistryValue (Get-ServiceKey $service.name) 'Environment')) {
            $at = $line.IndexOf('=')
            if ($at -gt 0) { $own[$line.Substring(0, $at)] = $line.Substring($at + 1) }
        }
        Get-VariableFacts 'service' $own
    }
}

# Where the service keeps its data: v7 lets a variable move the whole folder; both append the machine's name for 'true'
# and for nothing else. The product's own pages write Certify, which is another folder where case matters.
function Get-DataFolder([string]$Generation, [object[]]$Environment) {
    $values = [Collections.Hashtable]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($variable in $Environment) { $values[$variable.name] = $variable.value }
    if (($Generation -eq 'v7') -and $values['CERTIFY_APPDATA_PATH']) { return $values['CERTIFY_APPDATA_PATH'] }
    $folder = Join-FilePath $env:ProgramData 'certify'
    $other = Join-FilePath $env:ProgramData 'Certify'
    if (-not [IO.Directory]::Exists($folder) -and [IO.Directory]::Exists($other)) { $folder = $other }
    if ($values['CERTIFY_ENABLE_PER_INSTANCE_SETTINGS'] -ne 'true') { return $folder }
    Join-FilePath $folder $env:COMPUTERNAME.ToLowerInvariant()
}

# Places are only known when there is exactly one service and its program is the product's.
function Get-ProductFacts {
    $services = @(Get-ProductService)
    $environment = @(Get-ProductEnvironment $services)
    $facts = [ordered]@{
        services = $services; generation = $null; version = $null; executable = $null
        install_dir = $null; data_dir = $null; environment = $environment
    }
    if ($services.Count -ne 1) { return $facts }
    $facts.executable = Get-ServiceProgram $services[0].path_name
    if (-not $facts.executable) { return $facts }
    $facts.generation = Get-ProductGeneration $facts.executable
    if (-not $facts.generation) { return $facts }
    $facts.version = Get-FileVersion $facts.executable
    $facts.install_dir = (Split-FilePath $facts.executable).Folder
    $facts.data_dir = Get-DataFolder $facts.generation $environment
    $facts
}
