"""Plans between `plan -o FILE` and `apply FILE`."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from certify_automation import plan_file
from certify_automation.cli.options import Call
from certify_automation.cli.origin import commit_of, origin_of
from certify_automation.desired.words import printable
from certify_automation.errors import UsageError
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.plan import Plan, short_commit
from certify_automation.naming import some_of
from certify_automation.plan_file import PlanFile

_NAMES_SHOWN = 5
_MS = 1000
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def save_plans(call: Call, target: Path, reports: Sequence[HostReport], now_utc_ms: int) -> None:
    """Write the plans of all hosts that would change, and say how they are applied.

    Raises:
        UsageError: CA5010, the file cannot be written.
    """
    plans = tuple(report.plan for report in reports if report.plan and report.status is HostStatus.CHANGED)
    plan_file.save(target, PlanFile(now_utc_ms, plans, commit_of(call.repo)))
    allowed = ["--allow-lockout"] if any(plan.confirm_seconds is not None for plan in plans) else []
    command = shlex.join(["certify-automation", "apply", str(target), *allowed, *_where(call)])
    said = f"apply it with `{command}`" if plans else "there is nothing in it to apply"
    call.console.say(printable(f"saved: {said}"))
    absent = [report.host for report in reports if report.status not in {HostStatus.OK, HostStatus.CHANGED}]
    if absent:
        call.console.say(printable(f"not in it, for the reasons above: {some_of(absent, _NAMES_SHOWN)}"))


@dataclass(frozen=True, slots=True)
class SavedPlans:
    """A file of plans that has been read.

    Attributes:
        content: what `plan_file.load` gave.
    """

    file: Path
    content: PlanFile

    def chosen(self, call: Call, selected: Collection[str], now_utc_ms: int) -> list[Plan]:
        """The plans for the selected hosts, under a run id of their own; its age and commit are said.

        None are there when nothing was to be changed: carrying that out is no error.

        Raises:
            UsageError: CA5007 it is of another inventory, CA5017 it has plans, but for other hosts.
        """
        file, saved = self.file, self.content
        if not saved.plans:
            call.console.say(printable(f"{file} holds no plan: no host was to be changed when it was made"))
            return []
        known = call.whole_fleet().hosts
        hosts = [plan.host for plan in saved.plans]
        foreign = [host for host in hosts if host not in known]
        if foreign:
            hint = "it was made from another inventory: plan again"
            raise UsageError(
                "CA5007",
                f"{file} has plans for hosts that are not in the inventory: {some_of(foreign, _NAMES_SHOWN)}",
                hint=hint,
            )
        run_id, origin = uuid.uuid4().hex, replace(origin_of(call.repo), commit=saved.commit)
        plans = [plan.for_run(run_id, origin) for plan in saved.plans if plan.host in selected]
        if not plans:
            hint = f"it has plans for {some_of(hosts, _NAMES_SHOWN)}"
            raise UsageError(
                "CA5017", f"{file} holds no plan for the hosts of --limit {' '.join(call.limit)}", hint=hint
            )
        commit = f"from commit {short_commit(saved.commit)}" if saved.commit else "from no known commit"
        call.console.say(printable(f"applying {file}: {age(now_utc_ms - saved.created_utc_ms)}, {commit}"))
        return plans


def _where(call: Call) -> list[str]:
    repo = [] if call.repo == Path() else ["-C", str(call.repo)]
    return repo if call.inventory is None else [*repo, "-i", str(call.inventory)]


def age(milliseconds: int) -> str:
    """How old something is, in its largest whole unit: `3 days old`."""
    seconds = milliseconds // _MS
    if seconds < 0:
        return "made in the future by this computer's clock"
    size, unit = next((found for found in _UNITS if seconds >= found[0]), (1, "second"))
    number = seconds // size
    return f"{number} {unit}{'' if number == 1 else 's'} old"
