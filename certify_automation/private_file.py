"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def obstacle(path: Path, what: str) -> str:
    """Why nothing can be written there; empty when it can.

    Args:
        path: where to.
        what: what would be written, with its article: `a plan`.
    """
    try:
        return _obstacle(path, what)
    except OSError as error:
        return str(error.strerror)


def _obstacle(path: Path, what: str) -> str:
    folder = path.absolute().parent
    if path.exists() and not path.is_file():
        return f"it is not a regular file, and {what} is not written to a device or a pipe"
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return "" if os.access(folder, os.W_OK) else f"the folder {folder} may not be written to"


def write(path: Path, text: str) -> None:
    """Writes the text as UTF-8 beside the file and puts it in its place.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
    new.replace(path)
