"""What is wrong with the product's installation: services, programs and what an upgrade has left. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.model.examination import ProgramFile
from certify_automation.model.finding import Evidence, Finding

_DIGITS = re.compile(r"\d+")
_INTEROP = "sqlite.interop.dll"
_MANAGED = "system.data.sqlite.dll"
_ENGINES = frozenset({_INTEROP, "e_sqlite3.dll", "sqlite3.dll"})
_PROGRAMS = frozenset(
    {"certify.exe", "certify.service.exe", "certify.server.core.exe", "certify.ui.exe", "certify.ui.desktop.exe"}
)
_INTERFACES = frozenset({"certify.ui.exe", "certify.ui.desktop.exe"})


def _not_installed(case: Case) -> Iterator[Finding]:
    around = case.examination
    if not case.facts.product.services and not around.installed and not _executables(case):
        cause = "there is no service, no program and no uninstall entry of Certify Certificate Manager"
        yield finding("CA6501", cause, [Evidence("services", "none of the product's")])


def _half_installed(case: Case) -> Iterator[Finding]:
    left = [*_entries(case), *(_seen(one) for one in _executables(case))]
    if not case.facts.product.services and left:
        cause = "programs of the product are there, and no service of it: an installation was not brought to its end"
        yield finding("CA6502", cause, [Evidence("services", "none of the product's"), *left, *_open_windows(case)])
        return
    versions = {_numbers(one.version) for one in _executables(case)}
    if len(versions) > 1 and len({one[:1] for one in versions}) == 1:
        texts = sorted({one.version or "" for one in _executables(case)})
        cause = f"programs of different builds lie together ({', '.join(texts)}): an upgrade was not brought to its end"
        yield finding("CA6502", cause, [*map(_seen, _executables(case)), *_open_windows(case)])


def _two_services(case: Case) -> Iterator[Finding]:
    services = case.facts.product.services
    if len(services) > 1:
        cause = f"{' and '.join(one.name for one in services)} are installed, and share one data folder"
        evidence = [
            Evidence(f"service {one.name}", f"{one.state}, {one.start_mode or 'start mode unknown'}, {one.path_name}")
            for one in services
        ]
        yield finding("CA6503", cause, evidence)


def _mixed_versions(case: Case) -> Iterator[Finding]:
    majors = {_numbers(one.version)[:1] for one in _executables(case)}
    if len(majors) > 1:
        texts = " and ".join(str(one[0]) for one in sorted(majors))
        cause = (
            f"programs of the major versions {texts} are installed; one refuses to work with the service of the other"
        )
        yield finding("CA6504", cause, [*map(_seen, _executables(case)), *_entries(case)])


def _stale_sqlite(case: Case) -> Iterator[Finding]:
    """One installer brings all of them, so that those of one name have one version, as has .NET's half of Interop."""
    engines = [one for one in case.examination.programs if one.version and _file_name(one.path) in _ENGINES]
    for old in engines:
        peers = [one for one in case.examination.programs if one.version and _is_peer(old, one)]
        newer = [one for one in peers if _numbers(one.version) > _numbers(old.version)]
        if newer:
            cause = f"{old.path} has version {old.version}, and {newer[0].path} beside it {newer[0].version}"
            yield finding("CA6505", cause, [_seen(old), *map(_seen, newer)], subject=old.path)


def _is_peer(old: ProgramFile, other: ProgramFile) -> bool:
    name, own = _file_name(other.path), _file_name(old.path)
    return other is not old and (name == own or (own == _INTEROP and name == _MANAGED))


def _program_missing(case: Case) -> Iterator[Finding]:
    service, product = case.service, case.facts.product
    if service is None:
        return
    path = product.executable or service.path_name or ""
    registry = Evidence(f"service {service.name}", f"ImagePath {service.path_name}")
    if product.generation is None:
        cause = f"the service {service.name} starts {path}, which is no program of the product"
        remedy = Remedy(fix="run the product's installer again: it registers its service anew")
        yield finding("CA6506", cause, [registry], remedy)
    elif case.facts.examination is not None and product.version is None and not _has_file(case, path):
        cause = f"the service {service.name} starts {path}, and there is no such file"
        yield finding("CA6506", cause, [registry, Evidence(path, "is not there")])


def _has_file(case: Case, path: str) -> bool:
    return any(one.path.casefold() == path.casefold() for one in case.examination.programs)


def _executables(case: Case) -> list[ProgramFile]:
    """The product's own programs whose version can be read."""
    return [one for one in case.examination.programs if _file_name(one.path) in _PROGRAMS and _numbers(one.version)]


def _entries(case: Case) -> list[Evidence]:
    return [Evidence("installed", f"{one.name} {one.version or ''}".rstrip()) for one in case.examination.installed]


def _open_windows(case: Case) -> Iterable[Evidence]:
    """A user interface that is open keeps the installer from replacing its files."""
    return [
        Evidence("processes", f"{one.name} (process {one.process_id}) is open in session {one.session_id}")
        for one in case.examination.processes
        if one.name.casefold() in _INTERFACES
    ]


def _seen(one: ProgramFile) -> Evidence:
    return Evidence(one.path, f"version {one.version}" if one.version else "has no version")


def _file_name(path: str) -> str:
    return path.rpartition("\\")[2].casefold()


def _numbers(version: str | None) -> tuple[int, ...]:
    """`7.0.1.0` as (7, 0, 1): an end of zeros says nothing."""
    found = [int(one) for one in _DIGITS.findall((version or "").partition("+")[0])]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


INSTALLATION: tuple[Rule, ...] = (
    _not_installed,
    _half_installed,
    _two_services,
    _mixed_versions,
    _stale_sqlite,
    _program_missing,
)
