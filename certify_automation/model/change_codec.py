"""Changes to the contract's JSON and back, from their fields: one place for every kind."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias, get_args, get_type_hints

from certify_automation.model.change import Change, FileWrite
from certify_automation.model.config_files import FileName
from certify_automation.model.recovery import FailureAction, Recovery, RecoveryAction
from certify_automation.model.service import StartMode

JsonObject: TypeAlias = "dict[str, object]"


def _kinds() -> dict[str, type[Change]]:
    return {one.kind: one for part in get_args(Change) for one in (get_args(part) or (part,))}


KINDS = _kinds()
"""Every kind of change by its name on the wire."""

_HINTS = {kind: get_type_hints(one) for kind, one in KINDS.items()}


def change_to_json(change: Change) -> JsonObject:
    """The change as schemas/plan.schema.json has it; a file as digests and base64, without the bytes it had."""
    if isinstance(change, FileWrite):
        return _file_to_json(change)
    values = {one.name: _to_json(getattr(change, one.name)) for one in fields(change)}
    return {"kind": change.kind, **values}


def change_from_json(item: Mapping[str, Any], before: bytes | None = None) -> Change:
    """The change of what `change_to_json` wrote.

    Args:
        item: one change.
        before: the bytes the file had, which the wire does not carry; for `file.write` only.

    Raises:
        LookupError, TypeError, ValueError: it is no such change; ValueError also when the bytes are not those of the
            digests.
    """
    kind = item["kind"]
    if kind == FileWrite.kind:
        return _file_from_json(item, before)
    hints = _HINTS[kind]
    values = {one.name: _from_json(hints[one.name], item[one.name]) for one in fields(KINDS[kind])}
    return KINDS[kind](**values)


def recovery_to_json(recovery: Recovery) -> JsonObject:
    """As the contract writes it; `reset_seconds` null = the count of failures is never reset."""
    actions = [{"action": one.action.word, "delay_ms": one.delay_ms} for one in recovery.actions]
    return {
        "reset_seconds": recovery.reset_seconds,
        "actions": actions,
        "on_stop_with_error": recovery.on_stop_with_error,
    }


def recovery_from_json(item: Mapping[str, Any]) -> Recovery:
    """The recovery of what `recovery_to_json` wrote."""
    actions = (FailureAction(RecoveryAction[one["action"].upper()], one["delay_ms"]) for one in item["actions"])
    return Recovery(item["reset_seconds"], tuple(actions), item["on_stop_with_error"])


def _to_json(value: object) -> object:
    if isinstance(value, Recovery):
        return recovery_to_json(value)
    return value.value if isinstance(value, StartMode | FileName) else value


def _from_json(hint: type, value: Any) -> Any:  # noqa: ANN401 - any JSON value, any field
    if hint is Recovery:
        return recovery_from_json(value)
    if hint in (StartMode, FileName):
        return hint(value)
    if not isinstance(value, hint):
        raise TypeError(f"{value!r} is no {hint.__name__}")
    return value


def _file_to_json(change: FileWrite) -> JsonObject:
    return {
        "kind": change.kind,
        "file": change.file.value,
        "path": change.path,
        "before_sha256": _digest(change.before),
        "after_sha256": _digest(change.after),
        "content": None if change.after is None else base64.b64encode(change.after).decode("ascii"),
    }


def _file_from_json(item: Mapping[str, Any], before: bytes | None) -> FileWrite:
    try:
        after = None if item["content"] is None else base64.b64decode(item["content"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"the content of {item['file']} is no base64") from error
    if (_digest(before), _digest(after)) != (item["before_sha256"], item["after_sha256"]):
        raise ValueError(f"the bytes of {item['file']} are not those of its digests")
    return FileWrite(FileName(item["file"]), item["path"], before, after)


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
