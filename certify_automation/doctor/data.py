"""What is wrong with the product's data, as far as the API's status, files and logs prove it. Pure.

The database itself is never opened, and no credential is tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from certify_automation.config_merge.lenient_json import JsonObject, read
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.due import moment_text, span_text
from certify_automation.evidence import data_store_failure
from certify_automation.model.config_files import BACKUPS, DATABASE
from certify_automation.model.facts import DataFile, Facts
from certify_automation.model.finding import Evidence, Finding

DEFAULT_STORE = "(default)"

_STORES = "datastores.json"
_WRITE_AHEAD_LOG = f"{DATABASE}-wal"
_HOUR_MS = 3_600_000
_OLDEST_BACKUP_MS = 48 * _HOUR_MS
_NEWEST_LINES_MS = 7 * 24 * _HOUR_MS
_SMALLEST_BACKUP = 4096
"""One page of SQLite: nothing smaller is a database."""
_MUCH_SMALLER = 4
_OK, _INTERNAL_SERVER_ERROR = 200, 500
_STORE_NAMED = re.compile(r"Managed Item Store (\S+) could not")
_UNKNOWN_STORE = re.compile(r"no data ?store connection|matches the id", re.IGNORECASE)
# The second is the text of NTE_BAD_KEY_STATE, which DPAPI answers for another account's secret.
_UNDECRYPTABLE = re.compile(
    r"(?:fail\w*|unable|could not|cannot)\b.{0,40}\bdecrypt|decrypt\w*\b.{0,20}\bfail|"
    r"Key not valid for use in specified state",
    re.IGNORECASE,
)
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_SHOWN = 300
_LAST_LINES = 20
_NO_BACKUP = (
    "no backup of the product's own is from before: restore manageditems.db from a backup of the server, or recover "
    "what can be read with SQLite's .recover on a copy"
)


def data_file(facts: Facts, name: str) -> DataFile | None:
    """The database or one of its backups; None when it is not there."""
    return next((one for one in facts.data_files if one.name == name), None)


def good_backup(facts: Facts) -> DataFile | None:
    """The backup most likely to be from before the damage; None = there is none that can be.

    Every start of the product makes one, of a damaged database as well: a larger one than what is stored now is taken
    first. Otherwise, where the database is still there, only what was written before it was last written can be from
    before.
    """
    database, stored = data_file(facts, DATABASE), _stored(facts)
    found = [one for name in BACKUPS if (one := data_file(facts, name)) and one.size >= _SMALLEST_BACKUP]
    larger = [one for one in found if database is None or one.size > stored]
    if larger:
        return max(larger, key=lambda one: one.size)
    return next((one for one in found if database and one.written_utc_ms < database.written_utc_ms), None)


def store_id(case: Case) -> str:
    """The data store that appsettings.json names; empty for the product's own, and where that cannot be read."""
    settings = case.examination.settings
    value = read(settings.content if settings else None).value
    if not isinstance(value, JsonObject):
        return ""
    found = {name.casefold(): item for name, item in value.members}.get("configdatastoreconnectionid")
    return found if isinstance(found, str) and found != DEFAULT_STORE else ""


def _unusable(case: Case) -> Iterator[Finding]:
    failure = _failed_start(case)
    if _store_is_known(case) and failure and not (_named_store(case) or _stores_failed(case)):
        backup = good_backup(case.facts)
        evidence = [Evidence("the product's logs", failure), *_file_evidence(case)]
        remedy = Remedy() if backup else Remedy(person=_NO_BACKUP)
        yield finding("CA6401", f"the product could not open or write its database: {failure}", evidence, remedy)


def _missing(case: Case) -> Iterator[Finding]:
    if (
        case.service is None
        or not _store_is_known(case)
        or store_id(case)
        or data_file(case.facts, DATABASE) is not None
    ):
        return
    left = [*(one.name for one in case.facts.data_files), *(_besides(case))]
    if left:
        remedy = Remedy() if good_backup(case.facts) else Remedy(person=_NO_BACKUP)
        cause = f"there is no {DATABASE} in {_folder(case)}, where an earlier one has left {', '.join(left)}"
        yield finding("CA6402", cause, _file_evidence(case), remedy)


def _besides(case: Case) -> Iterator[str]:
    """What lies in the folder of a product that has run with data: its credentials come only with the first use."""
    return (one.name for one in case.examination.data_folder or () if one.name.casefold() == "cred.db")


def _emptied(case: Case) -> Iterator[Finding]:
    database, found = data_file(case.facts, DATABASE), case.facts.certificates
    backup = next((one for name in BACKUPS if (one := data_file(case.facts, name)) and _bigger(case, one)), None)
    if database is None or backup is None or not _store_is_known(case) or store_id(case):
        return
    total = found.total if found else None
    if total == 0 or (total is None and _stored(case.facts) * _MUCH_SMALLER < backup.size):
        counted = "the API counts no certificate" if total == 0 else "the API was not asked how many there are"
        cause = f"{counted}, and {database.name} is smaller than {backup.name}, which was made before it"
        api = [Evidence("API", "0 managed certificates")] if total == 0 else []
        yield finding("CA6403", cause, [*api, *_file_evidence(case)])


def _bigger(case: Case, backup: DataFile) -> bool:
    return backup.size >= _SMALLEST_BACKUP and backup.size > _stored(case.facts)


def _old_backups(case: Case) -> Iterator[Finding]:
    """A running service makes a backup at its start and every day; one that does not run cannot."""
    started = case.facts.certificates.service_started_utc_ms if case.facts.certificates else None
    now = case.facts.host.clock_utc_ms
    if not case.running or started is None or started > now - _OLDEST_BACKUP_MS or store_id(case):
        return
    made = [one for name in BACKUPS if (one := data_file(case.facts, name)) is not None]
    newest = max((one.written_utc_ms for one in made), default=None)
    if data_file(case.facts, DATABASE) is None or (newest is not None and newest > now - _OLDEST_BACKUP_MS):
        return
    age = (
        f"the newest backup is {span_text((now - newest) // 1000)} old" if newest is not None else "there is no backup"
    )
    cause = f"{age}, although the service has been running since {moment_text(started)} and makes one every day"
    yield finding("CA6404", cause, _file_evidence(case))


def _wrong_store(case: Case) -> Iterator[Finding]:
    """A store of one's own that is not among those of datastores.json, or cannot be opened."""
    wanted, failure = _named_store(case), _failed_start(case)
    folder = case.examination.data_folder
    listed = folder is None or any(one.name.casefold() == _STORES for one in folder)
    evidence = [_settings_evidence(case)] if wanted else []
    evidence += [Evidence("the product's logs", failure)] if failure else []
    if wanted and (not listed or wanted == "0" or _UNKNOWN_STORE.search(failure)):
        where = f"{_STORES} does not have it" if listed else f"there is no {_STORES}"
        evidence += [] if listed else [Evidence(_folder(case), f"no {_STORES}")]
        cause = f"appsettings.json names the data store {wanted!r} (ConfigDataStoreConnectionId), and {where}"
        yield finding("CA6405", cause, evidence)
    elif failure and (wanted or _stores_failed(case)):
        which = f"the data store {wanted!r}" if wanted else _STORES
        yield finding("CA6406", f"the product could not open {which} at its last start: {failure}", evidence)


def _undecryptable(case: Case) -> Iterator[Finding]:
    evidence = [Evidence(path, line[:_SHOWN]) for path, line in _recent_errors(case) if _UNDECRYPTABLE.search(line)]
    found = case.facts.certificates
    evidence += [
        Evidence(f"API: {one.name or one.id}", (one.failure_message or "")[:_SHOWN])
        for one in (found.certificates if found else None) or ()
        if _UNDECRYPTABLE.search(one.failure_message or "")
    ]
    if evidence:
        account = (case.service.account if case.service else None) or "another account"
        cause = f"the product, which runs as {account}, says that stored credentials cannot be decrypted"
        yield finding("CA6407", cause, evidence[:5])


def _unreadable_row(case: Case) -> Iterator[Finding]:
    if _failed_start(case):
        return
    asked = [
        Evidence("API", f"{one.url}: version answered with 200, the summary of certificates with 500")
        for one in case.facts.api
        if one.status == _OK and one.summary_status == _INTERNAL_SERVER_ERROR
    ]
    failure = case.facts.certificates.failure if case.facts.certificates else None
    if failure and failure.status == _INTERNAL_SERVER_ERROR and "managedcertificates" in failure.request:
        asked.append(Evidence("API", f"{failure.request}: status 500 {failure.message}".rstrip()))
    if asked:
        cause = (
            "the API answers, and fails with 500 whenever it reads the managed certificates: so it does when one row "
            f"of {DATABASE} is broken or incomplete"
        )
        yield finding("CA6408", cause, [*asked, *_file_evidence(case)])


def _store_is_known(case: Case) -> bool:
    """Whether the visit looked at appsettings.json: without that nobody knows whether the database here is in use."""
    return case.facts.examination is not None


def _failed_start(case: Case) -> str:
    """What the logs say of data that could not be opened or written; empty when they do not."""
    return data_store_failure(replace(case.facts, api=()))


def _stores_failed(case: Case) -> bool:
    """Whether a start that failed names the list of data stores; the whole line is looked at, not its excerpt."""
    lines = (*case.log("startup"), *case.log("unhandled"), *case.log("session"))
    return any(_STORES in line for line in lines[-_LAST_LINES:])


def _named_store(case: Case) -> str:
    """The data store of one's own that is configured, by appsettings.json or else by the line that failed."""
    lines = [*case.log("session"), *(case.examination.errors.lines if case.examination.errors else ())]
    named = [match[1] for line in lines if (match := _STORE_NAMED.search(line))]
    logged = named[-1] if named and _failed_start(case) else DEFAULT_STORE
    return store_id(case) or ("" if logged == DEFAULT_STORE else logged)


def _recent_errors(case: Case) -> Iterator[tuple[str, str]]:
    """Error lines of the session log of the last days; one without a date counts as new."""
    tail = case.examination.errors or case.facts.logs.get("session")
    earliest = moment_text(case.facts.host.clock_utc_ms - _NEWEST_LINES_MS)
    for line in tail.lines if tail else ():
        day = _STAMP.match(line)
        if day is None or day[0] >= earliest[: len(day[0])]:
            yield tail.path if tail else "", line


def _stored(facts: Facts) -> int:
    """Bytes of the database, with those of its write-ahead log."""
    return sum(one.size for one in facts.data_files if one.name in {DATABASE, _WRITE_AHEAD_LOG})


def _folder(case: Case) -> str:
    return case.facts.product.data_dir or "the data folder"


def _settings_evidence(case: Case) -> Evidence:
    settings = case.examination.settings
    path = settings.path if settings and store_id(case) else "session.log"
    return Evidence(path, f"ConfigDataStoreConnectionId: {_named_store(case)}")


def _file_evidence(case: Case) -> list[Evidence]:
    """The database and its backups, one line each."""
    names = (DATABASE, *BACKUPS)
    texts = {one.name: f"{one.size} bytes, written {moment_text(one.written_utc_ms)}" for one in case.facts.data_files}
    return [Evidence(f"{_folder(case)}\\{name}", texts.get(name, "is not there")) for name in names]


DATA: tuple[Rule, ...] = (
    _unusable,
    _missing,
    _emptied,
    _old_backups,
    _wrong_store,
    _undecryptable,
    _unreadable_row,
)
