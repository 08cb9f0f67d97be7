"""Where in a product's JSON file a value stands, so that people can be shown its line. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from certify_automation.config_merge.core_settings import Path, folded
from certify_automation.config_merge.lenient_json import decode
from certify_automation.config_merge.splicing import TOKEN, scalars


def value_lines(content: bytes | None) -> Mapping[Path, int]:
    """Lines, from 1, of texts, numbers and literals by path in lower case, items of arrays by number from `0`.

    Of a name that is there twice the last one counts, as it does for the product. Empty for a file that is malformed or
    written in ways that only the product reads (single quotes, names without any).
    """
    text, _ = decode(content or b"")
    try:
        found = [(folded(path), token.start()) for path, token in scalars(list(TOKEN.finditer(text)))]
    except (ValueError, LookupError):
        return {}
    return {path: text.count("\n", 0, start) + 1 for path, start in found}
