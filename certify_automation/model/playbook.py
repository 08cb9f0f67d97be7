"""A playbook as it is run: steps of this program's own verbs, their strategy, and what they are run with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from certify_automation.errors import Position
from certify_automation.model.config_files import JsonValue


class OnFailure(StrEnum):
    """What a failed step means for its host: no further step, the next one all the same, or its changes taken back."""

    STOP = "stop"
    CONTINUE = "continue"
    ROLLBACK = "rollback"


class Verb(StrEnum):
    """What a step does; `run` is the steps of another playbook in its place and is gone once one is read."""

    DOCTOR = "doctor"
    APPLY = "apply"
    REMEDIATE = "remediate"
    RENEW = "renew"
    VERIFY = "verify"
    RESTART = "restart"
    WAIT_FOR = "wait_for"
    ASSERT = "assert"


@dataclass(frozen=True, slots=True)
class PlaybookStep:
    """One step.

    Attributes:
        name: as written, or the verb.
        with_: the verb's own parameters as written; texts may hold expressions, evaluated a host at a time.
        when: expression over the host's facts; empty = always.
        position: of the step in its file.
        parameters: what expressions of the step find under `parameters`: those of the playbook it is written in.
        within: of each `run` step that it came with, the outermost first, its `when` and the parameters for that.
        places: keys and indexes from `with_` down to a value -> where that is written.
    """

    name: str
    verb: Verb
    with_: Mapping[str, JsonValue]
    position: Position
    when: str = ""
    on_failure: OnFailure = OnFailure.STOP
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    within: tuple[tuple[str, Mapping[str, JsonValue]], ...] = ()
    places: Mapping[tuple[str | int, ...], Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a playbook goes over its hosts.

    Attributes:
        canary: so many hosts run first, all steps; 0 = none.
        batch: hosts at a time after that, a number or a percentage as text; empty = all.
        pause_seconds: between batches.
        max_failures: no further host starts when so many have failed, a number or a percentage as text.
        max_unreachable: the same for unreachable ones; empty = they count as failures.
    """

    canary: int = 0
    batch: str = ""
    pause_seconds: int = 0
    max_failures: str = "3"
    max_unreachable: str = ""


@dataclass(frozen=True, slots=True)
class Playbook:
    """A playbook with the values of its parameters.

    Attributes:
        targets: `--limit` patterns; empty = every host.
        digest: SHA-256 in hex over what it would do: its steps, strategy and parameters; another one is another
            playbook, with which a run cannot go on.
    """

    name: str
    description: str
    steps: tuple[PlaybookStep, ...]
    strategy: Strategy = field(default_factory=Strategy)
    targets: tuple[str, ...] = ()
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    digest: str = ""
