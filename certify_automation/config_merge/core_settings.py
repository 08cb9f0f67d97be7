"""appsettings-core.json as .NET's configuration reads it: settings by path, whatever the spelling of the names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from certify_automation.config_merge.lenient_json import Json, JsonObject, read
from certify_automation.model.config_files import Condition

Path: TypeAlias = "tuple[str, ...]"


def core_settings(content: bytes | None) -> tuple[tuple[Path, Json], ...]:
    """Every setting of the file with its path in its own spelling; none when there is no file.

    Raises:
        ValueError: the file is malformed, or has a setting twice, which .NET does not accept either: version 7 of the
            product ends before it starts.
    """
    document = read(content)
    if document.condition is Condition.ABSENT:
        return ()
    if not isinstance(document.value, JsonObject):
        raise ValueError(document.reason or "the root of the file is not an object")  # noqa: TRY004 - bad data
    found = tuple(_settings(document.value, ()))
    seen: set[Path] = set()
    for path, _ in found:
        if folded(path) in seen:
            raise ValueError(f"{':'.join(path)} is there twice")
        seen.add(folded(path))
    return found


def folded(path: Path) -> Path:
    """The path as .NET compares it: ignoring case."""
    return tuple(name.casefold() for name in path)


def authentication_mode(content: bytes | None) -> str:
    """`Service:AuthMode` of the file; empty when it is not set, or the file cannot be read."""
    try:
        found = {folded(path): value for path, value in core_settings(content)}
    except ValueError:
        return ""
    mode = found.get(("service", "authmode"))
    return mode if isinstance(mode, str) else ""


def _settings(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, JsonObject):
        for name, item in value.members:
            # .NET configuration also takes a path written as one name: "Kestrel:Endpoints:Main:Url".
            yield from _settings(item, (*path, *name.split(":")))
    else:
        yield path, value
