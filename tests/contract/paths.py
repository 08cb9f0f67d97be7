"""Windows paths of a simulated disk <-> the real paths below which its files lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WINDOWS = re.compile(r'(?P<drive>[A-Za-z]):\\(?P<rest>[^"\r\n]*)')


@dataclass(frozen=True, slots=True)
class Paths:
    r"""`C:\ProgramData\x` is ROOT/C/ProgramData/x, also inside a longer text such as a quoted command line."""

    root: Path

    def inward(self, text: str) -> str:
        """What the engine is told."""
        return _WINDOWS.sub(lambda m: f"{self.root}/{m['drive']}/" + m["rest"].replace("\\", "/"), text)

    def outward(self, text: str) -> str:
        """What the engine says, as Windows would say it."""
        real = re.compile(re.escape(str(self.root)) + r"/(?P<drive>[A-Za-z])(?P<rest>(?:/[^\"\r\n]*)?)")
        return real.sub(lambda m: f"{m['drive']}:" + m["rest"].replace("/", "\\"), text)

    def everywhere_outward(self, value: Any) -> Any:
        """`outward` of every text of a document."""
        if isinstance(value, str):
            return self.outward(value)
        if isinstance(value, list):
            return [self.everywhere_outward(item) for item in value]
        if isinstance(value, dict):
            return {key: self.everywhere_outward(item) for key, item in value.items()}
        return value

    def everywhere_inward(self, value: Any) -> Any:
        """`inward` of every text of a document."""
        if isinstance(value, str):
            return self.inward(value)
        if isinstance(value, list):
            return [self.everywhere_inward(item) for item in value]
        if isinstance(value, dict):
            return {key: self.everywhere_inward(item) for key, item in value.items()}
        return value
