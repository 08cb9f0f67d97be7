"""What a playbook knows of its hosts: each is examined when something asks for it, and again once it has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from certify_automation.desired import DesiredHost
from certify_automation.desired.facts_view import facts_view
from certify_automation.desired.playbook_steps import needs
from certify_automation.examining import Examined, examine_host
from certify_automation.fleet.reach import Reach
from certify_automation.model.playbook import PlaybookStep

_SEEN = frozenset({"facts", "findings"})
"""What expressions find on the host; for the rest nobody has to go there."""


@dataclass(slots=True)
class Survey:
    """The hosts of a run as they were last seen; from several threads, each with hosts of its own."""

    reach: Reach
    _seen: dict[str, Examined] = field(default_factory=dict)

    def look(self, host: DesiredHost, now_utc_ms: int | None = None) -> Examined:
        """What the host is like now, in one visit; its report has the error of one that could not be visited."""
        found = replace(examine_host(host, self.reach.session(host), now_utc_ms), raw=None)
        if found.facts is not None:
            self._seen[host.name] = found
        return found

    def forget(self, host: str) -> None:
        """What was seen of a host does not hold any longer."""
        self._seen.pop(host, None)

    def view(self, step: PlaybookStep, host: DesiredHost) -> Mapping[str, object]:
        """What the expressions of a step see of a host; it is examined if they ask for more than is declared.

        Raises:
            HostError: the host could not be examined.
        """
        if not needs(step) & _SEEN:
            return facts_view(None, (), host, step.parameters)
        found = self._seen.get(host.name) or self.look(host)
        if found.report.error is not None:
            raise found.report.error
        return facts_view(found.facts, found.findings, host, step.parameters)
