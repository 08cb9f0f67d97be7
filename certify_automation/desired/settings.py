"""certify-automation.yaml: how this repository wants to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certify_automation.desired import durations


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that a repository fixes for everybody; a flag on the command line wins. None = not set.

    Attributes:
        forks: hosts visited at the same time.
        max_failures: failed hosts, as a number (`3`) or a share (`10%`), after which no further host is started.
        confirm_within: seconds in which a change that can cut a host off must be confirmed, 60 to 900.
    """

    forks: int | None = None
    max_failures: str | None = None
    confirm_within: int | None = None


def read_settings(data: Mapping[str, Any]) -> Settings:
    """The settings in data that fits its schema."""
    failures = data.get("max_failures")
    return Settings(
        data.get("forks"),
        None if failures is None else str(failures),
        durations.seconds(data.get("confirm_within")),
    )
