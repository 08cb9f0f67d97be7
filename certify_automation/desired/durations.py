"""How long something may take, as the files write it."""

from __future__ import annotations

import re

_FORM = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(value: object) -> int | None:
    """Seconds of `90`, `"90"`, `90s`, `5m`, `12h` or `1d`; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    return int(match["number"]) * _SECONDS[match["unit"]] if match else None


def shown(value: int) -> str:
    """Seconds in their largest whole unit: `60s` is `1m`."""
    unit = next(unit for unit in ("d", "h", "m", "s") if not value % _SECONDS[unit] and (value or unit == "s"))
    return f"{value // _SECONDS[unit]}{unit}"
