"""The access list of a folder as SDDL: who is in it, and what it looks like without those who should not be.

Formats: the Windows pages "ACE Strings" and "Security Descriptor String Format". Entries are compared by trustee,
inheritance flags and mask, never as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from certify_automation.model.sddl import mask_of, sid_of

SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"
OPEN_TO = {
    "S-1-1-0": "Everyone",
    "S-1-5-2": "NETWORK",
    "S-1-5-4": "INTERACTIVE",
    "S-1-5-7": "ANONYMOUS LOGON",
    "S-1-5-11": "Authenticated Users",
    "S-1-5-14": "REMOTE INTERACTIVE LOGON",
    "S-1-5-113": "Local account",
    "S-1-15-2-1": "ALL APPLICATION PACKAGES",
    "S-1-5-32-545": "Users",
    "S-1-5-32-546": "Guests",
}
"""Well-known groups that whoever can log on is a member of, and their English names."""
_OF_A_DOMAIN = {"513": "Domain Users", "514": "Domain Guests"}
_IN_A_DOMAIN = re.compile(r"S-1-5-21-\d+-\d+-\d+-(?P<group>\d+)")
_ALIASES = {"DU": "Domain Users", "DG": "Domain Guests"}

_DESCRIPTOR = re.compile(
    r"(?:O:.*?)?(?:G:.*?)?D:(?P<flags>(?:P|AR|AI|NO_ACCESS_CONTROL)*)(?P<entries>(?:\([^()]*\))*)(?:S:.*)?"
)
_FULL = (0x001F01FF, 0x10000000)
_INHERITED = "ID"
_NOT_ON_THE_FOLDER = {"IO", "NP"}


@dataclass(frozen=True, slots=True)
class FolderAce:
    """One entry; flags are the two-letter ones (OI, CI, IO, NP) without ID, rights as the text has them."""

    allow: bool
    flags: frozenset[str]
    rights: str
    sid: str
    inherited: bool

    @property
    def meaning(self) -> tuple[bool, frozenset[str], int, str]:
        """What it grants to whom, wherever it comes from."""
        return self.allow, self.flags, mask_of(self.rights), self.sid

    @property
    def full_control(self) -> bool:
        """Whether it grants everything on the folder and all that is made in it."""
        below = {"OI", "CI"} <= self.flags and not self.flags & _NOT_ON_THE_FOLDER
        return self.allow and below and mask_of(self.rights) in _FULL

    def text(self) -> str:
        """As an entry of its own in SDDL."""
        flags = "".join(flag for flag in ("OI", "CI", "NP", "IO") if flag in self.flags)
        return f"({'A' if self.allow else 'D'};{flags};{self.rights};;;{self.sid})"


@dataclass(frozen=True, slots=True)
class FolderAcl:
    """A discretionary list; unlimited = there is none, and everybody may do everything."""

    protected: bool
    entries: tuple[FolderAce, ...]
    unlimited: bool = False

    def open_to(self) -> tuple[str, ...]:
        """Names of the groups of everybody that are granted anything."""
        if self.unlimited:
            return (OPEN_TO["S-1-1-0"],)
        return tuple(dict.fromkeys(name for e in self.entries if e.allow and (name := everybody(e.sid))))

    def grants_all_to(self, sid: str) -> bool:
        """Whether an entry for this trustee itself grants full control."""
        return any(entry.sid == sid and entry.full_control for entry in self.entries)

    def same_as(self, other: FolderAcl) -> bool:
        """Whether setting one where the other is would change nothing; what an open list inherits is not its own."""
        return (self.protected, self.unlimited, self._own()) == (other.protected, other.unlimited, other._own())

    def _own(self) -> frozenset[tuple[bool, frozenset[str], int, str]]:
        return frozenset(e.meaning for e in self.entries if self.protected or not e.inherited)

    def restricted(self, trustees: Iterable[str]) -> str:
        """SDDL of a protected list without the groups of everybody, all other entries its own.

        Args:
            trustees: SIDs that keep full control, and get it when they do not have it.
        """
        kept = [entry for entry in self.entries if not (entry.allow and everybody(entry.sid))]
        added = [
            FolderAce(allow=True, flags=frozenset({"OI", "CI"}), rights="FA", sid=sid, inherited=False)
            for sid in dict.fromkeys(trustees)
            if not self.grants_all_to(sid)
        ]
        # Windows expects what is denied before what is allowed.
        ordered = sorted([*added, *kept], key=lambda entry: entry.allow)
        return "D:P" + "".join(dict.fromkeys(entry.text() for entry in ordered))


def everybody(sid: str) -> str:
    """The English name of a group that whoever can log on is a member of; empty for anybody else.

    Domain Users and Domain Guests are told by the last number of their SID, whatever the domain.
    """
    match = _IN_A_DOMAIN.fullmatch(sid)
    domains = _OF_A_DOMAIN.get(match["group"], "") if match else _ALIASES.get(sid, "")
    return OPEN_TO.get(sid, "") or domains


def folder_acl(sddl: str) -> FolderAcl:
    """The discretionary list of an SDDL text; owner, group and system list are ignored.

    Raises:
        ValueError: there is no list in it, or one with other entries than plain allow and deny.
    """
    match = _DESCRIPTOR.fullmatch(sddl.strip())
    if not match:
        raise ValueError(f"{sddl!r} has no list of plain entries")
    flags = match["flags"]
    unlimited = "NO_ACCESS_CONTROL" in flags
    protected = "P" in flags.replace("NO_ACCESS_CONTROL", "")
    return FolderAcl(protected, tuple(map(_entry, re.findall(r"\(([^()]*)\)", match["entries"]))), unlimited)


def _entry(text: str) -> FolderAce:
    fields = [field.strip().upper() for field in text.split(";")]
    if len(fields) != 6 or fields[0] not in {"A", "D"} or fields[3] or fields[4]:  # noqa: PLR2004 - fields of an entry
        raise ValueError(f"({text}) is not a plain allow (A) or deny (D) entry")
    kind, flags, rights, _, _, trustee = fields
    found = frozenset(flags[start : start + 2] for start in range(0, len(flags), 2))
    mask_of(rights)
    return FolderAce(kind == "A", found - {_INHERITED}, rights, _trustee(trustee), _INHERITED in found)


def _trustee(text: str) -> str:
    try:
        return sid_of(text)
    except ValueError:
        return text  # an alias of the machine's own domain (LA, DA, DU): Windows knows whom it means
