"""appsettings-core.json as .NET's configuration reads it: settings by path, whatever the spelling of the names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from certify_automation.config_merge.lenient_json import Json, JsonObject, read
from certify_automation.model.config_files import Condition

Path: TypeAlias = "tuple[str, ...]"

_DEEPEST = 64  # JsonDocumentOptions.MaxDepth


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
    found = tuple(_settings(document.value, (), 0))
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


def parts(value: Json) -> tuple[tuple[str, Json], ...]:
    """The members of an object, or the items of an array by their number; none for anything else."""
    if isinstance(value, JsonObject):
        return value.members
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple((str(number), item) for number, item in enumerate(value))
    return ()


def below(path: Path, name: str) -> Path:
    """The path of a member: .NET also takes a path written as one name, `Kestrel:Endpoints:Main:Url`."""
    return (*path, *name.split(":"))


def _settings(value: Json, path: Path, depth: int) -> Iterator[tuple[Path, Json]]:
    inner = parts(value)
    if inner and depth == _DEEPEST:
        raise ValueError("nested too deeply")
    for name, item in inner:
        yield from _settings(item, below(path, name), depth + 1)
    if not inner:
        yield path, value
