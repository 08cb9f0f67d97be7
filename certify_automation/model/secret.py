"""A value that cannot print itself."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Holds a password or key; str, repr, format and pickling never show it.

    Attributes:
        reference: where it came from, for example `${env:CERTIFY_WINRM_PASSWORD}`; safe to show.
    """

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: str = "") -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        """The value itself; for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.reference or '********'})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never stored")
