"""What is wrong with many hosts or certificates, said once for all that it is wrong with."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from certify_automation.cli.console import Console
from certify_automation.errors import CertifyAutomationError, Problem
from certify_automation.naming import some_of
from certify_automation.report import one_line

_NAMES_SHOWN = 5


def show_errors(console: Console, errors: Iterable[tuple[str, CertifyAutomationError]]) -> None:
    """Why hosts stopped, to stderr; those that stopped for the same reason together."""
    for problem, names in _grouped((name, Problem(e.id, e.message, hint=e.hint)) for name, e in errors):
        console.error(f"error {problem.id}: {_names(console, names)}: {one_line(problem.message)}")
        if problem.hint:
            console.say(f"      hint: {problem.hint}")


def show_warnings(console: Console, warnings: Iterable[tuple[str, Problem]]) -> None:
    """Warnings with what they are about, to stderr; -q hides them."""
    for problem, names in _grouped(warnings):
        about = f": {_names(console, names)}: {one_line(problem.message)}"
        console.say(Text.assemble((f"warning {problem.id}", "yellow"), about))
        if problem.hint:
            console.say(f"      hint: {problem.hint}")


def _grouped(found: Iterable[tuple[str, Problem]]) -> list[tuple[Problem, list[str]]]:
    names: dict[Problem, list[str]] = {}
    for name, problem in found:
        names.setdefault(problem, []).append(name)
    return list(names.items())


def _names(console: Console, names: list[str]) -> str:
    return some_of([one_line(name) for name in names], len(names) if console.verbosity > 0 else _NAMES_SHOWN)
