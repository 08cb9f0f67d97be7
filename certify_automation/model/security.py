"""What is declared about who can get at the product: its API, its data folder, its environment."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_RULE = "certify-automation-api"
"""Name of the one inbound firewall rule this program makes."""


@dataclass(frozen=True, slots=True)
class ApiExposure:
    """The API is to be reachable from the machine itself only.

    Attributes:
        block: True = the block rule is there as well, False = it is not, None = not managed.
        loopback: False = where the API listens is not judged, the rule alone is managed; only a rollback asks for that.
        port: of the block rule; None = the one of the API.
    """

    block: bool | None = None
    loopback: bool = True
    port: int | None = None


@dataclass(frozen=True, slots=True)
class DeclaredVariable:
    """What an environment variable is expected to be for the product; value None = not set."""

    name: str
    value: str | None
