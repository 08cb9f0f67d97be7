"""References to secrets: `${env:NAME}` and `${file:path}`; read only when a connection needs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from certify_automation.errors import Position

_REFERENCE = re.compile(r"\$\{(?P<kind>env|file):(?P<name>[^}]+)\}")
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class SecretReference:
    """One reference as written; safe to show.

    Attributes:
        kind: `env` or `file`.
        name: the environment variable, or the file's path.
        folder: what a relative path starts from: the inventory's folder.
    """

    kind: str
    name: str
    folder: Path
    position: Position

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


def parse_reference(text: str, folder: Path, position: Position) -> SecretReference | None:
    """The reference that makes up the whole text; None if the text is something else."""
    match = _REFERENCE.fullmatch(text)
    return SecretReference(match["kind"], match["name"], folder, position) if match else None


def find_reference(value: object) -> str | None:
    """The first reference anywhere inside a value, as written; None for none."""
    if isinstance(value, str):
        match = _REFERENCE.search(value)
        return match[0] if match else None
    if isinstance(value, Mapping):
        parts: list[object] = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        return None
    return next((found for part in parts if (found := find_reference(part))), None)


def local_path(folder: Path, text: str) -> Path:
    """A path as users write it: from a folder unless it is absolute or begins with `~`."""
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:  # there is no such user, so the file will not be found either
        return folder / text


def read(reference: SecretReference, environ: Mapping[str, str]) -> str:
    """The secret behind a reference; one newline at a file's end does not belong to it.

    Raises:
        LookupError: it is not there; the argument says why in words.
    """
    if reference.kind == "env":
        value = environ.get(reference.name, "")
        if not value:
            raise LookupError("the environment variable is not set" if reference.name not in environ else "it is empty")
        return value
    path = local_path(reference.folder, reference.name)
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise LookupError(f"{path}: {error.strerror}") from None
    if len(content) > _LONGEST:
        raise LookupError(f"{path} is larger than {_LONGEST // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LookupError(f"{path} is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise LookupError(f"{path} is empty")
    return text
