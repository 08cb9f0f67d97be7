# For each script of a folder: its tokens and the kinds of its syntax tree's nodes, in order. Line ends and comments are left out.
param([string]$Folder)

foreach ($file in [IO.Directory]::GetFiles($Folder, '*.ps1') | Sort-Object) {
    $tokens = $null
    $problems = $null
    $ast = [Management.Automation.Language.Parser]::ParseFile($file, [ref]$tokens, [ref]$problems)
    $kept = foreach ($token in $tokens) { if ('NewLine', 'Comment', 'EndOfInput' -notcontains $token.Kind) { "$($token.Kind) $($token.Text)" } }
    $nodes = foreach ($node in $ast.FindAll({ $true }, $true)) { $node.GetType().Name }
    $form = [ordered]@{ file = Split-Path -Path $file -Leaf; tokens = @($kept); nodes = @($nodes) }
    ConvertTo-Json -InputObject $form -Compress -Depth 3
}
