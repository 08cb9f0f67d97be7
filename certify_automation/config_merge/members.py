"""The members of one JSON object under the product's rules for names and types."""

from __future__ import annotations

from collections.abc import Callable

from certify_automation.config_merge.lenient_json import Json, JsonObject
from certify_automation.config_merge.properties import Property, as_read, plain
from certify_automation.model.config_files import JsonValue


class Members:
    """A JSON object that is read and changed by name, ignoring case; of several spellings the last one counts.

    Attributes:
        shadowed: what the product does not see because the same name comes again, in words.
    """

    def __init__(self, found: JsonObject, known: Callable[[str], Property]) -> None:
        last = {name.casefold(): index for index, (name, _) in enumerate(found.members)}
        self._known = known
        self._members = {
            name.casefold(): (name, value)
            for index, (name, value) in enumerate(found.members)
            if last[name.casefold()] == index
        }
        self.shadowed = tuple(
            f"the earlier {name}: {plain(value)!r}, which the product does not see"
            for index, (name, value) in enumerate(found.members)
            if last[name.casefold()] != index
        )

    def get(self, name: str) -> Json:
        """The value of a member; None when there is none, as for null."""
        return self._members.get(name.casefold(), ("", None))[1]

    def plain(self, name: str) -> JsonValue:
        """The value of a member as ordinary data."""
        return plain(self.get(name))

    def has(self, name: str, value: Json) -> bool:
        """Whether the product reads this value from the member already."""
        if name.casefold() not in self._members:
            return False
        prop = self._known(name)
        try:
            return as_read(prop, self.get(name)) == as_read(prop, value)
        except ValueError:
            return False

    def set(self, name: str, value: Json) -> None:
        """Gives a member a value, in its place and spelling when there is one, else at the end."""
        spelling = self._members.get(name.casefold(), (name, None))[0]
        self._members[name.casefold()] = (spelling, value)

    def remove(self, name: str) -> bool:
        """Takes a member away; whether there was one."""
        return self._members.pop(name.casefold(), None) is not None

    def unreadable(self) -> dict[str, str]:
        """Name -> why the product cannot read that member, and with it not the file."""
        found = {}
        for name, value in self._members.values():
            try:
                as_read(self._known(name), value)
            except ValueError as error:
                found[name] = str(error)
        return found

    def unreadable_reason(self) -> str:
        """Why the product ignores the file because of its members; empty when it does not."""
        return "; ".join(f"{name}: {why}" for name, why in self.unreadable().items())

    def drop_unreadable(self) -> list[str]:
        """Removes what the product cannot read, and says so."""
        dropped = self.unreadable()
        for name in dropped:
            del self._members[name.casefold()]
        return [f"{name}: {why}" for name, why in dropped.items()]

    def members(self) -> tuple[tuple[str, Json], ...]:
        """Names and values in their order."""
        return tuple(self._members.values())
