"""What looking at one thing of this computer came to."""

from __future__ import annotations

from dataclasses import dataclass

from certify_automation.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Result:
    """What was looked at, what was seen (a line each), and what is wrong with it."""

    what: str
    seen: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
