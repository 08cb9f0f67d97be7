"""The page docs/findings.md: one section a finding, from the same data as the findings themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from types import MappingProxyType

from certify_automation.doctor.catalogue import Entry, catalogue
from certify_automation.model.finding import Repair

_WIDTH = 120
_HEAD = """\
# Findings

What `certify-automation doctor` can find on a server, each with what it means and what ends it. A finding of a host
says besides which values of that host prove it. `certify-automation doctor --explain ID` prints one of these sections.

"""
_WHO: Mapping[Repair, str] = MappingProxyType(
    {
        Repair.AUTOMATIC: "`certify-automation remediate HOST --only {id}`",
        Repair.WITH_DATA: "`certify-automation remediate HOST --only {id} --allow-data`; never without that flag",
        Repair.WITH_LOCKOUT: "`certify-automation remediate HOST --only {id} --allow-lockout`; never without that flag",
        Repair.PERSON: "a person",
    }
)


def findings_page(entries: Iterable[Entry]) -> str:
    """A section for each of these entries, ending with a line feed; several make a page with a head and anchors."""
    every = tuple(entries)
    if len(every) == 1:
        return _text(_section(every[0]))
    return _HEAD + "\n".join(f'<a id="{one.id.lower()}"></a>\n\n{_text(_section(one))}' for one in every)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _section(one: Entry) -> Iterator[str]:
    yield f"## {one.id} {one.name}: {one.title}"
    yield ""
    yield from _paragraph(f"**Severity:** {one.severity.value}. **Who ends it:** {_WHO[one.repair].format(id=one.id)}.")
    for label, text in (("Symptom", one.symptom), ("Meaning", one.text), ("Fix", one.fix), ("Risk", one.risk)):
        yield ""
        yield from _paragraph(f"**{label}:** {text}")
    if one.caused_by:
        yield ""
        yield from _paragraph(f"**Can follow from:** {', '.join(map(_link, one.caused_by))}.")


def _link(finding_id: str) -> str:
    return f"[{finding_id}](#{finding_id.lower()}) ({catalogue()[finding_id].name})"


def _paragraph(text: str) -> list[str]:
    return wrap(" ".join(text.split()), _WIDTH, break_long_words=False, break_on_hyphens=False)
