"""One visit: the process that runs on the simulated computer, who it runs as, and what is to go wrong in it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from certify_automation.lab.certify import Caller
from certify_automation.lab.onhost.effect import Cut, Effects
from certify_automation.lab.windows import Computer
from certify_automation.lab.windows.files import join

T = TypeVar("T")
Waiting = Generator[float, None, T]
"""A step that takes time: it yields seconds to let pass on the computer's clock, and may be abandoned at each yield."""

Json = dict[str, Any]

AUTOMATION_FOLDER = "C:\\ProgramData\\certify-automation"


class ChangeFailed(Exception):
    """A change ends here; `code` is one of the contract's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class VisitFaults:
    """What goes wrong in one visit.

    Attributes:
        power_lost_before: the computer loses power before the change of this index; None = it does not.
        disk_full_at: from the change of this index on, the disk is full until the visit ends.
        file_edited_at: before the change of this index, somebody else writes to the file the change is about.
        cut: the effect at which the visit is cut off; None = it is not.
    """

    power_lost_before: int | None = None
    disk_full_at: int | None = None
    file_edited_at: int | None = None
    cut: Cut | None = None


@dataclass(slots=True)
class Visit:
    """The process of one visit.

    Attributes:
        caller: what the process can prove to services on the computer: nothing in a network logon.
        administrator: whether its token has the Administrators group.
        user: the account's name, without the computer's.
        process: a name no other visit has; it holds the visit's open files.
        effects: what it has changed on the computer so far.
    """

    computer: Computer
    caller: Caller = Caller.ANONYMOUS
    administrator: bool = True
    user: str = "lab"
    process: str = "visit"
    faults: VisitFaults = field(default_factory=VisitFaults)
    effects: Effects = field(default_factory=Effects)

    @property
    def account(self) -> str:
        r"""`COMPUTER\user`."""
        return f"{self.computer.name}\\{self.user}"

    def monotonic_ms(self) -> int:
        """The computer's stopwatch, in milliseconds."""
        return round(self.computer.clock.elapsed() * 1000)

    def effect(self, name: str, do: Callable[[], T], part: Callable[[], object] | None = None) -> T:
        """Change something on the computer; raises Killed or PowerLost where the visit is to be cut off."""
        return self.effects.have(self.faults.cut, name, do, part)


def in_automation_folder(name: str) -> str:
    """A path in the folder of everything that lasts on the computer."""
    return join(AUTOMATION_FOLDER, name)
