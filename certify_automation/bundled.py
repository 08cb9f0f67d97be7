"""Where the data files are: inside an installed wheel, or at the root of a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def folder(name: str) -> Path:
    """The folder `schemas`, `templates`, `playbooks` or `examples` as it ships with this installation.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for candidate in (_PACKAGE / "bundle" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the installation lacks its {name} folder")


@cache
def text(folder_name: str, file_name: str) -> str:
    """The content of one bundled UTF-8 file."""
    return (folder(folder_name) / file_name).read_text("utf-8")
