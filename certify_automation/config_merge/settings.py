"""appsettings.json of the product's data folder: the data store that it names."""

from __future__ import annotations

from certify_automation.config_merge.lenient_json import JsonObject, read, write
from certify_automation.config_merge.members import Members
from certify_automation.config_merge.properties import Property, plain
from certify_automation.config_merge.service_config import Merged
from certify_automation.config_merge.splicing import splice
from certify_automation.model.config_files import Condition
from certify_automation.model.plan import Difference

DATA_STORE_ID = "ConfigDataStoreConnectionId"
_UNUSABLE = {
    Condition.ABSENT: "there is no such file",
    Condition.BLANK: "the file is blank",
}


def merge_data_store(wanted: str, content: bytes | None) -> Merged:
    """Has the settings name this data store and keeps every other byte of the file; content None = no such file.

    The name of the setting matches ignoring case and keeps the file's spelling; where the file does not have it, or
    is written in a way that only the product reads, the file is written anew as strict JSON. A file that the product
    cannot read, or that is not there, is left as it is, with the reason: the product then invents other settings too.
    """
    document = read(content)
    if not isinstance(document.value, JsonObject):
        reason = _UNUSABLE.get(document.condition) or document.reason or "the root of the file is not an object"
        return Merged(None, document.condition, reason=reason)
    members = Members(document.value, lambda name: Property(name, name, "string"))
    found = members.get(DATA_STORE_ID)
    if found == wanted:
        return Merged(None, document.condition)
    differences = (Difference("data_store.id", wanted, plain(found)),)
    members.set(DATA_STORE_ID, wanted)
    rewritten = JsonObject(members.members())
    last = next((name for name, _ in members.members() if name.casefold() == DATA_STORE_ID.casefold()), DATA_STORE_ID)
    spliced = splice(content or b"", document, {(last,): wanted})
    if spliced is not None and read(spliced).value == rewritten:
        return Merged(spliced, document.condition, differences)
    return Merged(write(rewritten, document), document.condition, differences, (*document.lost, *members.shadowed))
