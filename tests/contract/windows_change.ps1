# Stands in for onhost/WindowsChange.ps1.

function Get-FolderSddl {
    param([string]$Sddl)
    (Invoke-Lab -Command 'Get-FolderSddl' -Arguments @{ sddl = $Sddl }).value
}

function Set-FolderAccess {
    param([string]$Path, [string]$Sddl)
    $null = Invoke-Lab -Command 'Set-FolderAccess' -Arguments @{ path = $Path; sddl = $Sddl }
}

function New-ProtectedFolder {
    param([string]$Path, [string]$Sddl)
    $null = Invoke-Lab -Command 'New-ProtectedFolder' -Arguments @{ path = $Path; sddl = $Sddl }
}

function Get-CanonicalSddl {
    param($Descriptor)
    if ($Descriptor -is [string]) { $question = @{ sddl = $Descriptor } }
    else { $question = @{ bytes = [Convert]::ToBase64String($Descriptor) } }
    (Invoke-Lab -Command 'Get-CanonicalSddl' -Arguments $question).value
}

function Write-NewFile {
    param([string]$Path, [byte[]]$Bytes)
    $question = @{ path = $Path; content = [Convert]::ToBase64String($Bytes) }
    $null = Invoke-Lab -Command 'Write-NewFile' -Arguments $question
}

function Copy-SharedFile {
    param([string]$Path, [string]$New)
    $null = Invoke-Lab -Command 'Copy-SharedFile' -Arguments @{ path = $Path; new = $New }
}

function Switch-File {
    param([string]$New, [string]$Old, [string]$Backup)
    $null = Invoke-Lab -Command 'Switch-File' -Arguments @{ new = $New; old = $Old; backup = $Backup }
}

function Rename-NewFile {
    param([string]$New, [string]$Path)
    $null = Invoke-Lab -Command 'Rename-NewFile' -Arguments @{ new = $New; path = $Path }
}

function Remove-OldFile {
    param([string]$Path)
    $null = Invoke-Lab -Command 'Remove-OldFile' -Arguments @{ path = $Path }
}

function Add-FileLine {
    param([string]$Path, [string]$Text)
    $null = Invoke-Lab -Command 'Add-FileLine' -Arguments @{ path = $Path; content = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes("$Text`n")) }
}

function Remove-WholeFolder {
    param([string]$Path)
    $null = Invoke-Lab -Command 'Remove-WholeFolder' -Arguments @{ path = $Path }
}

function Write-EventEntry {
    param([string]$Type, [int]$Id, [string]$Text)
    $null = Invoke-Lab -Command 'Write-EventEntry' -Arguments @{ type = $Type; id = $Id; text = $Text }
}
