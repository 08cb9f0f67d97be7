"""serviceconfig.json: declared values into the file that was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from certify_automation.config_merge.lenient_json import Document, JsonObject, decode, read, write
from certify_automation.config_merge.members import Members
from certify_automation.config_merge.properties import as_read, config_property, literal
from certify_automation.model.config_files import Condition, ServiceConfig
from certify_automation.model.plan import Difference

_EFFECTIVE = (
    "Host",
    "Port",
    "UseHTTPS",
    "HttpChallengeServerPort",
    "Transport",
    "ServiceFaultMsg",
    "EnableAutoPortNegotiation",
)
_HUB_VALUE = re.compile(
    r"(?:HubAssignedInstanceId|ManagementServerHub\w*+)(?![\"']?\s*:\s*(?:\"\"|''|null\b))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Merged:
    """A declaration merged into one file.

    Attributes:
        content: the bytes to write; None = the file is as declared, however it is formatted.
        condition: what the product makes of the bytes that were found.
        differences: empty exactly when content is None.
        lost: what writing the file cannot keep, in words.
        reason: why the product ignores the file that was found; empty when it does not.
        hub_identity: the file cannot be read, and the machine's identity at a management hub would go with it.
    """

    content: bytes | None
    condition: Condition
    differences: tuple[Difference, ...] = ()
    lost: tuple[str, ...] = ()
    reason: str = ""
    hub_identity: bool = False


def merge_service_config(declared: ServiceConfig, content: bytes | None) -> Merged:
    """Merges declared properties into serviceconfig.json; content None = the file does not exist.

    Names match ignoring case and keep the file's spelling; order, other properties and their digits stay.
    """
    document, found, reason = _found(content)
    members, differences = Members(found, config_property), []
    lost = [*document.lost, *members.shadowed]
    if reason:
        differences.append(Difference("service.config", "in effect", "ignored by the product", reason))
    for name, value in declared.properties.items():
        if not config_property(name).volatile and not members.has(name, literal(value)):
            path = f"service.config.{config_property(name).declared}"
            differences.append(Difference(path, value, members.plain(name)))
            members.set(name, literal(value))
    for name in declared.removed:
        found_value = members.plain(name)
        if members.remove(name):
            differences.append(Difference(f"service.config.{config_property(name).declared}", None, found_value))
    if not differences:
        return Merged(None, document.condition)
    lost += members.drop_unreadable()
    hub = document.condition is Condition.MALFORMED and _names_a_hub(content)
    if document.condition is Condition.MALFORMED:
        lost.append("everything else in the malformed file; a backup of it stays on the host")
    written = write(JsonObject(members.members()), document)
    return Merged(written, document.condition, tuple(differences), tuple(lost), reason, hub)


def _found(content: bytes | None) -> tuple[Document, JsonObject, str]:
    document = read(content)
    if document.condition in {Condition.ABSENT, Condition.BLANK}:
        return document, JsonObject(), ""
    if document.condition is Condition.MALFORMED:
        return document, JsonObject(), f"malformed JSON: {document.reason}"
    if not isinstance(document.value, JsonObject):
        unusable = Document(Condition.MALFORMED, None, document.newline, document.ends_with_newline)
        return unusable, JsonObject(), "the root of the file is not an object"
    return document, document.value, Members(document.value, config_property).unreadable_reason()


def effective_config(content: bytes | None) -> Mapping[str, object]:
    """What the product uses with this file, by its own property names; defaults where the file does not say.

    A text that is null in the file is None.

    Holds what decides where the API listens and who answers challenges, not every property.
    """
    _, found, reason = _found(content)
    members = Members(found if not reason else JsonObject(), config_property)
    values: dict[str, object] = {}
    for name in _EFFECTIVE:
        prop, value = config_property(name), members.get(name)
        default = None if members.has(name, None) else prop.default
        values[name] = default if value is None else as_read(prop, value)[1]
    return values


def _names_a_hub(content: bytes | None) -> bool:
    # UTF-16 without its mark is read as UTF-8 full of NULs: that is why such a file is malformed.
    text, _ = decode(content or b"")
    return bool(_HUB_VALUE.search(text.replace("\0", "")))
