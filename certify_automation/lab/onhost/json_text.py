"""JSON as the scripts write it."""

from __future__ import annotations

import json
import re
from typing import Any

_NOT_PLAIN = re.compile(r"[^ !#-\[\]-~]")


def ascii_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON on one line as the scripts write it: everything that could need an escape is one."""
    if isinstance(value, str):
        return '"' + _NOT_PLAIN.sub(_escaped, value) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{ascii_json(name)}:{ascii_json(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(ascii_json, value)) + "]"
    return json.dumps(value)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
