"""The moment before a host is visited: references of its connection become secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from certify_automation.desired.fleet import DesiredHost
from certify_automation.desired.secrets import SecretReference, read
from certify_automation.errors import ConfigurationError, Problem
from certify_automation.model.host import Connection
from certify_automation.model.secret import Secret


def connect_secrets(host: DesiredHost, environ: Mapping[str, str]) -> Connection:
    """The host's connection with every reference read.

    Raises:
        ConfigurationError: CA1501 a variable is not set or a file cannot be read; names it, never shows a value.
    """
    values: dict[str, str | Secret] = {}
    problems = []
    for name, reference in host.secrets.items():
        try:
            value = read(reference, environ)
        except LookupError as error:
            problems.append(_missing(host.name, name, reference, str(error.args[0])))
            continue
        values[name] = Secret(value, str(reference)) if name == "password" else value
    if problems:
        raise ConfigurationError(tuple(problems))
    return replace(host.connection, **values)  # type: ignore[arg-type]  # the fields are those of the inventory's schema


def _missing(host: str, name: str, reference: SecretReference, why: str) -> Problem:
    if reference.kind == "env":
        hint = f"set {reference.name} in the environment of this command"
    else:
        hint = "a relative path starts at the folder of the inventory"
    message = f"the {name} of {host} cannot be read from {reference}: {why}"
    return Problem("CA1501", message, reference.position, hint)
