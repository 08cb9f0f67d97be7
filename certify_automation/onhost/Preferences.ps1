# Setting the product's preferences: it takes the whole object or nothing, and resets what is left out of it.

# The preferences as they are. GET always says of enableIssuerCache that it is off; the product's file knows it.
function Read-Preference($Work) {
    $settings = Get-SettingsFacts (Get-ProductFacts)
    $values = [ordered]@{}
    foreach ($one in (Read-ProductApi -Url $Work.Url -Path 'preferences' -Until $Work.Until).PSObject.Properties) {
        $values[$one.Name] = $one.Value
    }
    $cache = 'enableIssuerCache'
    if ($values.Contains($cache) -or ($null -ne $settings.issuer_cache)) { $values[$cache] = $settings.issuer_cache }
    @{ Values = $values; DataStore = $settings.data_store }
}

# The names of preferences whose value is none of those on the named sides of what is asked.
function Get-OtherPreference($Work, $Values, [string[]]$Sides) {
    foreach ($one in $Work.Asked.preferences) {
        $now = ConvertTo-AnswerJson $Values[$one.name]
        if (@($Sides | Where-Object { $now -ceq (ConvertTo-AnswerJson $one.$_) }).Count -eq 0) { $one.name }
    }
}

# What is sent, and in $Found from now on: all that GET says, with the new values. A data store id that is null is refused, one that is left out becomes
# 0, and with that the product does not start again; flags that are null are refused.
function Get-WholePreference($Work, $Found) {
    $values = $Found.Values
    foreach ($one in $Work.Asked.preferences) { $values[$one.name] = $one.after }
    foreach ($id in $Found.DataStore, '(default)') {
        if (-not $values['configDataStoreConnectionId'] -or ($values['configDataStoreConnectionId'] -eq '0')) {
            $values['configDataStoreConnectionId'] = $id
        }
    }
    if ($null -eq $values['featureFlags']) { $values['featureFlags'] = @() }
    ConvertTo-AnswerJson ([pscustomobject]$values)
}

# What a refused request is answered with, without what may follow in it: its status, its first line, the names it is about.
function Get-RefusalText($Answer) {
    if (-not $Answer.Status) { return $Answer.Error }
    $names = try { @((ConvertFrom-Json -InputObject $Answer.Body).errors.PSObject.Properties | ForEach-Object { $_.Name }) } catch { @() }
    Limit-Text "$($Answer.Status) $(Get-AnswerExcerpt $Answer) $($names -join ', ')".Trim() 500
}

# Whether anything was sent; an error with a code of docs/contract.md where the preferences are not as asked.
function Set-WholePreference($Work) {
    $found = Read-Preference $Work
    $moved = @(Get-OtherPreference $Work $found.Values 'before', 'after')
    if ($moved.Count) { Stop-Change 'preferences_moved' ($moved -join ', ') }
    if (@(Get-OtherPreference $Work $found.Values 'after').Count -eq 0) { return $false }
    $body = Get-WholePreference $Work $found
    if ($found.Values.Contains('enableIssuerCache') -and ($null -eq $found.Values['enableIssuerCache'])) {
        Stop-Change 'issuer_cache' 'EnableIssuerCache is not known: appsettings.json cannot be read, or does not have it.'
    }
    $Work.Preferences = New-PreferenceFailure 'unknown_request' 'They were sent, and it is not known what became of that.'
    Save-Progress $Work
    $answer = Invoke-ProductApi -Url $Work.Url -Path 'preferences' -Method 'POST' -Body $body
    if ($answer.Status -ne 200) { Stop-Change 'preferences_refused' "POST /api/preferences: $(Get-RefusalText $answer)" }
    $other = @(Get-OtherPreference $Work (Read-Preference $Work).Values 'after')
    if ($other.Count) { Stop-Change 'preferences_refused' "Afterwards these read otherwise: $($other -join ', ')" }
    $true
}

function New-PreferenceFailure([string]$Code, [string]$Message) {
    [ordered]@{ status = 'failed'; failure = [ordered]@{ code = $Code; message = $Message } }
}

function Set-Preference($Work) {
    if (@($Work.Asked.preferences).Count -eq 0) { return }
    try {
        $status = if (Set-WholePreference $Work) { 'done' } else { 'unchanged' }
        $Work.Preferences = [ordered]@{ status = $status; failure = $null }
    } catch {
        $Work.Preferences = New-PreferenceFailure (Get-FailureCode $_ 'preferences_refused') (Get-ErrorText $_)
    }
}
