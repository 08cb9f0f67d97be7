"""What is wrong with this computer, from which servers are visited: files, tickets, names, certificates, clock."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from certify_automation import __version__
from certify_automation.controller.local_files import ca_files, state_folder_check, ticket_cache
from certify_automation.controller.network import NetworkLimits, clock, names, reached
from certify_automation.controller.result import Result
from certify_automation.desired import Fleet, load
from certify_automation.doctor.diagnosis import finding
from certify_automation.errors import ConfigurationError, Problem
from certify_automation.fleet.record_files import state_folder
from certify_automation.model.finding import Evidence, Finding
from certify_automation.naming import some_of

_PACKAGES = ("pywinrm", "requests", "cryptography", "jinja2")
_OPTIONAL = ("pykerberos", "pyspnego", "requests-kerberos", "requests-credssp")
_SHOWN = 10
_NETWORK = NetworkLimits()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what was seen of it, both ready to show."""

    what: str
    result: str


@dataclass(frozen=True, slots=True)
class ExaminedController:
    """What became of examining this computer: everything that was looked at, and what is wrong, worst first."""

    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]


def examine_controller(
    repo: Path,
    inventory: Path | None,
    environ: Mapping[str, str],
    now_utc_ms: int,
    network: NetworkLimits = _NETWORK,
) -> ExaminedController:
    """Looks at this computer; servers see no login, only a connection and a question without one.

    Args:
        repo: the repository; where it cannot be read only what needs no host is looked at.
        inventory: the inventory, if it is not the repository's own.
        environ: the environment.
        now_utc_ms: this computer's clock, held against those of servers.
        network: how many hosts are asked, and for how long.
    """
    results = list(_results(repo, inventory, environ, now_utc_ms, network))
    found = [one for result in results for one in result.findings]
    return ExaminedController(
        tuple(Check(result.what, text) for result in results for text in result.seen),
        tuple(sorted(found, key=lambda one: (one.severity.rank, one.id, one.subject))),
    )


def _results(
    repo: Path, inventory: Path | None, environ: Mapping[str, str], now_utc_ms: int, network: NetworkLimits
) -> Iterator[Result]:
    yield Result("program", (f"certify-automation {__version__}, Python {platform.python_version()}",))
    yield Result("packages", (", ".join(_versions()),))
    try:
        fleet = load(repo, inventory=inventory, environ=environ, state_needed=False)
    except ConfigurationError as error:
        yield _unusable(repo, error.problems)
        return
    yield Result("configuration", (f"{repo.absolute()}: {len(fleet.hosts)} hosts, {len(fleet.warnings)} warnings",))
    yield state_folder_check(state_folder(fleet.settings, environ))
    yield from _of_hosts(fleet, environ, now_utc_ms, network)


def _of_hosts(fleet: Fleet, environ: Mapping[str, str], now_utc_ms: int, network: NetworkLimits) -> Iterator[Result]:
    hosts = tuple(fleet.hosts.values())
    connections = [host.connection for host in hosts]
    yield from ca_files(connections, now_utc_ms)
    yield ticket_cache(hosts, environ, now_utc_ms)
    unknown, result = names(connections, network)
    yield result
    answers, result = reached([one for one in connections if one.address not in unknown], network)
    yield result
    yield clock(answers)


def _unusable(repo: Path, problems: Sequence[Problem]) -> Result:
    errors = [one for one in problems if one.severity == "error"]
    evidence = [Evidence(str(one.position or repo.absolute()), f"{one.id}: {one.message}") for one in errors[:_SHOWN]]
    words = some_of([f"{one.id} {one.message}" for one in errors], 1)
    cause = f"the files of {repo.absolute()} cannot be used: {words}"
    return Result("configuration", (f"{repo.absolute()}: cannot be used",), (finding("CA6901", cause, evidence),))


def _versions() -> Iterator[str]:
    for name in (*_PACKAGES, *_OPTIONAL):
        try:
            yield f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            if name in _PACKAGES:
                yield f"{name} is not installed"
