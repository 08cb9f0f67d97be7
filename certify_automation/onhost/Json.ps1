# JSON as one ASCII line, the same in both versions: ConvertTo-Json differs between them in dates, depth and escapes.

function ConvertTo-AsciiJsonString([string]$Text) {
    $special = '[^ !#-\[\]-~]'
    if (-not [regex]::IsMatch($Text, $special)) { return '"' + $Text + '"' }
    $escaped = [regex]::Replace($Text, $special, { param($match) '\u{0:x4}' -f [int][char]$match.Value })
    '"' + $escaped + '"'
}

# $Value is made of $null, booleans, integers, strings, dictionaries, what ConvertFrom-Json gives, and lists; anything else
# is a mistake. Names of members are plain words.
function ConvertTo-AsciiJson($Value) {
    if ($null -eq $Value) { return 'null' }
    if ($Value -is [string]) { return (ConvertTo-AsciiJsonString $Value) }
    if ($Value -is [bool]) { if ($Value) { return 'true' } else { return 'false' } }
    if ($Value.GetType().Name -eq 'PSCustomObject') {
        $members = foreach ($one in $Value.PSObject.Properties) { '"' + $one.Name + '":' + (ConvertTo-AsciiJson $one.Value) }
        return '{' + (@($members) -join ',') + '}'
    }
    if ($Value -is [Collections.IDictionary]) {
        $members = foreach ($key in $Value.Keys) { '"' + $key + '":' + (ConvertTo-AsciiJson $Value[$key]) }
        return '{' + (@($members) -join ',') + '}'
    }
    if ($Value -is [Collections.IEnumerable]) {
        $items = foreach ($item in $Value) { ConvertTo-AsciiJson $item }
        return '[' + (@($items) -join ',') + ']'
    }
    if ($Value -is [ValueType]) { return ([long]$Value).ToString([Globalization.CultureInfo]::InvariantCulture) }
    throw "No JSON for $($Value.GetType().FullName)."
}

# Names in ordinal order, whatever the culture sorts by.
function Get-OrdinalOrder([string[]]$Names) {
    $sorted = [string[]]@($Names)
    [Array]::Sort($sorted, [StringComparer]::Ordinal)
    $sorted
}
