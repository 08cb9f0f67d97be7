"""The instants at which a visit changes something on the computer, and at which it may be cut off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class PowerLost(BaseException):
    """The computer stops at this instant; nothing tidies up, so it is not an Exception."""


class Killed(BaseException):
    """The process ends at this instant and nothing of it tidies up; the computer goes on."""


class Point(StrEnum):
    """Where in an effect a visit is cut off; INSIDE: half of the bytes, or the first of two steps."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Cut:
    """A visit ends at one of its effects.

    Attributes:
        effect: its number, from 0, among the effects the visit has.
        point: where in it; an effect without parts is cut before it instead of inside.
        power: the computer loses power; otherwise only the process is killed.
    """

    effect: int
    point: Point = Point.BEFORE
    power: bool = False

    def strike(self) -> None:
        """End the visit; raises Killed or PowerLost."""
        raise PowerLost if self.power else Killed


@dataclass(frozen=True, slots=True)
class Effect:
    """One that has been reached: what it is about (a path, a command), and whether it has parts."""

    name: str
    divisible: bool


class Effects:
    """The effects of one visit, counted; `reached` lists them in order."""

    def __init__(self) -> None:
        self.reached: list[Effect] = []

    def have(self, cut: Cut | None, name: str, do: Callable[[], T], part: Callable[[], object] | None = None) -> T:
        """Do it, unless the visit is cut off here.

        Args:
            cut: where the visit ends; None = it does not.
            name: what is changed.
            do: changes it.
            part: changes a part of it, as an interruption would leave it.
        """
        here = cut if cut is not None and cut.effect == len(self.reached) else None
        self.reached.append(Effect(name, part is not None))
        if here is not None and here.point is not Point.AFTER:
            if here.point is Point.INSIDE and part is not None:
                part()
            here.strike()
        done = do()
        if here is not None:
            here.strike()
        return done
