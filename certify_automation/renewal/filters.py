"""Which certificates a command is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from certify_automation.due import authority_of
from certify_automation.model.certificate import ManagedCertificate
from certify_automation.model.config_files import JsonValue
from certify_automation.renewal.policy import failing


@dataclass(frozen=True, slots=True)
class Filters:
    """What a command is asked to look at; all that are given must match.

    Attributes:
        due: by the product's rule or the declared policy, before any hold.
        failing: the last attempt ended with an error or a warning, or some in a row have failed since a success.
        expires_within_seconds: or has expired; what has no expiry never matches.
        issuer: pattern of the authority of the certificate there is, of the one asked for or of the last one tried.
        domain: pattern of one of the identifiers.
        ids: of certificates, as the product has them, or `HOST/ID`; empty = all.
    """

    due: bool = False
    failing: bool = False
    expires_within_seconds: int | None = None
    issuer: str | None = None
    domain: str | None = None
    ids: tuple[str, ...] = ()


def matches(
    filters: Filters, host: str, certificate: ManagedCertificate, preferences: Mapping[str, JsonValue], now_utc_ms: int
) -> bool:
    """Whether a certificate of this host is meant, due or not: for that its policy has to be known."""
    return (
        _named(filters.ids, host, certificate.id)
        and (not filters.failing or failing(certificate))
        and _expires(certificate, filters.expires_within_seconds, now_utc_ms)
        and (filters.issuer is None or matches_any((filters.issuer,), _authorities(certificate, preferences)))
        and (filters.domain is None or matches_any((filters.domain,), certificate.identifiers))
    )


def ids_of(filters: Filters, host: str, certificates: Iterable[ManagedCertificate]) -> frozenset[str]:
    """Which of the ids that are asked for are those of certificates of this host, as they are asked for."""
    every = {one.id for one in certificates}
    return frozenset(one for one in filters.ids if one in every or one.removeprefix(f"{host}/") in every)


@dataclass(frozen=True, slots=True)
class Met:
    """What there is on a host of what filters name, each taken alone.

    Attributes:
        ids: those of the filters' ids that are there.
        issuers: ids of the authorities there.
        issuer, domain: whether that filter fits any certificate.
    """

    ids: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()
    issuer: bool = False
    domain: bool = False


def met(
    filters: Filters, host: str, certificates: Sequence[ManagedCertificate], preferences: Mapping[str, JsonValue]
) -> Met:
    """What filters find on a host: one that fits nothing anywhere may be a slip of the pen."""
    issuers = frozenset(one for item in certificates for one in _authorities(item, preferences))
    names = [name for item in certificates for name in item.identifiers]
    return Met(
        ids_of(filters, host, certificates),
        issuers,
        filters.issuer is not None and matches_any((filters.issuer,), issuers),
        filters.domain is not None and matches_any((filters.domain,), names),
    )


def matches_any(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether a pattern fits one of the texts whole: `*` is any text, `?` any letter, case does not count."""
    compiled = [_pattern(pattern.casefold()) for pattern in patterns]
    return any(pattern.fullmatch(text.casefold()) for text in texts for pattern in compiled)


def _named(ids: tuple[str, ...], host: str, certificate_id: str) -> bool:
    return not ids or certificate_id in ids or f"{host}/{certificate_id}" in ids


def _expires(certificate: ManagedCertificate, within_seconds: int | None, now_utc_ms: int) -> bool:
    if within_seconds is None:
        return True
    return certificate.expiry_utc_ms is not None and certificate.expiry_utc_ms <= now_utc_ms + within_seconds * 1000


def _authorities(certificate: ManagedCertificate, preferences: Mapping[str, JsonValue]) -> tuple[str, ...]:
    named = (certificate.current_authority, certificate.authority, certificate.last_authority)
    return tuple(one for one in named if one) or (authority_of(certificate, preferences),)


@lru_cache(maxsize=512)
def _pattern(glob: str) -> re.Pattern[str]:
    first, *further = (_fixed(part) for part in re.split(r"\*+", glob))
    if not further:
        return re.compile(first, re.DOTALL)
    *between, last = further
    # Where a part is found first it is as good as found anywhere: what never goes back takes no time that explodes.
    return re.compile("".join([first, *(f"(?>.*?{part})" for part in between), ".*", last]), re.DOTALL)


def _fixed(part: str) -> str:
    return ".".join(map(re.escape, part.split("?")))
