"""What one host declares, as the rules see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from certify_automation.desired import reference
from certify_automation.errors import Position, Problem, Severity
from certify_automation.model.security import ApiExposure


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared for a host, templates evaluated and files rendered.

    Attributes:
        service: the section of that name.
        config: serviceconfig.json as rendered, names in the product's spelling; None = not declared.
        connections: servers.json as rendered; None = not declared.
        written_connections: the section of that name, entries with `state: absent` left out.
        http_sys, security, environment, preferences, renewals: the sections of those names; renewals may be declared
            and empty.
        where: dotted paths -> the place of the first one that was written, otherwise of the template.
    """

    service: Mapping[str, Any]
    config: Mapping[str, Any] | None
    connections: Sequence[Mapping[str, Any]] | None
    written_connections: Sequence[Mapping[str, Any]]
    http_sys: Mapping[str, Any]
    security: Mapping[str, Any]
    environment: Mapping[str, Any]
    preferences: Mapping[str, Any]
    renewals: Mapping[str, Any] | None
    where: Callable[..., Position]

    def setting(self, product_name: str) -> Any:  # noqa: ANN401 - any JSON value
        """A property of serviceconfig.json: as declared, or the product's default."""
        return (self.config or {}).get(product_name, reference.product_defaults("config").get(product_name))

    @property
    def policy(self) -> Mapping[str, Any]:
        """The section renewals; empty where it is not declared."""
        return self.renewals or {}

    @property
    def http_01(self) -> bool:
        """Whether the host answers http-01 challenges."""
        return bool(self.service.get("http_01", True))

    @property
    def api_exposure(self) -> ApiExposure | None:
        """Whether the API is to be reachable from the machine only; None = not declared."""
        declared = self.security.get("api_exposure")
        if declared is None:
            return None
        return ApiExposure(declared.get("block") if isinstance(declared, Mapping) else None)

    def variable(self, name: str) -> str | None:
        """The value declared for an environment variable; None for one that is absent or not declared."""
        value = next((value for known, value in self.environment.items() if known.casefold() == name.casefold()), None)
        return value if isinstance(value, str) else None

    def endpoint_variables(self) -> Iterator[tuple[str, str]]:
        """Declared `Kestrel__Endpoints__*__Url` variables that are set: name, URL."""
        for name, value in self.environment.items():
            if name.casefold().startswith("kestrel__") and isinstance(value, str):
                yield name, value

    def listening_address(self) -> str:
        """The address literal that the API listens on; `localhost` is read as 127.0.0.1."""
        host = self.setting("Host")
        return "127.0.0.1" if str(host).casefold() == "localhost" else str(host)


def warning(error_id: str, message: str, position: Position, hint: str = "") -> Problem:
    """A Problem that does not stop the run."""
    return Problem(error_id, message, position, hint, Severity.WARNING)


def address(text: object) -> IPv4Address | IPv6Address | None:
    """The address of a literal without blanks, zone, brackets or leading zeros; None for anything else."""
    if not isinstance(text, str) or "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def repeated_names(additional: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """Names under `additional` that have a name of their own, and what to do."""
    fixed = reference.written_by_product(kind)
    for name in additional:
        declared = reference.declared_name(name, kind)
        if declared:
            yield name, f"remove it: {fixed[declared]}" if declared in fixed else f"write {declared}, one level up"
