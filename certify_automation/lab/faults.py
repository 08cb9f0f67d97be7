"""Fault rules as data: read from YAML, or the demo's mixture; what each means for a host's state, a visit, the wire."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from certify_automation import bundled
from certify_automation.errors import ConfigurationError, Position, Problem
from certify_automation.lab.endpoints import EndpointFaults
from certify_automation.lab.hosts import BuiltHost
from certify_automation.lab.onhost import Cut, Point, VisitFaults
from certify_automation.lab.state_faults import STATE_FAULTS
from certify_automation.lab.windows import Win32Error
from certify_automation.lab.winrm import WireFault, WireFaultKind, WsmanOperation

_LARGEST_FILE = 1_000_000
_UNREACHABLE = "unreachable"
_VISIT_FAULTS = ("power_loss", "killed_during", "disk_full_during", "file_edited_during")
_REBOOT_SECONDS = 60.0

MIXTURE: tuple[tuple[str, ...], ...] = (
    (),
    ("port_taken",),
    ("listen_list_excludes",),
    ("driver_disabled",),
    ("connections_disagree",),
    ("malformed_config",),
    ("service_stopped",),
    (),
    ("connections_disagree",),
    ("service_stopped",),
    ("malformed_config",),
    ("pending_reboot",),
)
"""The demo's faults, host by host; a larger fleet repeats them."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule: what goes wrong, on which hosts (globs of inventory names), and its options."""

    fault: str
    hosts: tuple[str, ...] = ("*",)
    options: Mapping[str, Any] = field(default_factory=dict)

    def concerns(self, name: str) -> bool:
        """Whether the host of this name is meant."""
        return any(fnmatchcase(name.casefold(), glob.casefold()) for glob in self.hosts)


class FaultRules:
    """The rules of one lab; counts how often faults of a visit have struck each host."""

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self.rules = tuple(rules)
        self._struck: Counter[tuple[int, str]] = Counter()

    def apply_state(self, host: BuiltHost, number: int) -> BuiltHost:
        """The host with the faults of its state."""
        meant = {rule.fault: rule.options for rule in self.rules if rule.concerns(host.spec.name)}
        for name, fault in STATE_FAULTS.items():
            if name in meant:
                # What another fault has made impossible does not strike: nothing can be written to a full disk.
                with contextlib.suppress(Win32Error):
                    host = fault(host, number, meant[name])
        return host

    def wire(self, machine_names: Mapping[str, str]) -> list[WireFault]:
        """The rules that concern the wire, for machine names by inventory name."""
        found = []
        for rule in self.rules:
            kind = _wire_kind(rule.fault)
            hosts = tuple(machine for name, machine in machine_names.items() if rule.concerns(name))
            if kind is None or not hosts:
                continue
            operation = rule.options.get("operation")
            found.append(
                WireFault(
                    kind,
                    hosts,
                    at=rule.options.get("at", 0),
                    times=rule.options.get("times"),
                    operation=WsmanOperation(operation) if operation else None,
                    seconds=rule.options.get("seconds", 0.0),
                )
            )
        return found

    def visit(self, name: str) -> VisitFaults:
        """What goes wrong in the next visit of a host that changes something; each rule strikes `times` (1) visits."""
        faults = VisitFaults()
        for number, rule in enumerate(self.rules):
            if rule.fault not in _VISIT_FAULTS or not rule.concerns(name):
                continue
            if self._struck[number, name] >= rule.options.get("times", 1):
                continue
            self._struck[number, name] += 1
            _strike(faults, rule)
        return faults

    def endpoint(self, name: str) -> EndpointFaults:
        """What is wrong with the TLS server of a host."""
        meant = {rule.fault: rule.options for rule in self.rules if rule.concerns(name)}
        unreadable = meant["certificate_unreadable"].get("names", ("*",)) if "certificate_unreadable" in meant else ()
        return EndpointFaults("endpoint_closed" in meant, "endpoint_hangs" in meant, tuple(unreadable))

    def reboot_seconds(self, name: str) -> float:
        """How long a host that lost power stays away."""
        return next(
            (
                float(rule.options.get("seconds", _REBOOT_SECONDS))
                for rule in self.rules
                if rule.fault == "power_loss" and rule.concerns(name)
            ),
            _REBOOT_SECONDS,
        )


def _strike(faults: VisitFaults, rule: FaultRule) -> None:
    """Put a rule's fault into those of a visit; an effect is more exact than a change."""
    effect, change = rule.options.get("effect"), rule.options.get("change")
    if effect is not None:
        point = Point(rule.options.get("point", Point.BEFORE))
        faults.cut = Cut(effect, point, power=rule.fault == "power_loss")
    elif rule.fault == "power_loss":
        faults.power_lost_before = change
    elif rule.fault == "disk_full_during":
        faults.disk_full_at = change
    else:
        faults.file_edited_at = change


def mixture(names: Sequence[str]) -> FaultRules:
    """The demo's faults for these hosts, in their order."""
    return FaultRules(
        FaultRule(fault, (name,)) for number, name in enumerate(names) for fault in MIXTURE[number % len(MIXTURE)]
    )


def load(path: Path) -> FaultRules:
    """The rules of a YAML file (schemas/faults.schema.json).

    Raises:
        ConfigurationError: CA5070 the file cannot be read, CA5071 it is no YAML, CA5072 it does not follow the schema.
    """
    try:
        data = path.read_bytes()
        if len(data) > _LARGEST_FILE:
            raise _failure("CA5070", path, f"the file has {len(data)} bytes; more than {_LARGEST_FILE} are not read")
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _failure("CA5070", path, f"cannot read the file: {error}") from error
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise _failure("CA5071", path, "aliases (*name) are not read here")
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Position(str(path), mark.line + 1, mark.column + 1) if mark else Position(str(path))
        raise ConfigurationError((Problem("CA5071", f"not YAML: {error.problem}", where),)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _failure("CA5071", path, f"not YAML: {error}") from error
    _check(path, document)
    return FaultRules(_rule(item) for item in document["rules"])


def _check(path: Path, document: object) -> None:
    schema = json.loads(bundled.text("schemas", "faults.schema.json"))
    problems = []
    for error in sorted(jsonschema.Draft202012Validator(schema).iter_errors(document), key=lambda e: list(e.path)):
        place = ".".join(str(part) for part in error.absolute_path) or "the document"
        problems.append(Problem("CA5072", f"{place}: {error.message}", Position(str(path))))
    if problems:
        raise ConfigurationError(tuple(problems))


def _rule(item: Mapping[str, Any]) -> FaultRule:
    options = {name: value for name, value in item.items() if name not in ("fault", "hosts")}
    return FaultRule(item["fault"], tuple(item.get("hosts", ("*",))), options)


def _wire_kind(fault: str) -> WireFaultKind | None:
    if fault == _UNREACHABLE:
        return WireFaultKind.CONNECTION_REFUSED
    return WireFaultKind(fault) if fault in tuple(WireFaultKind) else None


def _failure(error_id: str, path: Path, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(error_id, message, Position(str(path))),))
