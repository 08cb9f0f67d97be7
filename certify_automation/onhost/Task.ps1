# Registering a scheduled task that runs a script of ours as SYSTEM.

# The task: an account by SID, because names are translated, and none of the defaults that would stop it: batteries, three
# days, low priority. It runs a script of the protected folder, if that is still the text the task was made for. In what
# PowerShell is told there are single quotes only, because it stands between double ones, and neither a percent sign nor
# '$(': the scheduler would replace them.
function Get-TaskXml([string]$Id, $Parts) {
    $xml = @'
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
<Triggers>{triggers}</Triggers>
<Principals><Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>
<Settings>
<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
<ExecutionTimeLimit>{limit}</ExecutionTimeLimit>
<Priority>5</Priority>
</Settings>
<Actions Context="Author"><Exec>
<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>
<Arguments>-NoProfile -NonInteractive -Command "$ErrorActionPreference = 'Stop';
$file = $env:ProgramData + '/certify-automation/{file}';
{first};
$bytes = [IO.File]::ReadAllBytes($file);
$sha = New-Object -TypeName Security.Cryptography.SHA256CryptoServiceProvider;
if ([BitConverter]::ToString($sha.ComputeHash($bytes)).Replace('-', '') -ne '{digest}') { exit 1 };
$text = [Text.Encoding]::UTF8.GetString($bytes);
$null = &amp; ([scriptblock]::Create($text)) @{ Parameters = @{ {parameters} }; Text = $text }"</Arguments>
</Exec></Actions>
</Task>
'@
    foreach ($part in $Parts.Keys) { $xml = $xml.Replace("{$part}", $Parts[$part]) }
    $xml.Replace('{id}', $Id) -replace '\r?\n', ' '
}

# Registers the task, reads back what matters, and starts it. The file is in UTF-16 with its mark, as the scheduler exports tasks.
function Start-TaskProcess([string]$Id, [string]$Folder, $Parts, [string[]]$Read) {
    $file = Join-FilePath $Folder 'task.xml'
    $utf16 = [Text.Encoding]::Unicode
    $bytes = $utf16.GetPreamble() + $utf16.GetBytes((Get-TaskXml $Id $Parts))
    Invoke-FileAct { Write-NewFile $file $bytes }
    try { $null = Invoke-TaskProgram -Verb '/Create' -RunId $Id -Options '/XML', $file, '/F' } finally { Remove-Waste $file }
    $found = Invoke-TaskProgram -Verb '/Query' -RunId $Id -Options '/XML'
    foreach ($part in $Read + @($Parts.digest, '>S-1-5-18<', 'OnBatteries>false</Dis', 'OnBatteries>false</Stop')) {
        if (-not $found.Contains($part)) { Stop-Change 'timer' "The task reads back without ${part}: $found" }
    }
    $null = Invoke-TaskProgram '/Run' $Id
}
