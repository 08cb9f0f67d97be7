"""Which items a renewal pass attempts, in which order, and when each of its requests ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certify_automation.lab.certify import due
from certify_automation.lab.certify.certificate_requests import Attempt
from certify_automation.lab.certify.conditions import Conditions
from certify_automation.lab.certify.deployment import SINGLE_SITE
from certify_automation.lab.certify.item_rows import Row, number_of

AUTO, RENEWALS_DUE, RENEWALS_WITH_ERRORS, NEW_ITEMS, ALL = 0, 1, 2, 4, 128
"""RenewalMode."""

MOST_TASKS = 75

_USUAL_TASKS = 50
_NOT_RENEWED_TYPES = (2, 3)
_OLDEST = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """A request of a pass, and when it ends, on the computer's stopwatch."""

    at: float
    item_id: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class RenewalPass:
    """What a pass looks at.

    Attributes:
        generation: of the product: v6 heeds an item's own flag and the narrower modes, v7 takes every item.
        settings: core settings.
        busy: ids of items with a request of their own.
    """

    generation: str
    settings: Mapping[str, Any]
    conditions: Conditions
    busy: Collection[str] = ()

    def automatic(self, found: Sequence[Row]) -> list[Row]:
        """The items a pass of the scheduler may ever attempt, the one renewed longest ago first."""
        return [item for item in self._of_mode(found, AUTO) if not self._is_left_alone(item)]

    def wanted(self, found: Sequence[Row], mode: int, now: datetime) -> list[tuple[Row, str]]:
        """The items a mode attempts now, each with the reason the product logs."""
        wanted = []
        for item in self._of_mode(found, mode):
            if self._is_left_alone(item):
                continue
            state = due.check(item, self.settings, now)
            held = state.hold_until is not None or state.for_good
            if held or (mode in (AUTO, RENEWALS_DUE) and not state.due):
                continue
            wanted.append((item, "Renewal Mode is set to All" if mode == ALL else state.reason))
        return wanted

    def endings(self, chosen: Sequence[tuple[Row, str]], at: float) -> list[Ending]:
        """The requests of a pass that starts at `at`: one after the other, or all at once; only so many of them.

        Items whose last attempt failed do not count, so that failures cannot use up every pass.
        """
        limit = self.limit
        limit = min(limit, MOST_TASKS) if limit > 0 else _USUAL_TASKS
        found: list[Ending] = []
        counted, moment = 0, at
        for item, reason in chosen:
            if counted < limit:
                seconds = self.conditions.seconds(str(item["Id"]))
                moment = at + seconds if self.settings.get("EnableParallelRenewals") else moment + seconds
                found.append(Ending(moment, str(item["Id"]), Attempt(reason)))
            counted += item.get("LastRenewalStatus") != due.ERROR
        return sorted(found, key=lambda ending: ending.at)

    @property
    def limit(self) -> int:
        """The preference maxRenewalRequests; 0 = the usual number."""
        return int(number_of(self.settings.get("MaxRenewalRequests")) or 0)

    def _of_mode(self, found: Sequence[Row], mode: int) -> list[Row]:
        items = list(found)
        if self.generation == "v6":
            automatic = [item for item in items if item.get("IncludeInAutoRenew", True)]
            new = [item for item in items if item.get("DateRenewed") is None]
            failed = [item for item in items if item.get("LastRenewalStatus") == due.ERROR]
            items = {AUTO: automatic, NEW_ITEMS: new, RENEWALS_WITH_ERRORS: failed}.get(mode, items)
        if mode in (AUTO, RENEWALS_DUE):
            items.sort(key=lambda item: item.get("DateRenewed") or item.get("DateLastRenewalAttempt") or _OLDEST)
        return items

    def _is_left_alone(self, item: Row) -> bool:
        waiting = item.get("LastRenewalStatus") == due.PAUSED or item.get("ItemType") in _NOT_RENEWED_TYPES
        return waiting or str(item["Id"]) in self.busy or self._is_stopped(item)

    def _is_stopped(self, item: Row) -> bool:
        option = (item.get("RequestConfig") or {}).get("DeploymentSiteOption", SINGLE_SITE)
        stopped = str(item.get("ServerSiteId")) in self.conditions.stopped_sites
        return bool(self.settings.get("IgnoreStoppedSites")) and option == SINGLE_SITE and stopped
