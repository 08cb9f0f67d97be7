from __future__ import annotations

import re
from pathlib import Path

import pytest

from certify_automation.errors import HostError, Locked, PlanRefused, Stale
from certify_automation.model.apply_errors import outcome_error
from certify_automation.model.outcome import Outcome, Result
from certify_automation.model.step import Failure, StepOutcome
from planning.situations import RUN

CONTRACT = Path(__file__).resolve().parent.parent.parent / "docs" / "contract.md"
CODES = re.search(r"### Codes of refusals and failures\n(.*)", CONTRACT.read_text("utf-8"), re.DOTALL)
REFUSALS = {
    "locked": (Locked, 7),
    "awaiting": (Locked, 7),
    "stale": (Stale, 6),
    "port_owned": (PlanRefused, 3),
    "lock_folder": (HostError, 3),
    "journal_version": (HostError, 3),
    "journal_damaged": (HostError, 3),
    "unknown_run": (HostError, 3),
    "timer": (HostError, 3),
    "journal": (HostError, 3),
}


def failures() -> list[str]:
    assert CODES is not None
    return [code for code in re.findall(r"`([a-z_]+)`", CODES[1]) if code not in {*REFUSALS, "undo"} - {"journal"}]


@pytest.mark.parametrize("code", REFUSALS)
def test_refusals_of_the_host(code: str) -> None:
    kind, exit_code = REFUSALS[code]
    outcome = Outcome(RUN, Result.REFUSED, refusal=Failure(code, "the host's words", moved=("ip_listen",)))
    error = outcome_error(outcome)
    assert type(error) is kind
    assert error is not None
    assert error.exit_code == exit_code
    assert "the host's words" in error.message
    assert "(ip_listen)" in error.message
    assert error.hint


def test_every_refusal_of_the_contract_has_an_id_of_its_own() -> None:
    errors = [outcome_error(Outcome(RUN, Result.REFUSED, refusal=Failure(code, "words"))) for code in REFUSALS]
    ids = {error.id for error in errors if error}
    assert len(ids) == len(REFUSALS)
    assert "CA4009" not in ids


def test_a_file_that_somebody_else_changed_meanwhile_makes_the_host_stale() -> None:
    failure = Failure("file_changed", "serviceconfig.json", 0)
    steps = (StepOutcome(0, "file.write", "failed", "file_changed", "serviceconfig.json"),)
    assert type(outcome_error(Outcome(RUN, Result.ROLLED_BACK, steps, failure=failure))) is Stale
    left = outcome_error(Outcome(RUN, Result.ROLLBACK_FAILED, steps, failure=failure))
    assert left is not None
    assert (left.id, left.exit_code) == ("CA4030", 3)


def test_every_failure_of_the_contract_has_an_id_of_its_own() -> None:
    outcomes = {
        code: outcome_error(Outcome(RUN, Result.ROLLED_BACK, failure=Failure(code, "words"))) for code in failures()
    }
    ids = [error.id for error in outcomes.values() if error]
    assert len(ids) == len(outcomes) == len(set(ids))
    assert "CA4029" not in ids


def test_what_could_not_be_put_back_is_named() -> None:
    steps = (
        StepOutcome(0, "ip_listen.add", "undo_failed", "undo", "netsh: 5"),
        StepOutcome(1, "service.restart", "failed"),
    )
    outcome = Outcome(RUN, Result.ROLLBACK_FAILED, steps, failure=Failure("service_start", "1069", 1))
    error = outcome_error(outcome)
    assert error is not None
    assert error.id == "CA4030"
    assert "at step 2 (service.restart): 1069" in error.message
    assert "1 (ip_listen.add): netsh: 5" in error.message


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("interrupted", "undone", "the run was cut off; everything was put back"),
        ("interrupted", "not_run", "the run was cut off; nothing had been changed yet"),
        ("health_timeout", "undone", "the API did not answer in time: words; everything was put back"),
        (
            "not_confirmed",
            "undone",
            "nobody confirmed in time that the host can still be reached; everything was put back",
        ),
    ],
)
def test_what_became_of_a_run_is_said_once(code: str, status: str, message: str) -> None:
    steps = (StepOutcome(0, "ip_listen.add", status), StepOutcome(1, "service.restart", "not_run"))
    error = outcome_error(Outcome(RUN, Result.ROLLED_BACK, steps, failure=Failure(code, "words.")))
    assert error is not None
    assert error.message == message


def test_a_code_of_a_newer_host_is_still_told() -> None:
    refused = outcome_error(Outcome(RUN, Result.REFUSED, refusal=Failure("new", "words")))
    failed = outcome_error(Outcome(RUN, Result.ROLLED_BACK, failure=Failure("new", "words")))
    assert refused is not None
    assert failed is not None
    assert (refused.id, failed.id) == ("CA4009", "CA4029")


def test_done_is_no_error() -> None:
    assert outcome_error(Outcome(RUN, Result.APPLIED)) is None
