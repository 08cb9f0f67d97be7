# A managed certificate as the API shows it, cut down to what the controller needs.

# A text of the answer: a date has a blank before it, an empty text is none.
function ConvertTo-AnswerText($Value) {
    $text = [string]$Value
    if ($text -ceq '') { return $null }
    if ([regex]::IsMatch($text, '^ \d{4}-\d\d-\d\dT')) { return $text.Substring(1) }
    $text
}

# Milliseconds since 1970-01-01 UTC; a date without an offset is the computer's own time.
function ConvertTo-DateMs($Value) {
    $date = [DateTimeOffset]::MinValue
    if (($Value -isnot [string]) -or -not $Value.StartsWith(' ')) { return $null }
    $text = $Value.Substring(1)
    $invariant = [Globalization.CultureInfo]::InvariantCulture
    if ([DateTimeOffset]::TryParse($text, $invariant, 'AssumeLocal', [ref]$date)) { $date.ToUnixTimeMilliseconds() }
}

# A whole number; $null when it is none.
function ConvertTo-WholeNumber($Value) {
    if (($Value -is [ValueType]) -and ($Value -isnot [bool])) { [long]$Value }
}

# A number that may have a fraction, as its shortest text.
function ConvertTo-NumberText($Value) {
    if (($Value -is [ValueType]) -and ($Value -isnot [bool])) {
        ([double]$Value).ToString('R', [Globalization.CultureInfo]::InvariantCulture)
    }
}

# The primary name first, then those that are not there yet.
function Get-ItemIdentifier($Config) {
    Set-StrictMode -Off
    $known = [Collections.Hashtable]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($name in @($Config.primaryDomain) + $Config.subjectAlternativeNames + $Config.subjectIPAddresses) {
        if (($name -isnot [string]) -or ($name -ceq '') -or $known.ContainsKey($name)) { continue }
        $known[$name] = $true
        $name
    }
}

# The members a version does not have are null.
function ConvertTo-ManagedItem($Item) {
    Set-StrictMode -Off
    $config = $Item.requestConfig
    [ordered]@{
        id = ConvertTo-AnswerText $Item.id
        name = ConvertTo-AnswerText $Item.name
        item_type = [long](ConvertTo-WholeNumber $Item.itemType)
        identifiers = @(Get-ItemIdentifier $config)
        authority = ConvertTo-AnswerText $Item.certificateAuthorityId
        current_authority = ConvertTo-AnswerText $Item.certificateCurrentCA
        last_authority = ConvertTo-AnswerText $Item.lastAttemptedCA
        staging = $Item.useStagingMode -eq $true
        auto_renew = $Item.includeInAutoRenew -eq $true
        skip_request = $Item.skipCertificateRequest -eq $true
        interval_mode = ConvertTo-AnswerText $Item.customRenewalIntervalMode
        interval_target = ConvertTo-NumberText $Item.customRenewalTarget
        preferred_expiry_days = ConvertTo-NumberText $config.preferredExpiryDays
        start_utc_ms = ConvertTo-DateMs $Item.dateStart
        expiry_utc_ms = ConvertTo-DateMs $Item.dateExpiry
        renewed_utc_ms = ConvertTo-DateMs $Item.dateRenewed
        scheduled_utc_ms = ConvertTo-DateMs $Item.dateNextScheduledRenewalAttempt
        attempted_utc_ms = ConvertTo-DateMs $Item.dateLastRenewalAttempt
        status = ConvertTo-WholeNumber $Item.lastRenewalStatus
        failures = [long](ConvertTo-WholeNumber $Item.renewalFailureCount)
        failure_message = ConvertTo-AnswerText (Limit-Text $Item.renewalFailureMessage 500)
        thumbprint = ConvertTo-AnswerText ([string]$Item.certificateThumbprintHash).ToUpperInvariant()
        previous_thumbprint = ConvertTo-AnswerText ([string]$Item.certificatePreviousThumbprintHash).ToUpperInvariant()
        revoked = $Item.certificateRevoked -eq $true
        has_certificate = [string]$Item.certificatePath -cne ''
        deployment = ConvertTo-WholeNumber $config.deploymentSiteOption
        site = ConvertTo-AnswerText $Item.serverSiteId
    }
}
