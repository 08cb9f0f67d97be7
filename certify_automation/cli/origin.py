"""Who has a plan carried out, and which commit it comes from."""

from __future__ import annotations

import getpass
import socket
import subprocess
from pathlib import Path

from certify_automation.model.plan import Origin

_GIT_SECONDS = 10
_UNKNOWN = "unknown"


def origin_of(repo: Path) -> Origin:
    """The account and the computer this runs as, and the commit of the fleet repository."""
    return Origin(f"{_user()}@{socket.gethostname() or _UNKNOWN}", commit_of(repo))


def commit_of(repo: Path) -> str | None:
    """The commit the repository is at, None where git is not there or knows nothing of it.

    It ends in `-dirty` while files that git tracks have changes of their own: what is carried out is then not what the
    commit says.
    """
    command = ["git", "-C", str(repo), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # an account without an entry, as in containers
        return _UNKNOWN
