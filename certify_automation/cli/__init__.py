"""argv -> one call -> text -> exit code; the only room that prints, asks or exits."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from certify_automation import __version__
from certify_automation.cli.authoring import init, render, schema, validate, version
from certify_automation.cli.certs import certs
from certify_automation.cli.console import hold_standard_descriptors, make_console
from certify_automation.cli.doctor import doctor
from certify_automation.cli.following import terminable
from certify_automation.cli.looking import explain, inventory
from certify_automation.cli.online import apply, plan
from certify_automation.cli.problems import report_error
from certify_automation.cli.remediate import remediate
from certify_automation.cli.renew import renew
from certify_automation.cli.rollback import rollback
from certify_automation.cli.run import run
from certify_automation.cli.standing import status
from certify_automation.cli.verify import verify
from certify_automation.errors import UsageError
from certify_automation.model.outcome import MEANINGS, ExitCode

__all__ = ["main"]

_EXIT_CODES = "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())


class _InOrder(click.Group):
    """Lists its commands in the order in which they are used, not by the alphabet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever click's decorator gives
        super().__init__(*args, **kwargs)
        self.aliases: dict[str, click.Command] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in their order."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, or by another name that the list does not show."""
        if cmd_name in _PRACTICE:
            # The lab is half of this program, and no other command needs it.
            command: click.Command = getattr(import_module("certify_automation.cli.practice"), cmd_name)
            return command
        return super().get_command(ctx, cmd_name) or self.aliases.get(cmd_name)


@click.group(
    cls=_InOrder, epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="certify-automation")
def root() -> None:
    """Declare, check, plan and apply the set-up of Certify Certificate Manager on Windows servers."""


_OFFLINE = (init, validate, render, inventory, explain)
_ONLINE = (plan, apply, rollback, status, doctor, remediate, certs, renew, verify, run)
for command in (*_OFFLINE, *_ONLINE, schema, version):
    root.add_command(command)
_PRACTICE = ("lab", "demo")
_COMMANDS = (*list(root.commands)[:-2], *_PRACTICE, "schema", "version")
for alias in ("check", "diff"):
    root.aliases[alias] = plan


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; `sys.argv` without arguments."""
    hold_standard_descriptors()
    given = list(sys.argv[1:] if arguments is None else arguments)
    console = make_console(as_json="--json" in given, color="--no-color" not in given)
    try:
        with terminable():
            code = root.main(
                given,
                prog_name="certify-automation",
                standalone_mode=False,
                windows_expand_args=False,  # a host pattern is not a file name
            )
    except click.exceptions.NoArgsIsHelpError as error:
        console.err.print(error.format_message())
        return ExitCode.CONFIGURATION_ERROR
    except click.ClickException as error:
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "certify-automation"
        hint = f"`{path} --help` lists what there is"
        report_error(console, path.partition(" ")[2], UsageError("CA5000", error.format_message(), hint=hint))
        return ExitCode.CONFIGURATION_ERROR
    except (click.Abort, KeyboardInterrupt):
        console.error("interrupted")
        return ExitCode.INTERRUPTED
    return int(code or 0)
