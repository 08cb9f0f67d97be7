# Windows' commands, answered by a Python process that keeps the simulated computer. One connection, one line a command.
function global:Connect-Lab {
    param([int]$Port)
    $stream = (New-Object -TypeName Net.Sockets.TcpClient -ArgumentList '127.0.0.1', $Port).GetStream()
    $global:LabWriter = New-Object -TypeName IO.StreamWriter -ArgumentList $stream
    $global:LabReader = New-Object -TypeName IO.StreamReader -ArgumentList $stream
}

function global:Invoke-Lab {
    param([string]$Command, $Arguments)
    $question = ConvertTo-Json -InputObject @{ command = $Command; arguments = $Arguments } -Compress -Depth 5
    $LabWriter.WriteLine($question)
    $LabWriter.Flush()
    $line = $LabReader.ReadLine()
    if ($null -eq $line) { [Environment]::Exit(137) }
    $answer = ConvertFrom-Json -InputObject $line
    if ($answer.failure) {
        if ($answer.failure.hresult) {
            throw (New-Object -TypeName IO.IOException -ArgumentList $answer.failure.message, $answer.failure.hresult)
        }
        throw $answer.failure.message
    }
    $answer
}

function global:Invoke-LabProgram {
    param([string]$Name, [object[]]$Arguments)
    $answer = Invoke-Lab -Command $Name -Arguments @($Arguments | ForEach-Object { [string]$_ })
    $global:LASTEXITCODE = $answer.exit_code
    $answer.lines
}

function global:netsh.exe { Invoke-LabProgram -Name 'netsh.exe' -Arguments $args }
function global:sc.exe { Invoke-LabProgram -Name 'sc.exe' -Arguments $args }
function global:icacls.exe { Invoke-LabProgram -Name 'icacls.exe' -Arguments $args }

# Says on standard error what went wrong.
function global:schtasks.exe {
    $lines = Invoke-LabProgram -Name 'schtasks.exe' -Arguments $args
    if ($LASTEXITCODE -eq 0) { $lines } else { $lines | Write-Error }
}

# CIM instances have the properties that were asked for, and dates as DateTime.
function global:Get-CimInstance {
    param(
        [Parameter(Mandatory = $true)][string]$ClassName, [string]$Namespace = 'root/cimv2', [string]$Filter = '',
        [string[]]$Property = @(), [Parameter(Mandatory = $true)][int]$OperationTimeoutSec
    )
    $query = @{ class_name = $ClassName; namespace = $Namespace; filter = $Filter; property = $Property }
    foreach ($row in @((Invoke-Lab -Command 'Get-CimInstance' -Arguments $query).rows)) {
        foreach ($date in 'LastBootUpTime', 'CreationDate') {
            if (-not $row.PSObject.Properties[$date] -or ($null -eq $row.$date)) { continue }
            $row.$date = [DateTimeOffset]::FromUnixTimeMilliseconds($row.$date).LocalDateTime
        }
        $row
    }
}

function global:Test-Path {
    param([Parameter(Mandatory = $true)][string]$LiteralPath)
    (Invoke-Lab -Command 'Test-Path' -Arguments @{ path = $LiteralPath }).exists
}

# The registry provider adds its own properties to a key's values.
function global:Get-ItemProperty {
    param([Parameter(Mandatory = $true)][string]$LiteralPath)
    $values = [ordered]@{}
    foreach ($value in @((Invoke-Lab -Command 'Get-ItemProperty' -Arguments @{ path = $LiteralPath }).values)) {
        $values[$value.name] = switch ($value.type) {
            'REG_BINARY' { , [Convert]::FromBase64String($value.data) }
            'REG_MULTI_SZ' { , [string[]]@($value.data) }
            default { $value.data }
        }
    }
    if ($values.Count -eq 0) { return }
    $values['PSPath'] = "Microsoft.PowerShell.Core\Registry::$LiteralPath"
    $values['PSChildName'] = 'Parameters'
    [pscustomobject]$values
}

function global:Get-Item {
    param([Parameter(Mandatory = $true)][string]$LiteralPath)
    $names = @((Invoke-Lab -Command 'Get-Item' -Arguments @{ path = $LiteralPath }).subkeys)
    $key = [pscustomobject]@{ Names = [string[]]$names }
    $key | Add-Member -MemberType ScriptMethod -Name 'GetSubKeyNames' -Value { , $this.Names }
    $key
}

# The computer's clock, which a sleep turns.
function global:Get-Date {
    [DateTimeOffset]::FromUnixTimeMilliseconds((Invoke-Lab -Command 'Get-Date' -Arguments @{}).unix_ms).LocalDateTime
}
function global:Start-Sleep {
    param([Parameter(Mandatory = $true)][int]$Milliseconds)
    $null = Invoke-Lab -Command 'Start-Sleep' -Arguments @{ milliseconds = $Milliseconds }
}
function global:Get-Culture { [pscustomobject]@{ Name = (Invoke-Lab -Command 'Get-Culture' -Arguments @{}).name } }
