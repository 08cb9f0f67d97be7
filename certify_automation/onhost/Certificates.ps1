# Preferences and certificates in one answer: what the API says of them, and what Windows does.

# An object of the answer as JSON: its own names and numbers, dates as they came.
function ConvertTo-AnswerJson($Value) {
    if ($Value -is [string]) { return (ConvertTo-AsciiJsonString ([regex]::Replace($Value, '^ (?=\d{4}-\d\d-\d\dT)', ''))) }
    if (($Value -is [double]) -or ($Value -is [decimal])) { return (ConvertTo-NumberText $Value) }
    if ($Value -is [Array]) { return '[' + (@(foreach ($one in $Value) { ConvertTo-AnswerJson $one }) -join ',') + ']' }
    if (($null -eq $Value) -or ($Value.GetType().Name -ne 'PSCustomObject')) { return (ConvertTo-AsciiJson $Value) }
    $members = foreach ($one in $Value.PSObject.Properties) {
        (ConvertTo-AsciiJsonString $one.Name) + ':' + (ConvertTo-AnswerJson $one.Value)
    }
    '{' + (@($members) -join ',') + '}'
}

# Every item once, as JSON by its id, a page at a time: what a page holds besides is let go. Windows PowerShell may refuse
# JSON of more than 2 MiB, so a longer page is asked for again in fifths.
function Read-AllItem([string]$Url, [long]$Until) {
    $items = [Collections.Hashtable]::new([StringComparer]::Ordinal)
    $call = @{ Url = $Url; Path = 'managedcertificates/results'; Method = 'POST'; Until = $Until }
    $size = 250
    $index = 0
    do {
        $answer = Get-ApiAnswer @call -Body (ConvertTo-AsciiJson ([ordered]@{ pageIndex = $index; pageSize = $size }))
        $more = $true
        if (($answer.Body.Length -gt 2097152) -and ($size -gt 2)) {
            $size /= 5
            $index *= 5
            continue
        }
        $page = ConvertFrom-ApiAnswer $answer
        $known = $items.Count
        try {
            $total = ConvertTo-WholeNumber $page.totalResults
            if (($page.results -isnot [Array]) -or ($null -eq $total)) { throw 'This is no page.' }
            foreach ($item in $page.results) {
                $one = ConvertTo-ManagedItem $item
                if ($null -eq $one.id) { throw 'This is no item.' }
                $items[$one.id] = ConvertTo-AsciiJson $one
            }
        } catch { Stop-Api -Code 'answer' -Message (Get-AnswerExcerpt $answer) -Request $answer.Request -Status 200 }
        $index++
        # One that brings nothing new would be followed by others without end.
        $more = ($page.results.Count -ge $size) -and ($items.Count -lt $total) -and ($items.Count -gt $known)
    } while ($more)
    @{ Items = $items; Total = $total }
}

# The members of `certificates` that the API answers, as JSON text: 5.1 could not read that of many certificates again.
function Get-ApiJson($Endpoint, [long]$Until) {
    $parts = [ordered]@{ failure = 'null'; preferences = 'null'; summary = 'null'; total = 'null'; items = 'null' }
    $call = @{ Url = Get-EndpointUrl $Endpoint; Until = $Until }
    try {
        $parts.preferences = ConvertTo-AnswerJson (Read-ProductApi @call -Path 'preferences')
        $summary = Read-ProductApi @call -Path 'managedcertificates/summary' -Method 'POST' -Body '{}'
        $parts.summary = ConvertTo-AnswerJson $summary
        $all = Read-AllItem @call
        $parts.total = ConvertTo-AsciiJson $all.Total
        $found = foreach ($id in @(Get-OrdinalOrder @($all.Items.Keys))) { $all.Items[$id] }
        $parts.items = '[' + (@($found) -join ',') + ']'
    } catch { $parts.failure = ConvertTo-AsciiJson (Get-ApiFailure $_) }
    '{' + (@(foreach ($name in $parts.Keys) { '"' + $name + '":' + $parts[$name] }) -join ',') + '}'
}

# The same for an API that was not asked.
function Get-UnaskedJson([string]$Message, [string]$Code = 'task') {
    $failure = [ordered]@{ code = $Code; message = $Message; request = ''; status = $null }
    ConvertTo-AsciiJson ([ordered]@{ failure = $failure; preferences = $null; summary = $null; total = $null; items = $null })
}

# Two settings of appsettings.json: GET preferences never reports the first, and may report the second as null.
function Get-SettingsFacts($Product) {
    $facts = @{ issuer_cache = $null; data_store = $null }
    if (-not $Product.data_dir) { return $facts }
    Set-StrictMode -Off
    try {
        $text = (Read-FileText (Join-FilePath $Product.data_dir 'appsettings.json')).TrimStart([char]0xFEFF)
        $settings = ConvertFrom-Json -InputObject $text
        if ($settings.EnableIssuerCache -is [bool]) { $facts.issuer_cache = $settings.EnableIssuerCache }
        if ($settings.ConfigDataStoreConnectionId -is [string]) { $facts.data_store = $settings.ConfigDataStoreConnectionId }
    } catch { $null = $_ }
    $facts
}

# A log that is full goes on in session_001.log, and so forth: the last by its name is the newest.
function Get-SessionLogPath([string]$DataFolder) {
    $folder = Join-FilePath $DataFolder 'logs'
    $names = if ([IO.Directory]::Exists($folder)) {
        foreach ($file in [IO.Directory]::GetFiles($folder)) { (Split-FilePath $file).Name }
    }
    $logs = @(Get-OrdinalOrder @(@($names) -match '\Asession(_\d+)?\.log\z'))
    Join-FilePath $folder (@('session.log') + $logs)[-1]
}

function Get-PassLine($Product) {
    if (-not $Product.data_dir) { return }
    (Get-LogFacts -Path (Get-SessionLogPath $Product.data_dir) -Limit 65536 -Count 5 -Marks 'renewal tasks').lines
}

# When the process of the one product service started.
function Get-ServiceStartMs($Product) {
    if (($Product.services.Count -ne 1) -or -not $Product.services[0].process_id) { return }
    $filter = "ProcessId=$($Product.services[0].process_id)"
    $wanted = 'ProcessId', 'CreationDate'
    $process = Get-CimInstance -ClassName 'Win32_Process' -Filter $filter -Property $wanted -OperationTimeoutSec 30
    if ($process -and $process.CreationDate) { Get-UnixTimeMs $process.CreationDate }
}

function Get-StoreFacts([string]$Store) {
    $found = @{}
    foreach ($one in @(Get-StoreCertificate $Store)) {
        $found[$one.Thumbprint] = [ordered]@{
            store = $Store; thumbprint = $one.Thumbprint; subject = $one.Subject
            start_utc_ms = Get-UnixTimeMs $one.NotBefore; expiry_utc_ms = Get-UnixTimeMs $one.NotAfter
            has_private_key = $one.HasPrivateKey
        }
    }
    foreach ($thumbprint in @(Get-OrdinalOrder @($found.Keys))) { $found[$thumbprint] }
}

# What Windows itself has of certificates: those that can be served, and those that are.
function Get-TlsFacts {
    $tables = [ordered]@{ ip = 'SslBindingInfo'; sni = 'SslSniBindingInfo'; ccs = 'SslCcsBindingInfo' }
    $bindings = foreach ($kind in $tables.Keys) {
        foreach ($one in @(Get-CertificateBindingFacts -Table $tables[$kind])) {
            [ordered]@{ kind = $kind; name = $one.name; cert_hash = $one.cert_hash; store = $one.store }
        }
    }
    $store = @(Get-StoreFacts 'My') + @(Get-StoreFacts 'WebHosting') | Select-Object -First 5000
    [ordered]@{ store = @($store); bindings = @($bindings) }
}

# What the API answers a visit or its task that has as long as $Call says.
function Get-AskedJson($Call) {
    Get-ApiJson -Endpoint $Call.Parameters.observe.endpoint -Until ((Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds)
}

# The member `certificates`, as JSON text; $Api is what the API has said, when it was asked already.
function Get-CertificateJson($Call, $Product, [long]$Until, [string]$Api) {
    $asked = $Call.Parameters
    if ($Api -eq '') {
        try {
            $Api = if ($asked.certificates.access -eq 'task') {
                $request = [ordered]@{ observe = $asked.observe; certificates = $asked.certificates }
                Invoke-SystemTask -Call $Call -Request $request -Until $Until
            } else { Get-ApiJson $asked.observe.endpoint $Until }
        } catch { $Api = Get-UnaskedJson (Get-ErrorText $_) }
    }
    $settings = Get-SettingsFacts $Product
    $own = [ordered]@{
        access = $asked.certificates.access
        issuer_cache = $settings.issuer_cache
        data_store = $settings.data_store
        passes = @(Get-PassLine $Product)
        service_started_utc_ms = Get-ServiceStartMs $Product
        tls = $(if ($asked.certificates.tls) { Get-TlsFacts })
    }
    $text = ConvertTo-AsciiJson $own
    $text.Substring(0, $text.Length - 1) + ',' + $Api.Substring(1)
}

# Facts with `certificates`, as JSON text.
function Get-InventoryJson($Call, $Lock, $Records, [string]$Api) {
    $until = (Get-MonotonicMs) + 1000 * $Call.DeadlineSeconds
    $facts = Get-Facts -Request $Call.Parameters.observe -Lock $Lock -Records $Records
    $certificates = Get-CertificateJson -Call $Call -Product $facts.product -Until $until -Api $Api
    $text = ConvertTo-AsciiJson $facts
    $text.Substring(0, $text.Length - 1) + ',"certificates":' + $certificates + '}'
}
