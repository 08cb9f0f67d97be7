"""What one host is to do and why: differences, the changes they ask for, and what stands in the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from certify_automation.errors import HostError, PlanRefused, PolicyRefused, Problem
from certify_automation.model.after_commit_codec import after_commit_to_json
from certify_automation.model.change import (
    Change,
    IpListenAdd,
    IpListenRemove,
    ServiceRestart,
    ServiceStart,
    ServiceStartMode,
)
from certify_automation.model.change_codec import JsonObject, change_to_json
from certify_automation.model.config_files import JsonValue
from certify_automation.model.host import Endpoint
from certify_automation.model.impact import Impact
from certify_automation.model.renewal import AfterCommit, Held, Hold
from certify_automation.model.service import StartMode

UNJUDGED = ("preferences", "renewals")
"""Paths of the differences that stand for everything declared below them, when none of it could be compared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One declared thing that the host does not have as declared.

    Attributes:
        path: as the user writes it: `service.config.port`, `connections[(local)].default`.
        declared, observed: JSON values; None = absent, or not readable.
        note: why, when the two values do not say it.
    """

    path: str
    declared: JsonValue
    observed: JsonValue
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a host must not be changed as declared; nothing of its plan is carried out.

    Attributes:
        by_policy: possible in itself, held back by a rule of this program.
    """

    id: str
    message: str
    hint: str = ""
    by_policy: bool = False

    def error(self) -> HostError:
        """The same as an exception: PolicyRefused or PlanRefused."""
        kind = PolicyRefused if self.by_policy else PlanRefused
        return kind(self.id, self.message, hint=self.hint)


@dataclass(frozen=True, slots=True)
class ObserveRequest:
    """What a visit shall look at besides what it always does.

    Attributes:
        endpoint: where the API is asked whether it answers.
        ports: whose TCP listeners, inbound firewall rules and certificate bindings are reported.
        run: the run whose record is brought home, `last` for the last one applied; None = no records.
    """

    endpoint: Endpoint
    ports: tuple[int, ...]
    run: str | None = None

    def to_json(self) -> JsonObject:
        """Parameters of Observe, as docs/contract.md describes them; also `observe` of a plan."""
        at = self.endpoint
        return {
            "endpoint": {"host": at.host, "port": at.port, "https": at.https},
            "ports": list(self.ports),
            "run": self.run,
        }


@dataclass(frozen=True, slots=True)
class Health:
    """What must be true before an apply counts as done; wait_seconds is the longest wait."""

    url: str
    generation: str
    service: str
    wait_seconds: int

    def to_json(self) -> JsonObject:
        """As the contract writes it."""
        return {
            "url": self.url,
            "generation": self.generation,
            "service": self.service,
            "wait_seconds": self.wait_seconds,
        }


@dataclass(frozen=True, slots=True)
class PortCheck:
    """The address no process but the product's service may own."""

    host: str
    port: int
    service: str

    def to_json(self) -> JsonObject:
        """As the contract writes it."""
        return {"host": self.host, "port": self.port, "service": self.service}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who has a plan carried out, and what it comes from; kept on the host with the run and in its event log.

    Attributes:
        by: account and computer of the controller: `alice@ctl01`.
        commit: of the repository the plan was made from, with `-dirty` at its end where files differed from it; None =
            not in git.
        rolls_back: the run whose changes the plan takes back.
    """

    by: str
    commit: str | None = None
    rolls_back: str | None = None

    def to_json(self) -> JsonObject:
        """As the contract writes it."""
        return {"by": self.by, "commit": self.commit, "rolls_back": self.rolls_back}


def short_commit(commit: str) -> str:
    """A commit as an Origin has it by its first 12 digits, and still marked as dirty."""
    digits, dash, mark = commit.partition("-")
    return f"{digits[:12]}{dash}{mark}"


def ordinal(text: str) -> bytes:
    """Sort key that orders texts as .NET's StringComparer.Ordinal does: by UTF-16 code unit."""
    return text.encode("utf-16-be", "surrogatepass")


def fingerprint(values: Mapping[str, str]) -> str:
    """SHA-256 in hex of the UTF-8 text of `name=value` lines in ordinal order of name, joined with LF."""
    lines = (f"{name}={values[name]}" for name in sorted(values, key=ordinal))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _flat(value: object, name: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield name, f"[{len(value)}]"
        for index, item in enumerate(value):
            yield from _flat(item, f"{name}[{index}]")
    else:
        yield name, f"{type(value).__name__}:{value}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One host's plan; with refusals there are no changes.

    Attributes:
        run_id: 32 hex digits; a host acts once for each.
        differences: everything that is not as declared, whether it can be changed or not.
        changes: in the order in which they are made.
        expects: the managed raw values the plan depends on, by name.
        warnings: shown, never in the way.
        after_commit: what is done in a visit of its own once the changes are made and confirmed, and never undone:
            preferences first, then renewals.
        held: certificates that are due or failing and are not requested now; findings, not changes.
        conflicts: of a rollback: what somebody else has changed since, and is left as it is.
        confirm_seconds: the host puts everything back unless it is told within so many seconds after the changes that
            it can still be reached; None = it does not wait to be told.
        origin: who has it carried out; not part of what the plan is.
    """

    host: str
    run_id: str
    observe: ObserveRequest
    differences: tuple[Difference, ...] = ()
    changes: tuple[Change, ...] = ()
    expects: Mapping[str, str] = field(default_factory=dict)
    health: Health | None = None
    port_check: PortCheck | None = None
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Problem, ...] = ()
    conflicts: tuple[Difference, ...] = ()
    confirm_seconds: int | None = None
    origin: Origin = Origin("unknown")
    after_commit: tuple[AfterCommit, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of the expected values."""
        return fingerprint(self.expects)

    @property
    def plan_id(self) -> str:
        """SHA-256 in hex over everything the host is sent, except the run; equal plans have equal ids."""
        after = [after_commit_to_json(change) for change in self.after_commit]
        work = {**self._work(), "after_commit": after} if after else self._work()
        return fingerprint(dict(_flat(work, "plan")))

    @property
    def acts(self) -> bool:
        """Whether there is anything to be carried out."""
        return bool(self.changes or self.after_commit)

    @property
    def held_back(self) -> tuple[Held, ...]:
        """Certificates that wait because of a limit of their authority."""
        return tuple(held for held in self.held if held.hold is Hold.GUARD)

    @property
    def unjudged(self) -> tuple[Difference, ...]:
        """What is declared and could not be compared, because the product's API did not say how it is."""
        return tuple(difference for difference in self.differences if difference.path in UNJUDGED)

    def impact(self, change: Change) -> Impact:
        """What a change of this plan means: one of the listen list that has to be confirmed can cut the host off."""
        confirmed = self.confirm_seconds is not None and isinstance(change, IpListenAdd | IpListenRemove)
        return Impact.LOCKOUT if confirmed else change.impact

    def for_run(self, run_id: str, origin: Origin) -> Plan:
        """The same plan to be carried out once more, by another run."""
        return replace(self, run_id=run_id, origin=origin)

    def to_json(self) -> JsonObject:
        """As the contract writes it: `plan` of Apply's parameters."""
        return {"run_id": self.run_id, "plan_id": self.plan_id, "origin": self.origin.to_json(), **self._work()}

    def _work(self) -> JsonObject:
        names = sorted(self.expects, key=ordinal)
        return {
            "expects": [{"name": name, "value": self.expects[name]} for name in names],
            "changes": [change_to_json(change) for change in self.changes],
            "health": self.health.to_json() if self.health else None,
            "port_check": self.port_check.to_json() if self.port_check else None,
            "confirm_seconds": self.confirm_seconds,
            "observe": self.observe.to_json(),
        }


def undo(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes that put back what these did, in reverse order; the service starts when all else is as it was.

    Only its start mode comes after that when it was disabled: a disabled service cannot be started.
    """
    opposites = [opposite for change in reversed(changes) if (opposite := change.inverse()) is not None]
    return tuple(sorted(opposites, key=_undo_phase))


def _undo_phase(change: Change) -> int:
    if isinstance(change, ServiceStartMode) and change.after is StartMode.DISABLED:
        return 2
    return 1 if isinstance(change, ServiceRestart | ServiceStart) else 0
