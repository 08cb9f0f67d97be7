"""A repository with playbooks on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from certify_automation.desired import Fleet, load
from certify_automation.desired.playbook import read_playbook
from certify_automation.model.playbook import Playbook
from desired.cases import write

HEAD = "version: 1\nname: {}\ndescription: d\n"


def repository(folder: Path, playbooks: Mapping[str, str], state: str = "version: 1\napplies_to: all\n") -> Fleet:
    """The usual two hosts, and playbooks by name."""
    write(folder, {"state": state, "files": {f"playbooks/{name}.yaml": text for name, text in playbooks.items()}})
    return load(folder, environ={})


def read(folder: Path, playbooks: Mapping[str, str], given: Mapping[str, str] | None = None) -> Playbook:
    """The playbook `a` of such a repository; texts begin after the description."""
    full = {name: HEAD.format(name) + text for name, text in playbooks.items()}
    return read_playbook("a", repository(folder, full), given or {})
