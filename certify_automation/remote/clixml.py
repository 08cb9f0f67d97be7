"""PowerShell's standard error: plain text, or CLIXML in which every stream is mixed.

`powershell.exe -EncodedCommand` with redirected output writes errors, warnings and progress as CLIXML documents, each
announced by a line `#< CLIXML`, several one after the other. Characters that XML cannot hold are `_xHHHH_`.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_ANNOUNCEMENT = "#< CLIXML"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DOCUMENT = re.compile(r"<Objs\b.*?</Objs>", re.DOTALL)


def error_text(stderr: bytes) -> str:
    """What was written as an error: the Error records of every CLIXML document, and text that is not CLIXML."""
    plain, *documents = stderr.decode("utf-8", "replace").split(_ANNOUNCEMENT)
    return "\n".join(filter(None, [plain.strip(), *map(str.strip, map(_errors, documents))]))


def _errors(text: str) -> str:
    match = _DOCUMENT.search(text)
    if match is None:
        return text
    try:
        root = ET.fromstring(match[0])  # noqa: S314 - expat 2.4.1 and later limits entity expansion
    except ET.ParseError:
        return text
    records = [node.text or "" for node in root.iter() if node.tag.endswith("}S") and node.get("S") == "Error"]
    return unescape("".join(records)) + text[match.end() :].rstrip()


def unescape(text: str) -> str:
    """`_xHHHH_` decoded: UTF-16 code units, so that two in a row may be one character; `_x005F_` is the underscore."""
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
