"""The product's JSON files as values: what is declared, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"


DATABASE = "manageditems.db"
"""The product's own data store, in its data folder."""

BACKUPS = ("manageditems.db.bak", "manageditems.db.bak.old")
"""What the product keeps of it: at every start the first takes the second's name, and the database is copied to it."""


class Condition(StrEnum):
    """What the product makes of a file's bytes."""

    ABSENT = "absent"
    BLANK = "blank"
    MALFORMED = "malformed"
    LENIENT = "lenient"
    STRICT = "strict"


class FileName(StrEnum):
    """The files a visit brings home, by the name they have in plans and facts."""

    SERVICE_CONFIG = "serviceconfig"
    SERVERS = "servers"
    APPSETTINGS_CORE = "appsettings_core"
    APPSETTINGS = "appsettings"


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """serviceconfig.json: property name -> value.

    Declared: only what is managed. Observed: everything the file says, in its own spelling; empty unless readable.

    Attributes:
        removed: names of properties that are not to be in the file; only a rollback asks for that.
    """

    properties: Mapping[str, JsonValue] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """One entry of servers.json, known by its DisplayName ignoring case.

    Attributes:
        name: DisplayName.
        properties: the other properties by their own name; declared: only what is managed.
        absent: declared to be removed.
        removed: names of properties that the entry, if it is there, is not to have; only a rollback asks for that.
    """

    name: str
    properties: Mapping[str, JsonValue] = field(default_factory=dict)
    absent: bool = False
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileContent:
    """The bytes of one file on the host.

    Attributes:
        path: full Windows path.
        content: None = the file does not exist or could not be read.
        sha256: lower-case hex of content; None with content None.
        error: why an existing file could not be read, empty otherwise.
    """

    path: str
    content: bytes | None = None
    sha256: str | None = None
    error: str = ""
