"""Saved plans: one JSON document with the plans of many hosts, complete with the bytes to be written."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify_automation import __version__, private_file
from certify_automation.errors import UsageError
from certify_automation.model.plan import Plan
from certify_automation.model.plan_codec import plan_from_record, plan_to_record, record_digest

SCHEMA_VERSION = 3
_KIND = "certify-automation plan"
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What one run of plan found.

    Attributes:
        created_utc_ms: milliseconds since 1970-01-01 UTC.
        commit: of the fleet repository, when it is one under version control.
        plans: those with changes, in the order of the run.
        tool_version: of the program that wrote the file.
    """

    created_utc_ms: int
    plans: tuple[Plan, ...]
    commit: str | None = None
    tool_version: str = __version__


def check_target(path: Path) -> None:
    """Says that a plan cannot be saved there before anything is done to make one.

    Raises:
        UsageError: CA5010, it is no regular file, or its folder is missing or may not be written to.
    """
    obstacle = private_file.obstacle(path, "a plan")
    if obstacle:
        raise UsageError("CA5010", f"the plan cannot be written to {path}: {obstacle}")


def save(path: Path, file: PlanFile) -> None:
    """Writes a plan file that only its owner may read: it holds the bytes of configuration files.

    Raises:
        UsageError: CA5010, the file cannot be written.
    """
    check_target(path)
    body = {
        "kind": _KIND,
        "schema_version": SCHEMA_VERSION,
        "tool_version": file.tool_version,
        "created_utc_ms": file.created_utc_ms,
        "commit": file.commit,
        "plans": [plan_to_record(plan) for plan in file.plans],
    }
    text = json.dumps({**body, "digest": record_digest(body)}, indent=1) + "\n"
    try:
        private_file.write(path, text)
    except OSError as error:
        raise UsageError("CA5010", f"the plan cannot be written to {path}: {error.strerror}") from error


def load(path: Path) -> PlanFile:
    """Reads a plan file back, exactly as it was saved.

    Raises:
        UsageError: CA5011 not readable, CA5012 not a plan file, CA5013 another version's, CA5014 changed since it was
            written, CA5015 everybody may write to it.
    """
    body = _body(path)
    _check_version(path, body)
    digest = body.pop("digest", None)
    if digest != record_digest(body):
        raise UsageError("CA5014", f"{path} is not as it was written", hint="plan again; a plan file is never edited")
    try:
        plans = tuple(plan_from_record(record) for record in body["plans"])
        return PlanFile(int(body["created_utc_ms"]), plans, body["commit"], str(body["tool_version"]))
    except (LookupError, TypeError, ValueError) as error:
        raise UsageError("CA5012", f"{path} is not a plan file of certify-automation: {error}") from error


def _check_version(path: Path, body: Mapping[str, Any]) -> None:
    written = body.get("tool_version"), body.get("schema_version")
    if written != (__version__, SCHEMA_VERSION):
        raise UsageError(
            "CA5013",
            f"{path} was written by certify-automation {written[0]} in format {written[1]}, "
            f"this is {__version__} and reads format {SCHEMA_VERSION}",
            hint="plan again with this version",
        )


def _body(path: Path) -> dict[str, Any]:
    try:
        found = path.stat()
        if found.st_size > _LARGEST:
            raise UsageError("CA5012", f"{path} is too large to be a plan file")
        if os.name == "posix" and found.st_mode & stat.S_IWOTH:
            raise UsageError(
                "CA5015",
                f"everybody on this computer may write to {path}: it may say something else than was planned",
                hint="plan again with `plan -o`, which keeps the file to its owner",
            )
        body = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError("CA5011", f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("CA5012", f"{path} is not a plan file of certify-automation: no JSON") from error
    if not isinstance(body, dict) or body.get("kind") != _KIND:
        raise UsageError(
            "CA5012",
            f"{path} is not a plan file of certify-automation",
            hint="write one with `certify-automation plan -o FILE`",
        )
    return body
