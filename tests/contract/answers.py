"""What a Windows program gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """Exit code and the lines of standard output."""

    exit_code: int
    lines: tuple[str, ...] = ()
