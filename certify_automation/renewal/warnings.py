"""What a policy cannot do, and what of the product's settings gets in its way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from certify_automation.due import lifetime_ms, moment_text, span_text
from certify_automation.errors import Problem, Severity
from certify_automation.model.renewal import Hold
from certify_automation.naming import some_of
from certify_automation.renewal.policy import too_short
from certify_automation.renewal.terms import Judged, Terms
from certify_automation.renewal.window import known_zone

_NAMES_SHOWN = 3


def warnings(terms: Terms, judged: Iterable[Judged]) -> tuple[Problem, ...]:
    """Warnings about the policy (CA3121 to CA3123) and, naming them, about the certificates it is for (CA3101 to 3106).

    What is said of several certificates is said once.
    """
    of: dict[Problem, list[str]] = {}
    for one in judged:
        for problem in (*one.own.warnings, *_unmet(terms, one)):
            of.setdefault(problem, []).append(one.certificate.name or one.certificate.id)
    return (*_window(terms), *(_named(problem, names) for problem, names in of.items()))


def _named(problem: Problem, names: list[str]) -> Problem:
    shown = some_of(sorted(names), _NAMES_SHOWN)
    return Problem(problem.id, f"{shown}: {problem.message}", hint=problem.hint, severity=problem.severity)


def _unmet(terms: Terms, one: Judged) -> Iterator[Problem]:
    certificate, ensured = one.certificate, terms.policy.ensure_valid_for_seconds
    lifetime, expiry = lifetime_ms(certificate), certificate.expiry_utc_ms
    if too_short(terms.policy, certificate) and lifetime is not None and ensured is not None:
        yield _warning(
            "CA3121",
            f"it is valid for {span_text(max(lifetime, 0) // 1000)} in all, of which ensure_valid_for asks for "
            f"{span_text(ensured)}, two thirds or more: the product's own rule decides instead",
            "declare renewals.percent instead of ensure_valid_for: it suits any lifetime",
        )
    held = one.held
    if held is not None and held.hold is Hold.WINDOW and expiry is not None and terms.now_utc_ms < expiry:
        at = held.until_utc_ms
        if at is not None and expiry <= at:
            yield _warning(
                "CA3123",
                f"it expires before the window opens, on {moment_text(at)}",
                "renew it with --outside-window, or declare a window that opens more often",
            )


def _window(terms: Terms) -> Iterator[Problem]:
    window = terms.policy.window
    if window is None or terms.opens(terms.now_utc_ms) is not None:
        return
    why = "it has no day" if not window.days else "it has no duration"
    if not known_zone(window.timezone):
        why = f"this computer does not know the time zone {window.timezone}"
    yield _warning(
        "CA3122",
        f"the window for renewals never opens: {why}",
        "correct renewals.window" if known_zone(window.timezone) else "correct it, or install the package tzdata",
    )


def _warning(warning_id: str, message: str, hint: str) -> Problem:
    return Problem(warning_id, message, hint=hint, severity=Severity.WARNING)
