"""The event log System of a simulated computer, asked with the XPath that the scripts use."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from certify_automation.lab.windows import Computer

_QUERY = re.compile(
    r"\*\[System\[Provider\[@Name='(?P<provider>[^']+)'\] and \((?P<ids>EventID=\d+(?: or EventID=\d+)*)\)"
    r" and TimeCreated\[timediff\(@SystemTime\) <= (?P<age_ms>\d+)\]\](?: and EventData\[(?P<named>[^\]]+)\])?\]"
)
_NAMED = re.compile(r'Data="([^"]*)"')
_MOST_EXPRESSIONS = 20
"""An event query with more fails on Windows."""


def events(computer: Computer, xpath: str, most: int) -> list[dict[str, Any]]:
    """The entries that match, newest first."""
    query = _QUERY.fullmatch(xpath)
    assert query is not None, xpath
    ids = {int(number) for number in re.findall(r"\d+", query["ids"])}
    names = set(_NAMED.findall(query["named"] or ""))
    assert len(ids) + len(names) < _MOST_EXPRESSIONS
    oldest = computer.clock.now() - timedelta(milliseconds=int(query["age_ms"]))
    found = [
        {
            "record": number,
            "provider": one.provider,
            "id": one.event_id,
            "unix_ms": round(one.written.timestamp() * 1000),
            "values": list(one.values),
        }
        for number, one in enumerate(computer.system_log.entries)
        if one.provider == query["provider"] and one.event_id in ids and one.written >= oldest
        if not names or names & set(one.values)
    ]
    return found[::-1][:most]
