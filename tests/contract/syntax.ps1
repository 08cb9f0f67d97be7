# For each script: the functions it defines with their lengths, the commands it calls, the types and members it names.
param([string[]]$Path)

function Get-NodeText {
    param($Ast, [type]$Type, [scriptblock]$Text)
    $nodes = $Ast.FindAll({ param($node) $node -is $Type }.GetNewClosure(), $true)
    @($nodes | ForEach-Object $Text | Where-Object { $_ } | Select-Object -Unique)
}

foreach ($file in $Path) {
    $tokens = $null
    $problems = $null
    $ast = [Management.Automation.Language.Parser]::ParseFile($file, [ref]$tokens, [ref]$problems)
    $functions = $ast.FindAll({ param($node) $node -is [Management.Automation.Language.FunctionDefinitionAst] }, $true)
    $language = 'Management.Automation.Language'
    $found = [ordered]@{
        file = Split-Path -Path $file -Leaf
        problems = @($problems | ForEach-Object { $_.Message })
        functions = @($functions | ForEach-Object {
            @{ name = $_.Name; lines = $_.Extent.EndLineNumber - $_.Extent.StartLineNumber + 1 }
        })
        statements = @($ast.EndBlock.Statements | ForEach-Object { $_.GetType().Name })
        commands = @(Get-NodeText $ast "$language.CommandAst" { if ($_.GetCommandName()) { $_.GetCommandName() } else { $_.CommandElements[0].Extent.Text } })
        types = @(Get-NodeText $ast "$language.TypeExpressionAst" { $_.TypeName.FullName }) +
        @(Get-NodeText $ast "$language.TypeConstraintAst" { $_.TypeName.FullName })
        members = @(Get-NodeText $ast "$language.MemberExpressionAst" {
            $owner = if ($_.Static) { $_.Expression.Extent.Text + '::' } else { '' }
            $called = if ($_ -is [Management.Automation.Language.InvokeMemberExpressionAst]) { '()' } else { '' }
            $owner + $_.Member.Extent.Text + $called
        })
        strings = @(Get-NodeText $ast "$language.StringConstantExpressionAst" { if ($_.Parent.CommandElements -and $_.Parent.GetCommandName() -eq 'New-Object') { $_.Value } })
    }
    ConvertTo-Json -InputObject $found -Compress -Depth 6
}
