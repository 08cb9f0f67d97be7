"""What became of hosts as documents, for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from certify_automation.errors import CertifyAutomationError, Problem
from certify_automation.model.after_commit_codec import after_commit_to_json, held_to_json
from certify_automation.model.change import Change
from certify_automation.model.change_codec import change_to_json
from certify_automation.model.host_report import HostReport
from certify_automation.model.impact import Impact
from certify_automation.model.outcome import ExitCode, Outcome, RecoveredRun
from certify_automation.model.plan import Difference, Plan
from certify_automation.model.renewal import Renewed
from certify_automation.model.step import Failure, StepOutcome

SCHEMA_VERSION = 1


def document(kind: str, reports: Iterable[HostReport], exit_code: ExitCode) -> dict[str, object]:
    """The document that `--json` prints; kind is the command: `plan`, `apply`, `status`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "exit_code": int(exit_code),
        "hosts": [host_json(report) for report in reports],
    }


def host_json(report: HostReport) -> dict[str, object]:
    """One host of a document; the bytes of files are not repeated in it, their SHA-256 is."""
    plan = report.plan
    return {
        "host": report.host,
        "status": report.status.value,
        "exit_code": int(report.exit_code),
        "differences": _differences(plan.differences if plan else ()),
        "conflicts": _differences(plan.conflicts if plan else ()),
        "changes": _changes(plan) if plan else [],
        "held": [held_to_json(held) for held in plan.held] if plan else [],
        "confirm_seconds": plan.confirm_seconds if plan else None,
        "rolls_back": plan.origin.rolls_back if plan else None,
        "warnings": [problem_json(warning) for warning in (plan.warnings if plan else ())],
        "refusals": [
            {"id": r.id, "message": r.message, "hint": r.hint, "by_policy": r.by_policy}
            for r in (plan.refusals if plan else ())
        ],
        "error": problem_json(report.error) if report.error else None,
        "outcome": _outcome(report.outcome) if report.outcome else None,
        "renewed": _renewed(report.renewed) if report.renewed else None,
        "recovered": [_recovered(run) for run in report.recovered],
        "open_run": report.open_run,
        "remaining": _differences(report.remaining),
    }


def _differences(differences: Sequence[Difference]) -> list[object]:
    return [{"path": d.path, "declared": d.declared, "observed": d.observed, "note": d.note} for d in differences]


def _changes(plan: Plan) -> list[object]:
    following = [
        {**after_commit_to_json(change), "impact": change.impact.value, "reversal": change.reversal.value}
        for change in plan.after_commit
    ]
    return [*(_change(change, plan.impact(change)) for change in plan.changes), *following]


def _change(change: Change, impact: Impact) -> dict[str, object]:
    fields = {name: value for name, value in change_to_json(change).items() if name != "content"}
    return {**fields, "impact": impact.value, "reversal": change.reversal.value}


def problem_json(problem: Problem | CertifyAutomationError) -> dict[str, str]:
    """Id, message and hint of what is wrong."""
    return {"id": problem.id, "message": problem.message, "hint": problem.hint}


def _steps(steps: Sequence[StepOutcome]) -> list[object]:
    return [{"index": s.index, "kind": s.kind, "status": s.status, "code": s.code, "message": s.message} for s in steps]


def _recovered(run: RecoveredRun) -> dict[str, object]:
    failure = run.failure
    return {
        "run_id": run.run_id,
        "result": run.result.value,
        "steps": _steps(run.steps),
        "failure": failure and {"code": failure.code, "message": failure.message, "step": failure.step},
    }


def _outcome(outcome: Outcome) -> dict[str, object]:
    health = outcome.health
    return {
        "run_id": outcome.run_id,
        "result": outcome.result.value,
        "repeated": outcome.repeated,
        "steps": _steps(outcome.steps),
        "health": health
        and {
            "url": health.url,
            "healthy": health.healthy,
            "status": health.status,
            "effective": list(health.effective),
            "waited_ms": health.waited_ms,
        },
    }


def _renewed(renewed: Renewed) -> dict[str, object]:
    return {
        "run_id": renewed.run_id,
        "refusal": _failure(renewed.refusal),
        "preferences": renewed.preferences,
        "preferences_failure": _failure(renewed.preferences_failure),
        "renewals": [
            {
                "id": result.id,
                "status": result.status.value,
                "message": result.message,
                "thumbprint": result.thumbprint,
                "attempted_utc_ms": result.attempted_utc_ms,
            }
            for result in renewed.renewals
        ],
    }


def _failure(failure: Failure | None) -> dict[str, str] | None:
    return None if failure is None else {"code": failure.code, "message": failure.message}
