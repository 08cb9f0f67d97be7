"""Random changes on random hosts, all taken back: by the host itself, and by a plan of the inverse changes."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from lab_plans import RESERVED, apply, make, path, read, service, state

from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.windows import security
from certify_automation.model.change import (
    Change,
    DataDirectoryAcl,
    DriverStartMode,
    FileWrite,
    FirewallRuleAdd,
    FirewallRuleRemove,
    IpListenAdd,
    IpListenRemove,
    ServiceRecovery,
    ServiceRestart,
    ServiceStartMode,
    ServiceStop,
    UrlReservationAdd,
    UrlReservationRemove,
    UrlReservationReplace,
)
from certify_automation.model.change_codec import KINDS
from certify_automation.model.config_files import FileName
from certify_automation.model.host import Endpoint
from certify_automation.model.plan import Health, ObserveRequest, Origin, Plan, undo
from certify_automation.model.recovery import FailureAction, Recovery, RecoveryAction
from certify_automation.model.service import StartMode

RULE = "certify-automation-api"
SDDLS = ("D:(A;;GX;;;SY)", "D:(A;;GA;;;LS)(A;;GX;;;NS)")
ADDRESSES = ("127.0.0.2", "127.0.0.3", "::1")
RIGHTS = (
    "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
    "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)",
)
MODES = (StartMode.AUTOMATIC, StartMode.AUTOMATIC_DELAYED, StartMode.MANUAL, StartMode.DISABLED)
SEEDS = range(60)


class Drawn:
    """A host and the changes for it, from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - to be drawn again
        self.host: BuiltHost = make(self.random.choice(["v6", "v7"]))
        self.name = service(self.host)
        drawn = [change for draw in self._draws() if self.random.random() < 0.6 and (change := draw()) is not None]
        self.random.shuffle(drawn)
        self.changes: tuple[Change, ...] = (*drawn, *self._act(drawn))

    def _draws(self) -> list[Any]:
        files = [lambda name=name: self._file(name) for name in FileName]
        return [
            self._mode,
            self._driver,
            self._reservation,
            self._listen,
            self._rule,
            self._rights,
            self._recovery,
            *files,
        ]

    def _mode(self) -> Change:
        before, after = self.random.sample(MODES, 2)
        word, delayed = {
            StartMode.AUTOMATIC: ("Auto", False), StartMode.AUTOMATIC_DELAYED: ("Auto", True),
            StartMode.MANUAL: ("Manual", False), StartMode.DISABLED: ("Disabled", False),
        }[before]  # fmt: skip
        self.host.computer.services.configure(self.name, word, delayed=delayed)
        return ServiceStartMode(self.name, before, after)

    def _driver(self) -> Change:
        return DriverStartMode(StartMode.MANUAL, self.random.choice([StartMode.AUTOMATIC, StartMode.DISABLED]))

    def _reservation(self) -> Change:
        first, second = self.random.sample(SDDLS, 2)
        self.host.computer.http.unreserve(RESERVED)
        if self.random.random() < 1 / 3:
            return UrlReservationAdd(RESERVED, first)
        self.host.computer.http.reserve(RESERVED, security.to_bytes(first))
        if self.random.random() < 0.5:
            return UrlReservationRemove(RESERVED, first)
        return UrlReservationReplace(RESERVED, first, second)

    def _listen(self) -> Change:
        address = self.random.choice(ADDRESSES)
        present = address in self.host.computer.http.live
        return IpListenRemove(address) if present else IpListenAdd(address)

    def _rule(self) -> Change:
        if self.random.random() < 0.5:
            return FirewallRuleAdd(RULE, 9696)
        self.host.computer.firewall.add_block(RULE, 9700)
        return FirewallRuleRemove(RULE, 9700)

    def _rights(self) -> Change:
        before, after = self.random.sample(RIGHTS, 2)
        folder = path(self.host, "servers").rpartition("\\")[0]
        self.host.computer.files.set_security(folder, f"O:S-1-5-18G:S-1-5-18{before}")
        return DataDirectoryAcl(folder, before, after)

    def _recovery(self) -> Change:
        actions = tuple(
            FailureAction(self.random.choice([RecoveryAction.RESTART, RecoveryAction.NONE]), 1000 * number)
            for number in range(1, self.random.randint(2, 4))
        )
        before = Recovery(3600, (FailureAction(RecoveryAction.RESTART, 1000),), on_stop_with_error=False)
        self.host.computer.services.set_failure_actions(self.name, 3600, ((1, 1000),))
        self.host.computer.services.set_failure_flag(self.name, on=False)
        return ServiceRecovery(self.name, before, Recovery(None, actions, on_stop_with_error=True))

    def _file(self, name: FileName) -> Change | None:
        """Another content, a new file, or none any more."""
        if name is FileName.SERVERS and self.random.random() < 0.3:
            self.host.computer.files.delete(path(self.host, name.value))
        before = read(self.host, name.value)
        if name is FileName.SERVERS and before is not None and self.random.random() < 0.3:
            return FileWrite(name, path(self.host, name.value), before, None)
        document = json.loads(before) if before is not None else {}
        if not isinstance(document, dict):
            return FileWrite(name, path(self.host, name.value), before, b"[]")
        return FileWrite(name, path(self.host, name.value), before, json.dumps({**document, "X": 1}).encode())

    def _act(self, drawn: list[Change]) -> tuple[Change, ...]:
        """At most one act on the service, and the last; one that is disabled does not start."""
        disabled = any(isinstance(one, ServiceStartMode) and one.after is StartMode.DISABLED for one in drawn)
        acts = (ServiceStop(self.name),) if disabled else (ServiceStop(self.name), ServiceRestart(self.name))
        return self.random.choice([(), *((act,) for act in acts)])

    def plan(self, changes: tuple[Change, ...], run_id: str, *, fails: bool = False) -> dict[str, Any]:
        health = Health("http://127.0.0.2:9799", self.host.spec.generation, self.name, 10) if fails else None
        observe = ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,))
        origin = Origin("alice@ctl01", rolls_back="1" * 32)
        plan = Plan("web01", run_id * 32, observe, changes=changes, health=health, origin=origin)
        return json.loads(json.dumps(plan.to_json()))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_host_takes_back_whatever_a_failing_run_has_done(seed: int) -> None:
    drawn = Drawn(seed)
    before = state(drawn.host)
    outcome = apply(drawn.host, drawn.plan(drawn.changes, "1", fails=True))
    assert (outcome["result"], outcome["failure"]["code"] in ("health_timeout", "endpoint_differs")) == (
        "rolled_back",
        True,
    )
    assert state(drawn.host) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_of_the_inverse_changes_takes_back_a_run(seed: int) -> None:
    drawn = Drawn(seed)
    before = state(drawn.host)
    assert apply(drawn.host, drawn.plan(drawn.changes, "1"))["result"] == "applied"
    assert (state(drawn.host) != before) is bool([one for one in drawn.changes if one.kind != "service.restart"])
    outcome = apply(drawn.host, drawn.plan(undo(drawn.changes), "2"))
    assert outcome["result"] == "applied", outcome["failure"]
    assert state(drawn.host) == before


def test_every_reversible_kind_is_drawn() -> None:
    drawn = {change.kind for seed in SEEDS for change in Drawn(seed).changes}
    taken_back = {change.kind for seed in SEEDS for change in undo(Drawn(seed).changes)}
    # A database has no inverse: only the host itself puts it back.
    assert drawn | taken_back == set(KINDS) - {"driver.start", "data_store.restore"}
