"""Bundles: what examinations brought home, kept as one JSON document to be examined later and elsewhere."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certify_automation import private_file
from certify_automation.errors import ProtocolError, UsageError
from certify_automation.model.codec import facts_from_json
from certify_automation.model.facts import Facts
from certify_automation.remote.contract import decoded
from certify_automation.remote.symptoms import shown

SCHEMA_VERSION = 1
_KIND = "bundle"
_LARGEST = 256 * 1024 * 1024
_HEAD_BYTES = 1024
_HEAD = re.compile(r'\s*\{\s*"kind"\s*:\s*"bundle"')
# What Windows PowerShell 5.1 writes: `>` makes UTF-16, `-Encoding UTF8` a byte order mark.
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MAKE_ANOTHER = "make another with `doctor --save FILE`, or with the script of `doctor --bundle-script`"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one host was like.

    Attributes:
        made_utc_ms: when it was seen, by the clock of the computer that wrote the file.
    """

    host: str
    made_utc_ms: int
    facts: Facts


def check_bundle_target(path: Path) -> None:
    """Says that a bundle cannot be saved there before anything is done to make one.

    Raises:
        UsageError: CA5042, it is no regular file, something else than a bundle, or its folder is missing or may not be
            written to.
    """
    obstacle = private_file.obstacle(path, "a bundle") or _foreign(path)
    if obstacle:
        raise UsageError("CA5042", f"the bundle cannot be written to {path}: {obstacle}", hint="name another file")


def _foreign(path: Path) -> str:
    """That there is something which was not made here and would be lost."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return str(error.strerror)
    return "" if not head or _HEAD.match(_text(head, "ignore")) else "there is a file which is no bundle"


def save_bundles(path: Path, seen: Sequence[tuple[str, Mapping[str, Any]]], now_utc_ms: int) -> None:
    """Writes what hosts showed into a file that only its owner may read: it holds the bytes of configuration files.

    Args:
        path: where to; a bundle that is there is replaced.
        seen: host -> Facts as the host gave them.
        now_utc_ms: when they were seen.

    Raises:
        UsageError: CA5042, the file cannot be written.
    """
    check_bundle_target(path)
    hosts = [{"host": name, "made_utc_ms": now_utc_ms, "facts": facts} for name, facts in seen]
    document = {"kind": _KIND, "schema_version": SCHEMA_VERSION, "hosts": hosts}
    try:
        private_file.write(path, json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise UsageError("CA5042", f"the bundle cannot be written to {path}: {error.strerror}") from error


def load_bundles(path: Path) -> tuple[Bundle, ...]:
    """Reads a file that `save_bundles`, or the script on a host's console, has written.

    UTF-8 with and without a byte order mark and UTF-16 with one are read.

    Raises:
        UsageError: CA5043 not readable, CA5044 no bundle, CA5045 of another version, CA5046 a damaged one.
    """
    document = _document(path)
    if document.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            "CA5045",
            f"{path} is a bundle in format {shown(str(document.get('schema_version')))}, this program reads format "
            f"{SCHEMA_VERSION}",
            hint="read it with the version of certify-automation that made it, or make another with this one",
        )
    try:
        return decoded(document, "bundle.schema.json", _bundles)
    except ProtocolError as error:
        reason = error.message.removeprefix("the host's answer ")
        raise UsageError("CA5046", f"{path} is a damaged bundle: it {reason}", hint=_MAKE_ANOTHER) from error


def _bundles(document: Mapping[str, Any]) -> tuple[Bundle, ...]:
    return tuple(Bundle(one["host"], one["made_utc_ms"], facts_from_json(one["facts"])) for one in document["hosts"])


def _document(path: Path) -> Mapping[str, Any]:
    try:
        # Of a pipe or a device nobody knows the size before it is read.
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError("CA5043", f"{path} cannot be read: {error.strerror}", hint="name another file") from error
    if len(content) > _LARGEST:
        raise UsageError("CA5044", f"{path} is too large to be a bundle", hint=_MAKE_ANOTHER)
    try:
        document = json.loads(_text(content))
    except UnicodeDecodeError as error:
        message = f"{path} is no bundle: it is neither UTF-8 nor UTF-16 with a byte order mark"
        raise UsageError("CA5044", message, hint=_MAKE_ANOTHER) from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, content, error) from error
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        found = document.get("kind") if isinstance(document, dict) else None
        what = f"it is a {found!r}" if isinstance(found, str) and found else "it does not say what it is"
        raise UsageError("CA5044", f"{path} is no bundle: {what[:80]}", hint=_MAKE_ANOTHER)
    return document


def _unreadable(path: Path, content: bytes, error: ValueError | RecursionError) -> UsageError:
    place = f" at line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    if _HEAD.match(_text(content[:_HEAD_BYTES], "ignore")):
        message = f"{path} is a damaged bundle: its JSON breaks off or is wrong{place}"
        return UsageError("CA5046", message, hint="copy it again from the server as a file, not by way of a console")
    return UsageError("CA5044", f"{path} is no bundle: it is no JSON{place}", hint=_MAKE_ANOTHER)


def _text(content: bytes, errors: str = "strict") -> str:
    mark, encoding = next((one for one in _MARKS if content.startswith(one[0])), (b"", "utf-8"))
    return content[len(mark) :].decode(encoding, errors)
