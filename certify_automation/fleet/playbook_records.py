"""The record of a playbook's run, from which it goes on where it was cut off: `playbooks/<run id>.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from certify_automation.errors import UsageError
from certify_automation.fleet.playbook_results import StepResult, StepStatus
from certify_automation.fleet.record_files import RecordFiles
from certify_automation.fleet.record_lines import (
    ENDED,
    RESUMED,
    check_version,
    damaged,
    ended_line,
    entry,
    events,
    line,
    moment,
    number_of,
    text,
    text_or_none,
    texts,
)
from certify_automation.model.config_files import JsonValue

_VERSION = 1
_BEGUN, _STEP_ENDED = "begun", "step_ended"


@dataclass(frozen=True, slots=True)
class PlaybookStart:
    """What a run of a playbook is.

    Attributes:
        playbook: as it was named when it was read; digest: of what it would do.
        given: values of its parameters as they were written, by name.
        by: account and computer; commit: of the repository, None = not in git.
        hosts: in the order in which they run.
    """

    run_id: str
    playbook: str
    digest: str
    given: Mapping[str, str]
    by: str
    commit: str | None
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a host has come.

    Attributes:
        step: the first one that has not ended there, from 0.
        applied: runs on the host that this playbook made, and has not taken back, in their order; one that was cut off
            counts, as it may have been made.
        under_way: run of the step that was begun and has not ended, or has left certificates to be requested under the
            same id; empty = none.
    """

    step: int = 0
    applied: tuple[str, ...] = ()
    under_way: str = ""


@dataclass(slots=True)
class RecordedPlaybook:
    """A run as its record has it.

    Attributes:
        hosts: of the run -> how far each has come.
        requested: step -> how many certificates it has requested.
        ended: it came to its end, though not on every host.
    """

    start: PlaybookStart
    hosts: dict[str, Progress] = field(default_factory=dict)
    requested: dict[int, int] = field(default_factory=dict)
    ended: bool = False

    def left(self, steps: int) -> tuple[str, ...]:
        """The hosts that have not ended all of so many steps."""
        return tuple(name for name in self.start.hosts if self.hosts[name].step < steps)

    def take(self, event: Mapping[str, Any]) -> None:
        """Take an event of the record.

        Raises:
            LookupError, TypeError, ValueError: it is none.
        """
        moment(event["at"])
        match event["event"]:
            case "begun":
                for host in texts(event["hosts"]):
                    self.hosts[host] = replace(self._settled(host), under_way=text(event["run"]))
            case "step_ended":
                self._end(event)
            case _:
                self.ended = {RESUMED: False, ENDED: True}[event["event"]]

    def settle(self) -> None:
        """Count what was under way as made."""
        for host in self.hosts:
            at = self.hosts[host]
            self.hosts[host] = replace(self._settled(host), under_way=at.under_way)

    def _settled(self, host: str) -> Progress:
        """With the run of a step of which nothing more was heard."""
        at = self.hosts[host]
        runs = (*at.applied, at.under_way) if at.under_way and at.under_way not in at.applied else at.applied
        return Progress(at.step, runs)

    def _end(self, event: Mapping[str, Any]) -> None:
        host, step = text(event["host"]), number_of(event["step"])
        self.requested[step] = self.requested.get(step, 0) + number_of(event["requested"])
        if StepStatus(event["status"]) is StepStatus.NOT_RUN:
            self.hosts[host] = replace(self.hosts[host], under_way="")
        else:
            self.hosts[host] = Progress(number_of(event["next"]), texts(event["applied"]), text(event["under_way"]))


class PlaybookRecords:
    """The records of all runs of playbooks in a state folder; a run goes on in one process at a time.

    May be used from several threads.
    """

    def __init__(self, state: Path) -> None:
        self._files = RecordFiles(state, "playbooks")

    def begin(self, start: PlaybookStart, now_utc_ms: int) -> RecordedPlaybook:
        """Record a run before it does anything.

        Raises:
            UsageError: CA3210 the folder cannot be used.
        """
        with self._files.driving(start.run_id):
            first = {
                "playbooks": _VERSION,
                "event": "started",
                "at": now_utc_ms,
                "run_id": start.run_id,
                "playbook": start.playbook,
                "digest": start.digest,
                "given": dict(start.given),
                "by": start.by,
                "commit": start.commit,
                "hosts": list(start.hosts),
            }
            self._files.append(start.run_id, line(first), now_utc_ms)
        return RecordedPlaybook(start, dict.fromkeys(start.hosts, Progress()))

    def run(self, digits: str) -> RecordedPlaybook:
        """The record of a run, by the first 8 or more digits of its id, to go on with in this process.

        Raises:
            UsageError: CA3210 the folder cannot be used, CA3211 there is no such run, CA3213 or CA3214 its record
                cannot be read, CA3217 several runs begin with these digits.
            Locked: CA3216 another process has it in hand.
        """
        run_id = self._files.named(digits)
        with self._files.driving(run_id):
            with self._files.usable():
                found = _read(self._files.path(run_id))
            if found is None:
                raise self._files.unknown(run_id)
            return found

    def begun(self, run_id: str, step: int, hosts: Sequence[str], acts_as: str, now_utc_ms: int) -> None:
        """Record that a step begins on these hosts.

        Raises:
            UsageError: CA3210 it cannot be written; then it must not begin.
        """
        event = {"event": _BEGUN, "at": now_utc_ms, "step": step, "hosts": list(hosts), "run": acts_as}
        self._files.append(run_id, line(event), now_utc_ms)

    def step_ended(self, run_id: str, result: StepResult, at: Progress, now_utc_ms: int) -> None:
        """Record what became of a step on a host, and how far that has come with it.

        Raises:
            UsageError: CA3210 it cannot be written; the step counts as not ended.
        """
        event: dict[str, JsonValue] = {
            "event": _STEP_ENDED,
            "at": now_utc_ms,
            "step": result.step,
            "host": result.host,
            "status": result.status.value,
            "next": at.step,
            "applied": list(at.applied),
            "under_way": at.under_way,
            "requested": result.requested,
        }
        self._files.append(run_id, line(event), now_utc_ms, durable=False)

    def ended(self, run_id: str, now_utc_ms: int) -> None:
        """Record that a run has come to its end; what is left can still be gone on with.

        Raises:
            UsageError: CA3210 it cannot be written.
        """
        self._files.append(run_id, ended_line(now_utc_ms), now_utc_ms)
        self.let_go(run_id)

    def let_go(self, run_id: str) -> None:
        """Has a run in hand no longer."""
        self._files.let_go(run_id)


def check_resumable(found: RecordedPlaybook, digest: str, steps: int) -> None:
    """Say why a run cannot go on with the playbook as it is now.

    Raises:
        UsageError: CA3230 nothing of it is left to be done, CA3231 the playbook would do something else now.
    """
    start = found.start
    if start.digest != digest:
        hint = "put the playbook back as it was, or begin another run: steps that have nothing to do change nothing"
        message = f"{start.playbook} is not the playbook any more with which run {start.run_id} began"
        raise UsageError("CA3231", message, hint=hint)
    if not found.left(steps):
        raise UsageError("CA3230", f"run {start.run_id} of {start.playbook} is finished", hint="begin another one")


def _read(path: Path) -> RecordedPlaybook | None:
    """The run whose record is in this file; None when not even its first line was written."""
    found: RecordedPlaybook | None = None
    for number, event in events(path):
        try:
            if found is None:
                found = _begin(path, event)
            else:
                found.take(event)
        except (LookupError, TypeError, ValueError) as error:
            raise damaged(path, number) from error
    if found is not None:
        found.settle()
    return found


def _begin(path: Path, event: Mapping[str, Any]) -> RecordedPlaybook:
    if event["event"] != "started":
        raise ValueError(event["event"])
    check_version(path, event["playbooks"], _VERSION)
    moment(event["at"])
    start = PlaybookStart(
        text(event["run_id"]),
        text(event["playbook"]),
        text(event["digest"]),
        {name: text(value) for name, value in entry(event["given"]).items()},
        text(event["by"]),
        text_or_none(event["commit"]),
        texts(event["hosts"]),
    )
    return RecordedPlaybook(start, dict.fromkeys(start.hosts, Progress()))
