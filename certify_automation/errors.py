"""What can go wrong, sorted by what the caller can do next.

CertifyAutomationError
├── ConfigurationError         fix the files: every Problem of every file at once              exit 5
├── UsageError                 call differently: flags, selection, plan file, platform         exit 5
├── HostError                  one host stops, the others go on
│   ├── Unreachable            no conversation came about: try again later                     exit 4
│   │   └── TimedOut           a deadline passed before anything was sent that could act
│   ├── AuthenticationRefused  the credential is wrong: never repeated, it could lock the account  exit 4
│   ├── NotTrusted             the server's certificate does not verify                        exit 4
│   ├── ProtocolError          the other end does not speak as WinRM does                      exit 3
│   ├── ScriptRefused          reached, but the host cannot run what was sent                  exit 3
│   ├── PlanRefused            this host must not be changed as declared                       exit 3
│   ├── PolicyRefused          allowed only with an explicit flag                              exit 8
│   ├── Stale                  the host is not what the plan was made from                     exit 6
│   ├── Locked                 another apply holds this host                                   exit 7
│   └── OutcomeUnknown         something was sent that could act, and no answer came back      exit 3
└── InternalError              a defect of this program                                        exit 1
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Severity(StrEnum):
    """How a Problem counts: an error stops the run, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; line and column count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what the user wrote: stable id, where, what, and what to do."""

    id: str
    message: str
    position: Position | None = None
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.position}: " if self.position else ""
        hint = f"\n    {self.hint}" if self.hint else ""
        return f"{where}{self.severity} {self.id}: {self.message}{hint}"


class CertifyAutomationError(Exception):
    """Base of everything this package raises on purpose.

    Attributes:
        id: the stable id, `CA` and four digits.
        hint: what to do about it; may be empty.
        exit_code: what a run that ends with this error returns.
        retryable: whether the same call may succeed later without anybody changing anything.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, error_id: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.id = error_id
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.id}: {self.message}"


class ConfigurationError(CertifyAutomationError):
    """The user's files are wrong; carries all Problems found."""

    exit_code = 5

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(first.id, f"{first.message}{more}", hint=first.hint)
        self.problems = problems


class UsageError(CertifyAutomationError):
    """The call cannot be carried out as it was made."""

    exit_code = 5


class InternalError(CertifyAutomationError):
    """A defect of this program, reported without losing what the run had already done."""


class HostError(CertifyAutomationError):
    """One host stops here; others are not concerned."""

    exit_code = 3


class Unreachable(HostError):
    """No conversation with the host came about, so nothing happened there."""

    exit_code = 4
    retryable = True


class TimedOut(Unreachable):
    """A deadline passed before anything was sent that could act."""


class AuthenticationRefused(HostError):
    """The host refused the credential; repeating it can lock the account."""

    exit_code = 4


class NotTrusted(HostError):
    """The server's certificate does not verify against the declared trust."""

    exit_code = 4


class ProtocolError(HostError):
    """The other end did not answer as a WinRM service does."""


class ScriptRefused(HostError):
    """The host was reached but cannot run what was sent: rights, language mode, policy, version."""


class PlanRefused(HostError):
    """The host's facts forbid the declared change; no flag changes that."""


class PolicyRefused(HostError):
    """The change is possible but needs an explicit flag."""

    exit_code = 8


class Stale(HostError):
    """The host's managed facts are not those the plan was made from."""

    exit_code = 6


class Locked(HostError):
    """Another run holds the host's lock."""

    exit_code = 7
    retryable = True


class OutcomeUnknown(HostError):
    """A request that could act was sent and no answer came; the next run observes and converges."""
