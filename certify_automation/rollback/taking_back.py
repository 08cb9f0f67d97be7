"""All changes of one run, taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from certify_automation.diff import compare
from certify_automation.errors import PlanRefused
from certify_automation.model.change import (
    Change,
    DataDirectoryAcl,
    DataStoreRestore,
    DriverStartMode,
    FileWrite,
    ServiceRecovery,
    ServiceStart,
    ServiceStartMode,
    ServiceStop,
    UrlReservationAdd,
    UrlReservationRemove,
    UrlReservationReplace,
)
from certify_automation.model.config_files import DATABASE
from certify_automation.model.facts import Facts
from certify_automation.model.host import HostState
from certify_automation.model.plan import Difference, Plan
from certify_automation.rollback.draft import Draft
from certify_automation.rollback.files import take_back_file
from certify_automation.rollback.nouns import (
    take_back_block_rule,
    take_back_driver,
    take_back_folder,
    take_back_ip_listen,
    take_back_reservation,
    take_back_service,
)

_LEAVES_NOTHING = frozenset({"driver.start", "service.restart"})
"""Kinds that change no field: a driver stays started, as an undo leaves it, and a restart is over."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What is to be as before a run.

    Attributes:
        state: exactly that, and nothing else.
        conflicts: fields that somebody has changed since; `declared` is what they would go back to.
        whole: the fields that come back in files that get all their old bytes, by the path of such a file's difference.
    """

    state: HostState
    conflicts: tuple[Difference, ...] = ()
    whole: Mapping[str, Sequence[Difference]] = field(default_factory=dict)


def take_back(run_id: str, changes: Sequence[Change], facts: Facts) -> TakenBack:
    """Every field that a run changed, held against what the host has now.

    As the run left it: it is to be as before. As before already: there is nothing to do. Neither: a conflict.

    Raises:
        PlanRefused: CA3046 the run changed no field.
    """
    if all(change.kind in _LEAVES_NOTHING for change in changes):
        kinds = ", ".join(dict.fromkeys(change.kind for change in changes)) or "nothing"
        hint = "the HTTP driver stays started, because others may have begun to use it; a restart leaves nothing behind"
        raise PlanRefused("CA3046", f"run {run_id} changed nothing that can be taken back: {kinds}", hint=hint)
    draft = Draft(facts)
    for change in changes:
        _take_back(run_id, change, draft)
    take_back_ip_listen(changes, draft)
    take_back_block_rule(changes, draft)
    draft.conflicts += _without_effect(draft)
    return TakenBack(draft.state, tuple(draft.conflicts), draft.whole)


def _take_back(run_id: str, change: Change, draft: Draft) -> None:
    match change:
        case FileWrite():
            take_back_file(change, draft)
        case DataStoreRestore():
            _keep_database(run_id, change, draft)
        case UrlReservationAdd() | UrlReservationRemove() | UrlReservationReplace():
            take_back_reservation(change, draft)
        case ServiceStartMode() | ServiceRecovery() | ServiceStart() | ServiceStop():
            take_back_service(change, draft)
        case DataDirectoryAcl():
            take_back_folder(change, draft)
        case DriverStartMode():
            take_back_driver(change, draft)
        case _:  # lists are taken back as a whole, and the rest leaves nothing behind
            return


def _keep_database(run_id: str, change: DataStoreRestore, draft: Draft) -> None:
    """What the product has stored since is in the database that is there, and the one of before was given up."""
    folder = rf"%ProgramData%\certify-automation\runs\{run_id}\data"
    note = f"a database is not taken back; copies of what stood there before are in {folder} until later runs have more"
    draft.conflict(f"files.{DATABASE}", ("as before the run", change.backup), note)


def _without_effect(draft: Draft) -> Iterator[Difference]:
    """Reservations that a plan leaves out, because this host's generation of the product has no use for them."""
    planned = compare("", draft.state, draft.facts).desired.url_reservations or ()
    for one in draft.state.url_reservations or ():
        if one not in planned:
            note = "version 7 does not use http.sys for its API: reserve it by hand if something else needs it"
            yield Difference(f"http_sys.url_reservations[{one.url}]", one.sddl, None, note)


def as_planned(plan: Plan, taken: TakenBack) -> Plan:
    """A plan made from `taken.state`, with its conflicts, and with fields in place of whole files."""
    shown = (taken.whole.get(one.path) or (one,) for one in plan.differences)
    return replace(plan, differences=tuple(one for several in shown for one in several), conflicts=taken.conflicts)
