"""Playbooks: a name and the values of its parameters -> a Playbook, or every Problem of every file it needs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from certify_automation import bundled
from certify_automation.desired import durations, reference, source
from certify_automation.desired.fleet import Fleet
from certify_automation.desired.playbook_parameters import Given, assign
from certify_automation.desired.playbook_reading import PlaybookFile, Reading
from certify_automation.desired.resolve import in_order
from certify_automation.desired.schema import check_document
from certify_automation.desired.words import near, printable
from certify_automation.errors import ConfigurationError, Problem
from certify_automation.model.config_files import JsonValue
from certify_automation.model.playbook import Playbook, PlaybookStep, Strategy

PLAYBOOKS = "playbooks"
_NAME = re.compile(str(reference.schema("playbook")["$defs"]["name"]["pattern"]))


def read_playbook(name_or_path: str, fleet: Fleet, given: Mapping[str, str]) -> Playbook:
    """The playbook of this name: of the repository, then a file of this path, then one that ships with the program.

    Args:
        name_or_path: `change-port`, or `runbooks/change-port.yaml`.
        fleet: every host of the inventory.
        given: values of its parameters as texts, converted to the types they are declared with.

    Raises:
        ConfigurationError: something is wrong; carries all Problems (CA10xx, CA11xx, CA16xx) of all files it needs.
    """
    path = _find(name_or_path, fleet.folder)
    if path is None:
        raise ConfigurationError((_no_such(name_or_path, fleet.folder),))
    reading = Reading(lambda name: _of_name(name, fleet.folder))
    file = reading.file(path)
    if file is None:
        raise ConfigurationError(in_order(reading.problems))
    values, problems = assign(file.parameters, Given(given))
    reading.problems += problems
    steps = reading.steps(file, values)
    targets = _targets(file)
    reading.problems += _check_targets(file, targets, fleet)
    if reading.problems:
        raise ConfigurationError(in_order(reading.problems))
    strategy = _strategy(file.data.get("strategy") or {})
    digest = _digest(steps, strategy, values)
    return Playbook(file.data["name"], file.data["description"], steps, strategy, targets, values, digest)


def hosts_of(playbook: Playbook, fleet: Fleet, limit: Sequence[str]) -> Fleet:
    """The hosts that a playbook runs on: its targets, and of these those that `--limit` names.

    Raises:
        ConfigurationError: a pattern matches nothing (CA1310, CA1311), or no host is both (CA1613).
    """
    targets, asked = fleet.select(playbook.targets), fleet.select(limit)
    both = [name for name in asked.hosts if name in targets.hosts]
    if not both:
        message = f"no host of --limit {','.join(limit)} is a target of {playbook.name}: {','.join(playbook.targets)}"
        raise ConfigurationError((Problem("CA1613", message, None, "--limit narrows the targets of a playbook"),))
    return fleet.only(both)


def playbook_names(repo: Path) -> tuple[tuple[str, str], ...]:
    """Name and description of every playbook there is, by name; those of the repository come before shipped ones.

    The description of a file that cannot be read as a playbook is empty.
    """
    found = {path.stem: path for folder in _folders(repo)[::-1] for path in sorted(folder.glob("*.yaml"))}
    return tuple((name, _description(path)) for name, path in sorted(found.items()) if _NAME.search(name))


def _description(path: Path) -> str:
    document, _ = source.read(path, str(path))
    if document is None or check_document(document, "playbook")[1]:
        return ""
    return printable(str(document.data["description"]))


def _folders(repo: Path) -> tuple[Path, Path]:
    return repo / PLAYBOOKS, bundled.folder(PLAYBOOKS)


def _of_name(name: str, repo: Path) -> Path | None:
    found = (folder / f"{name}.yaml" for folder in _folders(repo))
    return next((path for path in found if path.is_file()), None)


def _find(name_or_path: str, repo: Path) -> Path | None:
    named = bool(_NAME.search(name_or_path))
    own, shipped = _folders(repo)
    places = [own / f"{name_or_path}.yaml"] if named else []
    places.append(Path(name_or_path))
    places += [shipped / f"{name_or_path}.yaml"] if named else []
    return next((path for path in places if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds NUL
        return False


def _no_such(name_or_path: str, repo: Path) -> Problem:
    names = [name for name, _ in playbook_names(repo)]
    hint = near(Path(name_or_path).stem, names) or f"known are {', '.join(names)}; a path names any other file"
    return Problem("CA1601", f"there is no playbook {printable(name_or_path)}", None, hint)


def _targets(file: PlaybookFile) -> tuple[str, ...]:
    if not file.sound("targets"):
        return ()
    written = file.data.get("targets") or ()
    return (written,) if isinstance(written, str) else tuple(written)


def _check_targets(file: PlaybookFile, targets: Sequence[str], fleet: Fleet) -> Iterator[Problem]:
    try:
        fleet.select(targets)
    except ConfigurationError as error:
        position = file.document.position(("targets",))
        for problem in error.problems:
            yield Problem("CA1613", f"targets: {problem.message}", position, problem.hint)


def _strategy(written: Mapping[str, Any]) -> Strategy:
    usual = Strategy()

    def amount(name: str, otherwise: str) -> str:
        return str(written.get(name, otherwise))

    return Strategy(
        written.get("canary", usual.canary),
        amount("batch", usual.batch),
        durations.seconds(written.get("pause")) or usual.pause_seconds,
        amount("max_failures", usual.max_failures),
        amount("max_unreachable", usual.max_unreachable),
    )


def _digest(steps: Sequence[PlaybookStep], strategy: Strategy, values: Mapping[str, JsonValue]) -> str:
    content = {
        "steps": [
            [step.name, step.verb, step.with_, step.when, step.on_failure, step.parameters, step.within]
            for step in steps
        ],
        "strategy": [getattr(strategy, name) for name in Strategy.__slots__],
        "parameters": values,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
