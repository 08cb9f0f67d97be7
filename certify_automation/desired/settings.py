"""certify-automation.yaml: how this repository wants to be run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from certify_automation.desired import durations
from certify_automation.desired.nodes import Document
from certify_automation.desired.secrets import local_path
from certify_automation.desired.words import near, shown
from certify_automation.errors import Problem, Severity
from certify_automation.guard.limits import published_authorities

_OTHERS = "default"
_GIVEN_BY_THE_PRODUCT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""The form of an id that the product makes up for an authority somebody has added."""


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


def check_limits(document: Document) -> Iterator[Problem]:
    """Problems of `ca_limits` in a document that fits its schema: ids that may be mistyped."""
    known = published_authorities()
    for authority in document.data.get("ca_limits") or {}:
        if authority.casefold() in {_OTHERS, *known} or _GIVEN_BY_THE_PRODUCT.fullmatch(authority):
            continue
        usual = f"known are {', '.join(sorted(known))}; right if you have added it to the product under this id"
        hint = near(authority, [*known, _OTHERS]) or usual
        message = f"no limits are published of an authority {shown(authority)}"
        yield Problem("CA1280", message, document.position(("ca_limits", authority), key=True), hint, Severity.WARNING)
