"""The steps of playbooks that only look: doctor, verify, wait_for, assert."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeAlias

from certify_automation.certificates import Expected, served_host, verify_endpoints
from certify_automation.desired import DesiredHost
from certify_automation.desired.durations import shown
from certify_automation.desired.expressions import holds
from certify_automation.desired.playbook_steps import step_values, view_of
from certify_automation.errors import HostError, Unreachable
from certify_automation.evidence import answers, effective_endpoints
from certify_automation.fleet.playbook_results import StepResult
from certify_automation.fleet.surveying import Survey
from certify_automation.model.certificate import Verdict
from certify_automation.model.facts import Facts
from certify_automation.model.finding import Finding, Severity
from certify_automation.model.host_report import HostReport, HostStatus
from certify_automation.model.playbook import PlaybookStep, Verb
from certify_automation.model.service import ServiceState
from certify_automation.naming import some_of
from certify_automation.report import counted, remedy_text, verdict_text
from certify_automation.verify import Judgement, Roots

With: TypeAlias = Mapping[str, Any]

_SHOWN = 5
_GOOD = frozenset((Verdict.SERVED, Verdict.VALID))
_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


@dataclass(frozen=True, slots=True)
class Looking:
    """What steps look with.

    Attributes:
        roots: gives who is trusted to sign what endpoints serve; asked when an endpoint is looked at.
        cancelled: nothing is waited for any longer.
    """

    survey: Survey
    roots: Callable[[], Roots]
    cancelled: Event

    def carry_out(self, step: PlaybookStep, number: int, host: DesiredHost, view: Mapping[str, object]) -> StepResult:
        """What a step of one of these verbs comes to on a host, of which its expressions see this view.

        Raises:
            HostError: the host could not be visited, or an expression has no usable value there.
        """
        with_ = step_values(step, view)
        match step.verb:
            case Verb.DOCTOR:
                return self._doctor(with_, number, host)
            case Verb.ASSERT:
                report, message = _assert(with_, host, view_of(step, view))
            case Verb.VERIFY:
                report, message = self._verify(host)
            case _:
                report, message = self._wait(with_, host)
        return StepResult.of(number, report, message)

    def _doctor(self, with_: With, number: int, host: DesiredHost) -> StepResult:
        found = self.survey.look(host, _now_ms())
        if found.facts is None:
            return StepResult.of(number, found.report, findings=found.findings)
        only, least = with_.get("only"), with_["fail_on"]
        findings = tuple(one for one in found.findings if only is None or one.id in only)
        message = _named(findings) if findings else "no findings"
        if least != "never" and any(one.severity.rank <= Severity(least).rank for one in findings):
            error = HostError(
                "CA3241", message, hint=f"`doctor -l {host.name}` shows what proves each, and what ends it"
            )
            return StepResult.of(number, HostReport.of_error(host.name, error), message, findings)
        return StepResult.of(number, found.report, message, findings)

    def _verify(self, host: DesiredHost) -> tuple[HostReport, str]:
        served = host.state.renewals.served if host.state.renewals else ()
        if not served:
            return HostReport(host.name, HostStatus.OK), "no endpoint is declared"
        report, inventory = served_host(host, self.survey.reach.session(host))
        if report.error is not None:
            return report, ""
        judged = verify_endpoints([Expected(host.name, one, inventory) for one in served], self.roots(), _now_ms())
        bad = [one for one in judged if one.verdict not in _GOOD]
        if not bad:
            return report, f"{counted(len(judged), 'endpoint')} as expected"
        message = "; ".join(map(_judged, bad))
        return HostReport.of_error(host.name, HostError("CA3243", message, hint=remedy_text(bad[0]))), message

    def _wait(self, with_: With, host: DesiredHost) -> tuple[HostReport, str]:
        what, longest, begun, pause = with_["what"], with_["timeout"], time.monotonic(), _PAUSE
        while True:
            found = self.survey.look(host)
            passed = time.monotonic() - begun
            if found.facts is not None and _THERE[what](found.facts):
                return found.report, f"{_WORDS[what]} after {passed:.0f} s"
            if found.report.error is not None and not isinstance(found.report.error, Unreachable):
                return found.report, ""  # a refused credential is never tried again: that could lock the account
            if passed + pause > longest or self.cancelled.wait(pause):
                break
            pause = min(2 * pause, _LONGEST_PAUSE)
        if found.report.error is not None:
            return found.report, ""
        ended = "the run was interrupted" if self.cancelled.is_set() else f"within {shown(longest)}"
        message = f"not {_WORDS[what]}: {ended}" if self.cancelled.is_set() else f"not {_WORDS[what]} {ended}"
        hint = f"`doctor -l {host.name}` says why"
        return HostReport.of_error(host.name, HostError("CA3242", message, hint=hint)), message


def _assert(with_: With, host: DesiredHost, values: Mapping[str, object]) -> tuple[HostReport, str]:
    wrong = [one for one in with_["that"] if not holds(one, values)]
    if not wrong:
        return HostReport(host.name, HostStatus.OK), f"{counted(len(with_['that']), 'expression')} true"
    false, said = "; ".join(wrong), with_.get("message")
    message = f"{said} ({false})" if said else f"not true: {false}"
    return HostReport.of_error(host.name, HostError("CA3240", message)), message


def _named(findings: tuple[Finding, ...]) -> str:
    names = [f"{one.id} {one.title}" for one in findings]
    return f"{counted(len(names), 'finding')}: {some_of(names, _SHOWN)}"


def _judged(judgement: Judgement) -> str:
    return f"{judgement.target}: {verdict_text(judgement.verdict)}"


def _answers(facts: Facts) -> bool:
    return bool(effective_endpoints(facts)) and any(map(answers, facts.api))


def _runs(facts: Facts) -> bool:
    return facts.service is not None and facts.service.state is ServiceState.RUNNING


_THERE: Mapping[str, Callable[[Facts], bool]] = {"api": _answers, "service": _runs, "reachable": lambda _: True}
_WORDS = {"api": "answering", "service": "running", "reachable": "reached"}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
