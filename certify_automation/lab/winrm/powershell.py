"""Reading the command line of a PowerShell that was started with an encoded command."""

from __future__ import annotations

import base64
import binascii
import re

_ENCODED = re.compile(r"(?:^|\s)[-/](?P<switch>[a-z]+)\s+(?P<text>[A-Za-z0-9+/=]+)", re.IGNORECASE)
_PARAMETER = "encodedcommand"


def decode_encoded_command(command_line: str) -> str | None:
    """The script of `powershell ... -EncodedCommand BASE64`, or None if the line has no such argument or it is damaged.

    The parameter may be shortened to any prefix (`-e`, `-enc`) or to `-ec`, in any case, as powershell.exe takes it.
    """
    for match in _ENCODED.finditer(command_line):
        switch = match["switch"].lower()
        if switch != "ec" and not _PARAMETER.startswith(switch):
            continue
        try:
            return base64.b64decode(match["text"], validate=True).decode("utf-16-le")
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
