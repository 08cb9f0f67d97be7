"""The product's files as they were before a run: their bytes where nobody wrote since, their fields elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from certify_automation.config_merge import kestrel_endpoints
from certify_automation.config_merge.values import ConnectionValues, Values, config_values, connection_values
from certify_automation.diff import file_of
from certify_automation.model.change import FileWrite
from certify_automation.model.config_files import FileName, JsonValue, ServerConnection, ServiceConfig
from certify_automation.model.host import KestrelRule
from certify_automation.rollback.draft import CHANGED_SINCE, Draft

_DEFAULT = "isdefault"


@dataclass(frozen=True, slots=True)
class _Versions:
    """One file before a run, after it, and now."""

    before: bytes
    after: bytes
    now: bytes


def take_back_file(change: FileWrite, draft: Draft) -> None:
    """What a run changed in one file, to be as it was."""
    found, path = file_of(draft.facts, change.file), f"files.{change.file}"
    digests = (_digest(change.before), found.sha256 if found else None)
    if found is None or found.error:
        draft.conflict(path, digests, f"it cannot be read: {found.error}" if found else "where it lies is not known")
    elif found.path.casefold() != change.path.casefold():
        draft.conflict(path, digests, f"the run changed {change.path}, and the file is now {found.path}")
    elif found.content == change.before:
        return
    elif found.content == change.after:
        _all_bytes(change, path, draft)
    elif change.before is None or change.after is None or found.content is None:
        draft.conflict(path, digests)
    else:
        _fields(change.file, _Versions(change.before, change.after, found.content), draft)


def _all_bytes(change: FileWrite, path: str, draft: Draft) -> None:
    draft.state = replace(draft.state, whole_files={**draft.state.whole_files, change.file: change.before})
    if change.before is None or change.after is None:
        return
    fields = Draft(draft.facts)
    _fields(change.file, _Versions(change.before, change.after, change.after), fields)
    if not fields.conflicts:
        draft.whole[path] = tuple(fields.restored)


def _fields(name: FileName, versions: _Versions, draft: Draft) -> None:
    match name:
        case FileName.SERVICE_CONFIG:
            _service_config(versions, draft)
        case FileName.SERVERS:
            _servers(versions, draft)
        case FileName.APPSETTINGS_CORE:
            _kestrel(versions, draft)
        case FileName.APPSETTINGS:
            _not_comparable(name, versions, draft)


def _not_comparable(name: FileName, versions: _Versions, draft: Draft) -> None:
    note = f"{CHANGED_SINCE}; the product could not read it before the run, or cannot now, so that no field is compared"
    draft.conflict(f"files.{name}", (_digest(versions.before), _digest(versions.now)), note)


def _service_config(versions: _Versions, draft: Draft) -> None:
    before, after, now = map(config_values, (versions.before, versions.after, versions.now))
    if before is None or after is None or now is None:
        _not_comparable(FileName.SERVICE_CONFIG, versions, draft)
        return
    values, removed = _properties("service.config", (before, after, now), draft)
    if values or removed:
        config = ServiceConfig(values, removed)
        draft.state = replace(draft.state, service_config=config, kestrel_endpoint=KestrelRule.LEAVE)


def _properties(
    path: str, versions: tuple[Values, Values, Values], draft: Draft, *, default: bool = True
) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """The properties that get their values back, and those that go again.

    Args:
        path: of what they belong to.
        versions: before the run, after it, now.
        draft: takes the conflicts.
        default: a connection may be made the default again.
    """
    before, after, now = versions
    values: dict[str, JsonValue] = {}
    removed: list[str] = []
    for key, known in {**after, **before}.items():
        old, new, found = before.get(key), after.get(key), now.get(key)
        if old == new:
            continue
        both = (old.plain if old else None, found.plain if found else None)
        allowed = default or key != _DEFAULT or both[0] is not True
        if not draft.restores(
            f"{path}.{known.declared}", both, as_before=found == old, as_after=found == new and allowed
        ):
            continue
        if old is None:
            removed.append(known.name)
        else:
            values[known.name] = old.plain
    return values, tuple(removed)


def _servers(versions: _Versions, draft: Draft) -> None:
    before, after, now = map(connection_values, (versions.before, versions.after, versions.now))
    if before is None or after is None or now is None:
        _not_comparable(FileName.SERVERS, versions, draft)
        return
    # One connection is the default: where somebody has chosen another since, none becomes it again.
    default = _defaults(now) <= _defaults(after)
    restored = []
    for key, known in {**after, **before}.items():
        old, new, found = before.get(key), after.get(key), now.get(key)
        if old is not None and new is not None and found is not None:
            path = f"connections[{known.name}]"
            values, removed = _properties(path, (old.values, new.values, found.values), draft, default=default)
            restored += [ServerConnection(found.name, values, removed=removed)] if values or removed else []
        elif old != new and _entry(known.name, (old, new, found), draft):
            restored.append(_put_back(known, old, default=default))
    if restored:
        draft.state = replace(draft.state, connections=tuple(restored))


def _entry(
    name: str, versions: tuple[ConnectionValues | None, ConnectionValues | None, ConnectionValues | None], draft: Draft
) -> bool:
    """Whether a whole entry is put back, or goes again."""
    old, new, found = versions
    both = (_shown(old) if old else None, _shown(found) if found else None)
    return draft.restores(f"connections[{name}]", both, as_before=found == old, as_after=found == new)


def _put_back(known: ConnectionValues, old: ConnectionValues | None, *, default: bool) -> ServerConnection:
    if old is None:
        return ServerConnection(known.name, absent=True)
    kept = {name: value for name, value in old.whole.items() if default or name.casefold() != _DEFAULT}
    return ServerConnection(old.name, kept)


def _defaults(connections: Mapping[str, ConnectionValues]) -> frozenset[str]:
    found = ((name, one.values.get(_DEFAULT)) for name, one in connections.items())
    return frozenset(name for name, value in found if value is not None and value.plain is True)


def _shown(connection: ConnectionValues) -> JsonValue:
    return {one.declared: one.plain for one in connection.values.values()}


def _kestrel(versions: _Versions, draft: Draft) -> None:
    try:
        before, after, now = map(_urls, (versions.before, versions.after, versions.now))
    except ValueError:
        _not_comparable(FileName.APPSETTINGS_CORE, versions, draft)
        return
    restored = {}
    for key, (name, _) in {**after, **before}.items():
        old, new, found = (urls.get(key, (name, None))[1] for urls in (before, after, now))
        # An endpoint gets its old URL; none is made or removed in a file that somebody has written since.
        as_after = found == new and old is not None and new is not None
        path = f"service.kestrel_endpoint[{name}]"
        changed = old != new and draft.restores(path, (old, found), as_before=found == old, as_after=as_after)
        if changed and old is not None:
            restored[name] = old
    if restored:
        draft.state = replace(draft.state, kestrel_urls=restored, kestrel_endpoint=KestrelRule.LEAVE)


def _urls(content: bytes) -> Mapping[str, tuple[str, str | None]]:
    return {one.name.casefold(): (one.name, one.url) for one in kestrel_endpoints(content, ())}


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
