"""Which findings of a host end, and why the others are left: as lines for people, and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from certify_automation.doctor import consequences_of, roots
from certify_automation.model.finding import Finding
from certify_automation.report.findings import WIDTH, evidence_lines, finding_json, labelled, severity_style
from certify_automation.report.segments import Line, Segment
from certify_automation.report.wording import counted

Left = tuple[Finding, str]


def remedies_lines(
    host: str, mended: Sequence[Finding], left: Sequence[Left], *, full: bool = True, width: int = WIDTH
) -> Iterator[Line]:
    """One host: what its plan ends, with the evidence, and what it leaves, with the reason.

    Args:
        host: its name.
        mended: the findings that end, consequences among them.
        left: those that do not.
        full: with the evidence.
        width: columns that a line may have.
    """
    counts = [f"{counted(len(mended), 'finding')} to end"] if mended else []
    counts += [f"{len(left)} left"] if left else []
    style = "ok" if not left else "warning"
    yield Segment("heading", host), Segment(style, f"  {', '.join(counts) or 'no findings'}")
    for one in roots(mended):
        yield Segment("ok", "  ends "), Segment(severity_style(one.severity), f"{one.id}  {one.title}")
        yield from labelled("cause", one.cause, width=width)
        yield from evidence_lines(one.evidence, width) if full else ()
        yield from labelled("with it", _ids(consequences_of(one, mended)), "muted", width)
    for one, reason in left_heads(left):
        yield Segment("warning", "  left "), Segment(severity_style(one.severity), f"{one.id}  {one.title}")
        yield from labelled("cause", one.cause, width=width)
        yield from labelled("because", reason, "warning", width)
    heads = [one for one, _ in left_heads(left)]
    yield from labelled("with it", _ids(one for one, _ in left if one not in heads), "muted", width)


def _ids(findings: Iterable[Finding]) -> str:
    return ", ".join(dict.fromkeys(one.id for one in findings))


def left_heads(left: Sequence[Left]) -> tuple[Left, ...]:
    """Those that are left for a reason of their own, and not for another one that is left."""
    ids = {one.id for one, _ in left}
    return tuple((one, reason) for one, reason in left if ids.isdisjoint(one.caused_by))


def remedies_json(host: str, mended: Iterable[Finding], left: Iterable[Left]) -> Mapping[str, object]:
    """The same for programs."""
    return {
        "mended": [finding_json(one, host) for one in mended],
        "left": [{**finding_json(one, host), "reason": reason} for one, reason in left],
    }
