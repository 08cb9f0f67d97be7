# What no command of both Windows PowerShell 5.1 and PowerShell 7 can do. Nothing here decides anything.

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = [Security.Principal.WindowsPrincipal]::new($identity)
    # By role, not by name: the group's name is translated.
    $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# The four numbers of a program's file version; $null when it has none.
function Get-FileVersion([string]$Path) {
    if (-not [IO.File]::Exists($Path)) { return $null }
    $version = [Diagnostics.FileVersionInfo]::GetVersionInfo($Path)
    if ($null -eq $version.FileVersion) { return $null }
    '{0}.{1}.{2}.{3}' -f $version.FileMajorPart, $version.FileMinorPart, $version.FileBuildPart, $version.FilePrivatePart
}

# The owner's SID and the descriptor of a folder; $null when it cannot be read.
function Get-FolderAccess([string]$Path) {
    if (-not [IO.Directory]::Exists($Path)) { return $null }
    try {
        $acl = Get-Acl -LiteralPath $Path
        @{ Owner = $acl.GetOwner([Security.Principal.SecurityIdentifier]).Value; Sddl = $acl.Sddl }
    } catch { return $null }
}

# A request of this account to this computer, never through a proxy. It says what it takes: some versions answer others
# with XML. Status is $null when no answer came; Untrusted says
# that a listener was met whose certificate does not validate, as the product's own does not. Whoever listens there may
# send without end: the body is read up to $Limit characters, for as long as an answer may take, and is Whole when it ended.
function Invoke-LocalApi([string]$Url, [string]$Method = 'GET', [string]$Body, [int]$TimeoutSeconds = 5, [int]$Limit = 65536) {
    $answer = @{ Status = $null; Authenticate = @(); Body = $null; Whole = $false; Error = $null; Untrusted = $false }
    $response = $null
    try {
        $request = [Net.WebRequest]::Create($Url)
        $request.Method = $Method
        $request.Accept = 'application/json'
        $request.Proxy = $null
        $request.UseDefaultCredentials = $true
        $request.AllowAutoRedirect = $false
        $request.Timeout = $request.ReadWriteTimeout = 1000 * $TimeoutSeconds
        if ($Body -ne '') {
            $request.ContentType = 'application/json'
            $writer = [IO.StreamWriter]::new($request.GetRequestStream())
            try { $writer.Write($Body) } finally { $writer.Close() }
        }
        $response = $request.GetResponse()
    } catch {
        if ($web = $_.Exception.InnerException -as [Net.WebException]) { $response = $web.Response }
        $answer.Untrusted = ($cause = $_.Exception.GetBaseException()) -is [Security.Authentication.AuthenticationException]
        if (-not $response) { $answer.Error = $cause.Message }
    }
    if (-not $response) { return $answer }
    $answer.Status = [int]$response.StatusCode
    $answer.Type = $response.ContentType
    $answer.Authenticate = @($response.Headers.GetValues('WWW-Authenticate') | Where-Object { $_ })
    $text = [Text.StringBuilder]::new()
    $until = (Get-MonotonicMs) + 1000 * $TimeoutSeconds
    try {
        $reader = [IO.StreamReader]::new($response.GetResponseStream())
        $piece = [Array]::CreateInstance([char], 4096)
        do {
            $count = $reader.Read($piece, 0, $piece.Length)
            [void]$text.Append($piece, 0, $count)
        } while (($count -gt 0) -and ($text.Length -lt $Limit) -and ((Get-MonotonicMs) -lt $until))
        $answer.Body = $text.ToString()
        $answer.Whole = -not $count
    } catch { $answer.Error = Get-ErrorText $_ } finally { $request.Abort() }
    $answer
}

# Milliseconds that no change of the computer's clock touches.
function Get-MonotonicMs {
    [long]([Diagnostics.Stopwatch]::GetTimestamp() * 1000.0 / [Diagnostics.Stopwatch]::Frequency)
}
