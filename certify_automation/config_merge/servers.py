"""servers.json: declared connections into the list that was found."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from certify_automation.config_merge.lenient_json import Document, Json, JsonObject, read, write
from certify_automation.config_merge.members import Members
from certify_automation.config_merge.properties import connection_property, literal, plain
from certify_automation.config_merge.service_config import Merged
from certify_automation.model.config_files import Condition, ServerConnection
from certify_automation.model.plan import Difference

# Ids of the entries this program adds: made from host and name, so that planning twice gives the same bytes.
_NAMESPACE = uuid.UUID("6f0b7c35-8d0e-5d7a-9a55-0f5f2f3a6d11")


def merge_servers(declared: Sequence[ServerConnection], content: bytes | None, host: str) -> Merged:
    """Merges declared connections into servers.json; content None = the file does not exist.

    Entries are the same when their DisplayName is, ignoring case (of several the first). Undeclared ones stay; when a
    declared entry is the default, the mark is cleared on all others. The product ignores a list that it cannot read.

    Args:
        declared: the managed entries.
        content: the bytes found.
        host: name of the host, for the ids of new entries.
    """
    document, entries, lost, reason = _found(content)
    differences = [Difference("connections", "in effect", "ignored by the product", reason)] if reason else []
    for connection in declared:
        differences += _merge_entry(connection, entries, host)
    differences += _one_default(declared, entries)
    if not differences:
        return Merged(None, document.condition)
    for entry in entries:
        lost += [f"{_label(entry)}: {what}" for what in (*entry.shadowed, *entry.drop_unreadable())]
    written = write([JsonObject(entry.members()) for entry in entries], document)
    return Merged(written, document.condition, tuple(differences), tuple(lost), reason)


def _found(content: bytes | None) -> tuple[Document, list[Members], list[str], str]:
    document = read(content)
    if document.condition in {Condition.ABSENT, Condition.BLANK}:
        return document, [], [], ""
    everything = "everything else in the malformed file; a backup of it stays on the host"
    if document.condition is Condition.MALFORMED:
        return document, [], [everything], f"malformed JSON: {document.reason}"
    if not isinstance(document.value, Sequence) or isinstance(document.value, str):
        unusable = Document(Condition.MALFORMED, None, document.newline, document.ends_with_newline)
        return unusable, [], [everything], "the root of the file is not an array"
    entries = [Members(item, connection_property) for item in document.value if isinstance(item, JsonObject)]
    foreign = [f"the entry {plain(item)!r}, which is no object" for item in document.value if not _is_object(item)]
    reasons = [f"{_label(entry)}: {why}" for entry in entries if (why := entry.unreadable_reason())]
    return document, entries, [*document.lost, *foreign], "; ".join([*foreign, *reasons])


def _is_object(item: Json) -> bool:
    return isinstance(item, JsonObject)


def _label(entry: Members) -> str:
    return f"connection {entry.plain('DisplayName')!r}"


def _named(entry: Members, name: str) -> bool:
    found = entry.get("DisplayName")
    return isinstance(found, str) and found.casefold() == name.casefold()


def _merge_entry(declared: ServerConnection, entries: list[Members], host: str) -> list[Difference]:
    path = f"connections[{declared.name}]"
    same = [entry for entry in entries if _named(entry, declared.name)]
    if declared.absent:
        entries[:] = [entry for entry in entries if entry not in same]
        return [Difference(path, None, "present")] if same else []
    managed = {n: v for n, v in declared.properties.items() if not connection_property(n).volatile}
    if not same and declared.removed and not managed:
        return []
    if not same:
        entries.append(_new(declared, host))
        shown = {connection_property(name).declared: value for name, value in managed.items()}
        return [Difference(path, shown, None)]
    entry, differences = same[0], []
    for name, value in managed.items():
        if not entry.has(name, literal(value)):
            where = f"{path}.{connection_property(name).declared}"
            differences.append(Difference(where, value, entry.plain(name)))
            entry.set(name, literal(value))
    for name in declared.removed:
        found = entry.plain(name)
        if entry.remove(name):
            differences.append(Difference(f"{path}.{connection_property(name).declared}", None, found))
    return differences


def _new(declared: ServerConnection, host: str) -> Members:
    entry = Members(JsonObject(), connection_property)
    entry.set("Id", str(uuid.uuid5(_NAMESPACE, f"{host}/{declared.name}".casefold())))
    entry.set("DisplayName", declared.name)
    for key, value in declared.properties.items():
        entry.set(key, literal(value))
    return entry


def _one_default(declared: Sequence[ServerConnection], entries: list[Members]) -> list[Difference]:
    chosen = [d.name for d in declared if not d.absent and _declares_default(d)]
    if not chosen:
        return []
    kept = next(entry for entry in entries if _named(entry, chosen[0]))
    differences = []
    for entry in entries:
        if entry is not kept and entry.has("IsDefault", value=True):
            path = f"connections[{entry.plain('DisplayName')}].default"
            differences.append(
                Difference(path, declared=False, observed=True, note="the user interface opens one connection only")
            )
            entry.set("IsDefault", value=False)
    return differences


def _declares_default(connection: ServerConnection) -> bool:
    return any(name.casefold() == "isdefault" and value is True for name, value in connection.properties.items())
