"""What is asked for by name and fits nothing: a slip of the pen, more often than not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from certify_automation.errors import Problem, Severity
from certify_automation.naming import some_of
from certify_automation.renewal.filters import Filters, Met

_ISSUERS_SHOWN = 5


def unknown_ids(filters: Filters, found: Iterable[frozenset[str]]) -> list[str]:
    """Those of the ids that are asked for which no host has.

    Args:
        filters: what is asked for.
        found: of each host that could be asked, those that it has.
    """
    known = frozenset[str]().union(*found)
    return [one for one in filters.ids if one not in known]


def unknown_warnings(ids: Iterable[str]) -> Iterator[tuple[str, Problem]]:
    """Each id that no host has, with what to do (CA5038)."""
    hint = "`certs -v` shows the ids; capital and small letters are different"
    message = "no certificate of the hosts that could be asked has this id"
    problem = Problem("CA5038", message, hint=hint, severity=Severity.WARNING)
    return ((one, problem) for one in ids)


def missed_warnings(filters: Filters, found: Collection[Met]) -> Iterator[tuple[str, Problem]]:
    """Each id, issuer and domain that is asked for and fits nothing anywhere (CA5038, CA5040)."""
    yield from unknown_warnings(unknown_ids(filters, (one.ids for one in found)))
    if not found:
        return
    message = "fits no certificate of the hosts that could be asked"
    if filters.issuer is not None and not any(one.issuer for one in found):
        there = sorted(frozenset[str]().union(*(one.issuers for one in found)))
        hint = f"issuers there: {some_of(there, _ISSUERS_SHOWN)}" if there else "there are no certificates"
        yield f"--issuer {filters.issuer}", Problem("CA5040", message, hint=hint, severity=Severity.WARNING)
    if filters.domain is not None and not any(one.domain for one in found):
        hint = "`certs` shows the names; * stands for any text"
        yield f"--domain {filters.domain}", Problem("CA5040", message, hint=hint, severity=Severity.WARNING)
