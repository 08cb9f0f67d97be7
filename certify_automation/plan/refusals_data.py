"""Refusals about replacing the product's database, or having the product open another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certify_automation.model.config_files import BACKUPS, DATABASE
from certify_automation.model.plan import Refusal
from certify_automation.model.service import ServiceState
from certify_automation.plan.situation import Situation


def _not_allowed(at: Situation) -> Iterator[Refusal]:
    if at.options.allow_data:
        return
    if at.desired.data_backup is not None:
        what = f"{DATABASE} would be replaced by {at.desired.data_backup}, and what was done since is not in it"
    elif at.comparison.files.settings is not None and at.comparison.files.settings.content is not None:
        what = f"the product would open the data store {at.desired.data_store_id}, with other certificates than now"
    else:
        return
    yield Refusal(
        "CA3084", what, "pass --allow-data if that is meant: copies of all of it are made first", by_policy=True
    )


def _no_backup(at: Situation) -> Iterator[Refusal]:
    wanted, found = at.desired.data_backup, at.backup
    if wanted is None:
        return
    if found is None or wanted not in BACKUPS or not found.size:
        what = f"{wanted} is empty" if found is not None and not found.size else f"there is no backup {wanted}"
        yield Refusal("CA3085", f"{what} in the product's data folder", "restore a backup of your own by hand")
    elif at.desired.service.state is ServiceState.STOPPED:
        yield Refusal(
            "CA3086",
            f"{DATABASE} would be replaced, and the service is declared to be stopped",
            "whether the product can open a backup shows when it starts: leave service.state undeclared",
        )


def _unusable_settings(at: Situation) -> Iterator[Refusal]:
    settings = at.comparison.files.settings
    if settings is not None and settings.reason:
        yield Refusal(
            "CA3087",
            f"appsettings.json cannot be given another data store: {settings.reason}",
            "put back a copy of the file, or let the product write its defaults, then plan again",
        )


DATA_RULES: tuple[Callable[[Situation], Iterator[Refusal]], ...] = (_not_allowed, _no_backup, _unusable_settings)
