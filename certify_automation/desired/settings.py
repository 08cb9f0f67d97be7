"""certify-automation.yaml: how this repository wants to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that a repository fixes for everybody; a flag on the command line wins. None = not set.

    Attributes:
        forks: hosts visited at the same time.
        max_failures: failed hosts, as a number (`3`) or a share (`10%`), after which no further host is started.
    """

    forks: int | None = None
    max_failures: str | None = None


def read_settings(data: Mapping[str, Any]) -> Settings:
    """The settings in data that fits its schema."""
    failures = data.get("max_failures")
    return Settings(data.get("forks"), None if failures is None else str(failures))
