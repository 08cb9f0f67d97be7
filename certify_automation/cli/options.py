"""The flags that commands share, gathered into one value, and what every command ends with: an exit code."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any

import click

from certify_automation.cli.console import Console, make_console
from certify_automation.cli.problems import report_error, show_problems
from certify_automation.desired import Fleet, load
from certify_automation.errors import CertifyAutomationError, InternalError
from certify_automation.model.outcome import ExitCode, worst

Command = Callable[..., int]
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>s|m|h|d|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


_NEED_NOTHING_DECLARED = frozenset({"doctor", "remediate", "run", "rollback", "certs", "verify", "renew"})
_ABOUT_WHAT_IS_DECLARED = frozenset({"validate", "render", "plan", "check", "diff", "apply"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one command: its console and the flags that choose files and hosts.

    Attributes:
        repo: the fleet repository.
        inventory: another inventory than the repository's own; None for that.
        limit: host patterns; empty for all.
    """

    command: str
    console: Console
    repo: Path = Path()
    inventory: Path | None = None
    limit: tuple[str, ...] = ()

    def with_hosts(self, patterns: tuple[str, ...]) -> Call:
        """The same call with host patterns that stand on the command line by themselves, beside those of --limit."""
        return replace(self, limit=(*self.limit, *patterns))

    def whole_fleet(self) -> Fleet:
        """Every host of the inventory.

        Raises:
            ConfigurationError: the files are wrong.
        """
        needed = self.command not in _NEED_NOTHING_DECLARED
        return load(self.repo, inventory=self.inventory, environ=os.environ, state_needed=needed)

    def fleet(self) -> Fleet:
        """The selected hosts; warnings are shown by the commands that are about what is declared, or with -v.

        Raises:
            ConfigurationError: the files or the selection are wrong.
        """
        fleet = self.whole_fleet()
        if self.console.verbosity >= (0 if self.command in _ABOUT_WHAT_IS_DECLARED else 1):
            show_problems(self.console, fleet.warnings)
        return fleet.select(self.limit)


class Duration(click.ParamType[timedelta]):
    """A number of seconds, or a number with s, m, h or d.

    Args:
        unit_needed: a number alone is refused, where few would mean seconds.
    """

    name = "duration"

    def __init__(self, *, unit_needed: bool = False) -> None:
        """Of a flag."""
        self._unit_needed = unit_needed

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse `90`, `90s`, `1.5m`, `1h`, `30d`; zero is refused, and so is more than a calendar holds."""
        if isinstance(value, timedelta):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None or not float(match["number"]):
            bare = "" if self._unit_needed else "90, "
            self.fail(f"{value!r} is not a duration such as {bare}90s, 5m or 30d", param, ctx)
        if self._unit_needed and not match["unit"]:
            self.fail(f"{value!r} has no unit: write {value}d for days, or h, m or s", param, ctx)
        try:
            return timedelta(seconds=float(match["number"]) * _SECONDS[match["unit"]])
        except OverflowError:
            self.fail(f"{value!r} is longer than any calendar", param, ctx)


_OUTPUT = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("-v", "--verbose", count=True, help="Say more; -vv shows the traceback of an internal error."),
    click.option("-q", "--quiet", is_flag=True, help="Say what went wrong and the answer; no progress, no notes."),
    click.option("--no-color", is_flag=True, help="No colors; so does the variable NO_COLOR."),
)
_SELECTION = (
    click.option(
        "-C",
        "--repo",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        default=Path(),
        help="The fleet repository; default: this folder.",
    ),
    click.option(
        "-i",
        "--inventory",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Another inventory than the repository's inventory.yaml.",
    ),
    click.option(
        "-l",
        "--limit",
        multiple=True,
        metavar="PATTERN",
        help="Only these hosts: names, groups, globs, ~regex, label=value, @file, joined with : :& :!. Repeatable.",
    ),
)


def output_options(function: Command) -> Command:
    """Give a command --json, -v, -q and --no-color; it is called with a Call and its own parameters."""
    return _decorate(_carry_out(function), _OUTPUT)


def fleet_options(function: Command) -> Command:
    """As output_options, with -C, -i and -l."""
    return _decorate(_carry_out(function), (*_SELECTION, *_OUTPUT))


def _decorate(function: Command, options: tuple[Callable[[Command], Command], ...]) -> Command:
    for option in reversed(options):
        function = option(function)
    return function


def _carry_out(function: Command) -> Command:
    @wraps(function)
    def wrapper(**params: object) -> int:
        call = _call(click.get_current_context().command_path, params)
        try:
            return _delivered(call, int(function(call, **params)))
        except CertifyAutomationError as error:
            report_error(call.console, call.command, error)
            return error.exit_code
        except (KeyboardInterrupt, click.Abort):
            call.console.error("interrupted")
            call.console.document(call.command, {"exit_code": ExitCode.INTERRUPTED})
            return ExitCode.INTERRUPTED
        except click.ClickException:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort: a defect ends in a sentence, not in a traceback
            _report_defect(call, error)
            return ExitCode.INTERNAL_ERROR

    return wrapper


def _delivered(call: Call, code: int) -> int:
    """The command's exit code, or a worse one when its answer did not reach the place it was sent to."""
    if not call.console.lost:
        return code
    call.console.error(f"error CA5008: the output is not complete: {call.console.lost}")
    return worst((code, ExitCode.CONFIGURATION_ERROR))


def _call(path: str, params: dict[str, Any]) -> Call:
    verbosity = -1 if params.pop("quiet") else params.pop("verbose")
    params.pop("verbose", None)
    console = make_console(as_json=params.pop("as_json"), verbosity=verbosity, color=not params.pop("no_color"))
    chosen: Mapping[str, Any] = {key: params.pop(key) for key in ("repo", "inventory", "limit") if key in params}
    return Call(path.partition(" ")[2], console, **chosen)


def _report_defect(call: Call, error: Exception) -> None:
    message = f"{type(error).__name__}: {error}"
    hint = "this is a defect of certify-automation; -vv shows where it happened"
    report_error(call.console, call.command, InternalError("CA9001", message, hint=hint))
    for line in traceback.format_exception(error):
        call.console.say(line.rstrip("\n"), at=2)
