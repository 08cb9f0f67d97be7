# Stands in for onhost/Windows.ps1: the same functions, answered by the simulated computer.

function Test-Administrator { (Invoke-Lab -Command 'Test-Administrator' -Arguments @{}).value }

function Get-FileVersion {
    param([string]$Path)
    (Invoke-Lab -Command 'Get-FileVersion' -Arguments @{ path = $Path }).value
}

function Get-FolderAccess {
    param([string]$Path)
    $access = (Invoke-Lab -Command 'Get-FolderAccess' -Arguments @{ path = $Path }).value
    if ($null -ne $access) { @{ Owner = $access.owner; Sddl = $access.sddl } }
}

function Invoke-LocalApi {
    param([string]$Url, [string]$Method = 'GET', [string]$Body, [int]$TimeoutSeconds = 5, [int]$Limit = 65536)
    $question = @{ method = $Method; url = $Url; body = $Body; timeout_seconds = $TimeoutSeconds; limit = $Limit }
    $answer = Invoke-Lab -Command 'Invoke-LocalApi' -Arguments $question
    @{
        Status = $answer.status; Authenticate = @($answer.authenticate); Type = $answer.type; Whole = $answer.whole
        Body = $(if ($null -ne $answer.body) { [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($answer.body)) })
        Error = $answer.error; Untrusted = $answer.untrusted
    }
}

function Get-MonotonicMs { [long](Invoke-Lab -Command 'Get-MonotonicMs' -Arguments @{}).value }
