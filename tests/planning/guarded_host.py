"""A host with a dead-man timer, as `confirmation` and what is above it meet it: a session with a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from certify_automation import onhost
from certify_automation.errors import HostError, OutcomeUnknown, Unreachable
from certify_automation.model.change import IpListenAdd
from certify_automation.model.host import Endpoint
from certify_automation.model.plan import ObserveRequest, Plan

RUN, OTHER = "1" * 32, "2" * 32
PLAN = Plan(
    "web01",
    RUN,
    ObserveRequest(Endpoint("127.0.0.2", 9696), (9696,)),
    changes=(IpListenAdd("127.0.0.2", first=True),),
    confirm_seconds=60,
)
LOST = OutcomeUnknown("CA2030", "no answer")
DEAF = Unreachable("CA2002", "nothing listens")


@dataclass
class GuardedHost:
    """A host with a dead-man timer whose time passes by visits.

    Attributes:
        cut: whether the change cuts it off: no visit reaches it until it has put the change back.
        patience: visits after which the timer puts everything back; None = it waits for ever.
        lost: numbers of visits whose answer is lost on the way, counted from 0.
        trouble: what a visit of this number ends with before it reaches the host.
        state: None = no such run; `awaiting`, or its result.
    """

    cut: bool = False
    patience: int | None = None
    lost: frozenset[int] = frozenset()
    trouble: dict[int, HostError] = field(default_factory=dict)
    locked: frozenset[int] = frozenset()
    state: str | None = None
    said: list[str] = field(default_factory=list)

    def run(self, script: onhost.Script, parameters: Mapping[str, Any], *, acts: bool) -> Mapping[str, object]:
        assert (script.name, acts) == ("Guard", True)
        number = len(self.said)
        self.said.append(parameters["verb"])
        if self.state == "awaiting" and self.patience is not None and number > self.patience:
            self.state = "rolled_back"
        if number in self.trouble:
            raise self.trouble[number]
        if self.cut and self.state == "awaiting":
            raise DEAF
        value = self._answer(parameters, locked=number in self.locked)
        if number in self.lost:
            raise LOST
        return value

    def _answer(self, parameters: Mapping[str, Any], *, locked: bool) -> Mapping[str, object]:
        if locked:
            return outcome("refused", refusal="locked")
        if parameters["verb"] == "apply":
            self.state = "awaiting"
            return outcome("awaiting", recovered=OTHER)
        if self.state is None:
            return outcome("refused", refusal="unknown_run")
        repeated = self.state != "awaiting"
        if not repeated:
            self.state = {"confirm": "applied", "undo": "rolled_back"}[parameters["verb"]]
        return outcome(self.state, repeated=repeated)


def outcome(result: str, *, refusal: str = "", repeated: bool = False, recovered: str = "") -> Mapping[str, object]:
    """An Outcome without facts."""
    status = {"applied": "done", "awaiting": "done", "rolled_back": "undone"}.get(result, "not_run")
    ended = {"run_id": recovered, "result": "rolled_back", "steps": [], "failure": None}
    return {
        "contract": 1,
        "run_id": RUN,
        "result": result,
        "refusal": {"code": refusal, "message": "words", "moved": []} if refusal else None,
        "steps": [{"index": 0, "kind": "ip_listen.add", "status": status, "code": None, "message": None}],
        "failure": {"code": "not_confirmed", "message": "words", "step": None} if result == "rolled_back" else None,
        "health": None,
        "repeated": repeated,
        "recovered": [ended] if recovered else [],
        "facts": None,
    }
