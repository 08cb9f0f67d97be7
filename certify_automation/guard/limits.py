"""How much certification authorities issue: what they publish, and what the settings say over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

_DATA = Path(__file__).resolve().parent / "authorities.yaml"
_HOUR = 60 * 60
_DAY = 24 * _HOUR


class Limit(StrEnum):
    """What authorities limit; the value is its name in files."""

    REGISTERED_DOMAIN = "certificates_per_registered_domain"
    DUPLICATE = "duplicate_certificates"
    ORDERS = "new_orders"
    FAILED = "failed_validations"


WINDOW_SECONDS: Mapping[Limit, int] = MappingProxyType(
    {
        Limit.REGISTERED_DOMAIN: 7 * _DAY,
        Limit.DUPLICATE: 7 * _DAY,
        Limit.ORDERS: 3 * _HOUR,
        Limit.FAILED: _HOUR,
    }
)
"""Over how long each of them is counted: a sliding window, in seconds."""

LONGEST_WINDOW_SECONDS = max(WINDOW_SECONDS.values())

_DEFAULT = "default"


class System(NamedTuple):
    """What an authority counts by itself: its production or its test system."""

    authority: str
    staging: bool


@dataclass(frozen=True, slots=True)
class SystemLimits:
    """The limits of one system of an authority.

    Attributes:
        counts: how many may be counted in each window; None = any number.
        concurrency: how many hosts ask it at the same time.
        account_per_host: every host has an account of its own; otherwise all of them are taken to share one.
    """

    counts: Mapping[Limit, int | None]
    concurrency: int
    account_per_host: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of all authorities.

    Attributes:
        systems: by the id of the authority in small letters.
        others: of authorities that are not among `systems`, by `staging`.
        sources: authority -> where its limits are published.
    """

    systems: Mapping[System, SystemLimits]
    others: Mapping[bool, SystemLimits]
    sources: Mapping[str, str]

    def of(self, authority: str, staging: bool) -> SystemLimits:
        """The limits of one system, whatever the case of its id; those for unknown authorities when it is not known."""
        return self.systems.get(System(authority.casefold(), staging)) or self.others[staging]

    def concurrency(self, authority: str, staging: bool) -> int:
        """How many hosts ask this system at the same time."""
        return self.of(authority, staging).concurrency


def published_authorities() -> frozenset[str]:
    """The ids of the authorities whose limits are known, as the product names them."""
    return frozenset(_published()["authorities"])


def read_limits(overrides: Mapping[str, Any]) -> Limits:
    """The published limits with those that the settings have over them.

    Args:
        overrides: authority in any case, or `default` for those that publish none -> limit -> number or None;
            `account` (`host` or `fleet`), `concurrency`, and in `staging` the same for the test system. As the
            settings' schema allows.
    """
    data = _published()
    overrides = {authority.casefold(): override for authority, override in overrides.items()}
    others = {
        staging: _over(_system(data[_DEFAULT], staging), overrides.get(_DEFAULT, {}), staging)
        for staging in (False, True)
    }
    systems: dict[System, SystemLimits] = {}
    for authority in {**data["authorities"], **overrides}:
        if authority == _DEFAULT:
            continue
        for staging in (False, True):
            known = data["authorities"].get(authority)
            base = _system(known, staging) if known else others[staging]
            systems[System(authority, staging)] = _over(base, overrides.get(authority, {}), staging)
    sources = {authority: str(entry["source"]) for authority, entry in data["authorities"].items()}
    return Limits(systems, others, sources)


def _over(base: SystemLimits, override: Mapping[str, Any], staging: bool) -> SystemLimits:
    wanted = override.get("staging", {}) if staging else override
    return replace(
        base,
        counts={limit: wanted.get(limit, count) for limit, count in base.counts.items()},
        concurrency=wanted.get("concurrency", base.concurrency),
        account_per_host=wanted.get("account", "host" if base.account_per_host else "fleet") == "host",
    )


def _system(entry: Mapping[str, Any], staging: bool) -> SystemLimits:
    numbers = entry["staging" if staging else "production"]
    return SystemLimits({limit: numbers[limit] for limit in Limit}, numbers["concurrency"])


@cache
def _published() -> Mapping[str, Any]:
    data: Mapping[str, Any] = yaml.safe_load(_DATA.read_text("utf-8"))
    return data
