"""Verdicts on endpoints, for programs and in words."""

from __future__ import annotations

from dataclasses import asdict

from certify_automation.model.certificate import Verdict
from certify_automation.verify import Judgement

_STYLES = {Verdict.SERVED: "ok", Verdict.VALID: "ok", Verdict.NOT_MANAGED: "warning", Verdict.NOT_COMPARED: "warning"}


def judgement_json(host: str, judgement: Judgement) -> dict[str, object]:
    """A verdict for programs.

    Args:
        host: that the endpoint is declared for; empty = for none.
        judgement: on it.
    """
    presented = judgement.presented
    return {
        "host": host or None,
        "endpoint": str(judgement.target),
        "sni": judgement.target.sni or None,
        "certificate": judgement.certificate or None,
        "verdict": judgement.verdict.value,
        "cause": judgement.cause,
        "next_step": judgement.next_step,
        "managed_thumbprint": judgement.managed_thumbprint,
        "on_host": asdict(judgement.host) if judgement.host else None,
        "presented": asdict(presented) if presented else None,
    }


def verdict_text(verdict: Verdict) -> str:
    """A verdict in words: `old certificate`."""
    return verdict.value.replace("_", " ")


def verdict_style(verdict: Verdict) -> str:
    """The style a verdict is shown in, as for a Segment."""
    return _STYLES.get(verdict, "error")


def remedy_text(judgement: Judgement) -> str:
    """What probably lies behind a verdict, and what to do; empty when all is well."""
    return f"{judgement.cause}; next: {judgement.next_step}" if judgement.cause else ""
