"""certify-automation.yaml: how this repository wants to be run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certify_automation.desired import durations
from certify_automation.desired.secrets import local_path


@dataclass(frozen=True, slots=True)
class Settings:
    """Options that a repository fixes for everybody; a flag on the command line wins. None = not set.

    Attributes:
        forks: hosts visited at the same time.
        max_failures: failed hosts, as a number (`3`) or a share (`10%`), after which no further host is started.
        confirm_within: seconds in which a change that can cut a host off must be confirmed, 60 to 900.
        state_directory: folder of what is remembered between runs.
        ca_limits: certification authority, or `default` -> limits that are other than the published ones.
        verify_ca_file: PEM file with authorities that `verify` trusts besides the system's.
    """

    forks: int | None = None
    max_failures: str | None = None
    confirm_within: int | None = None
    state_directory: str | None = None
    ca_limits: Mapping[str, Any] = field(default_factory=dict)
    verify_ca_file: str | None = None


def read_settings(data: Mapping[str, Any], folder: Path) -> Settings:
    """The settings in data that fits its schema; relative paths start at the folder."""
    failures = data.get("max_failures")

    def path(text: str | None) -> str | None:
        return None if text is None else str(local_path(folder, text))

    return Settings(
        data.get("forks"),
        None if failures is None else str(failures),
        durations.seconds(data.get("confirm_within")),
        path(data.get("state_directory")),
        data.get("ca_limits") or {},
        path((data.get("trust") or {}).get("ca_file")),
    )
