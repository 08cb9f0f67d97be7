"""The flags that choose certificates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from certify_automation.cli.options import Command, Duration
from certify_automation.renewal import Filters

_FLAGS = (
    click.option("--due", is_flag=True, help="Only what is due now, by the product's rule or the declared policy."),
    click.option("--failing", is_flag=True, help="Only what failed, or ended with a warning, when it was last tried."),
    click.option(
        "--expires-within",
        type=Duration(unit_needed=True),
        metavar="TIME",
        help="Only what expires in that time (30d), or has.",
    ),
    click.option(
        "--issuer", metavar="PATTERN", help="Only of this certification authority, by its id: letsencrypt.org, zero*."
    ),
    click.option(
        "--id",
        "ids",
        multiple=True,
        metavar="[HOST/]ID",
        help="Only the certificate with this id, which `certs -v` shows; can be given several times.",
    ),
    click.option("--domain", metavar="PATTERN", help="Only with a name such as www.example.com, or *.example.com."),
)


def filter_options(function: Command) -> Command:
    """Give a command --due, --failing, --expires-within, --issuer, --id and --domain."""
    for option in reversed(_FLAGS):
        function = option(function)
    return function


def filters_of(flags: Mapping[str, Any]) -> Filters:
    """What the flags of `filter_options` ask for; all that are given must match."""
    within = flags["expires_within"]
    return Filters(
        due=flags["due"],
        failing=flags["failing"],
        expires_within_seconds=None if within is None else int(within.total_seconds()),
        issuer=flags["issuer"],
        domain=flags["domain"],
        ids=tuple(dict.fromkeys(flags["ids"])),
    )
