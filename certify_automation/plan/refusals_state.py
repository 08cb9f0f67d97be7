"""Refusals about services, drivers, files and the data store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certify_automation.diff import file_of, readable
from certify_automation.evidence import data_store_failure, uncopied
from certify_automation.model.change import Change, DataStoreRestore, FileWrite
from certify_automation.model.config_files import FileContent, FileName
from certify_automation.model.plan import Refusal
from certify_automation.model.service import ServiceState, StartMode
from certify_automation.plan.situation import Situation

_TOO_LARGE = "The file is larger than 1 MiB."
_PENDING = frozenset(
    {
        ServiceState.START_PENDING,
        ServiceState.STOP_PENDING,
        ServiceState.PAUSE_PENDING,
        ServiceState.CONTINUE_PENDING,
    }
)


def _pending_service(at: Situation) -> Iterator[Refusal]:
    service = at.facts.service
    if service is None or service.state not in _PENDING or not (at.starts or at.comparison.differences):
        return
    if at.facts.lock.held:  # another run may be the cause: its lock, or what it leaves behind, keeps this plan off
        return
    hint = (
        "a service stuck in this state usually needs the server to be restarted"
        if service.state is ServiceState.STOP_PENDING
        else "wait until it has settled, then plan again"
    )
    yield Refusal("CA3012", f"the service {service.name} is {service.state.value}", hint)


def _start_of_a_disabled_service(at: Situation) -> Iterator[Refusal]:
    service = at.facts.service
    if service is None or not at.starts:
        return
    mode = at.desired.service.start_mode or service.start_mode
    if mode is StartMode.DISABLED:
        yield Refusal(
            "CA3019",
            f"the service {service.name} would have to be started, but its start mode is disabled",
            "declare service.start_mode: automatic-delayed, or leave service.state undeclared",
        )


def _unknown_start_mode(at: Situation) -> Iterator[Refusal]:
    """What a start mode was must be known, or it could not be put back."""
    for name, found, wanted in (
        ("service", at.facts.service, at.desired.service.start_mode),
        ("HTTP driver", at.facts.driver, at.desired.driver.start_mode),
    ):
        if found is not None and found.start_mode is None and wanted is not None:
            yield Refusal(
                "CA3027",
                f"Windows does not say what the start mode of the {name} is",
                "see on the host what `sc.exe qc` says, or leave the start mode undeclared",
            )


def _driver(at: Situation) -> Iterator[Refusal]:
    wanted, driver = at.desired.driver, at.facts.driver
    if wanted.state is None and wanted.start_mode is None:
        return
    if driver is None:
        yield Refusal("CA3023", "this Windows has no HTTP driver", "http.sys is part of Windows: repair the system")
        return
    if driver.state in _PENDING and wanted.state is not None:
        yield Refusal(
            "CA3013",
            f"the HTTP driver is {driver.state.value}",
            "the driver cannot leave this state while a program holds it: restart the server",
        )
    elif wanted.state is ServiceState.STOPPED and driver.state is not ServiceState.STOPPED:
        yield Refusal(
            "CA3021",
            "the HTTP driver is not stopped: WinRM, IIS and every other user of http.sys would stop with it",
            "stop it by hand at the console if that is meant, or leave http_sys.driver.state undeclared",
        )
    elif (
        wanted.state is ServiceState.RUNNING
        and driver.state is not ServiceState.RUNNING
        and (wanted.start_mode or driver.start_mode) is StartMode.DISABLED
    ):
        yield Refusal(
            "CA3020",
            "the HTTP driver would have to be started, but its start mode is disabled",
            "declare http_sys.driver.start_mode: manual",
        )


def _unreadable_files(at: Situation) -> Iterator[Refusal]:
    desired = at.desired
    listens = desired.service_config is not None or at.judges_exposure or bool(desired.kestrel_urls)
    declared = {
        FileName.SERVICE_CONFIG: desired.service_config is not None,
        FileName.SERVERS: desired.connections is not None,
        FileName.APPSETTINGS_CORE: at.generation == "v7" and listens,
        FileName.APPSETTINGS: desired.data_store_id is not None,
    }
    for name in FileName:
        file = file_of(at.facts, name)
        if not (declared[name] or name in desired.whole_files) or readable(at.facts, name):
            continue
        what = f"{file.path} cannot be read: {file.error}" if file else f"where {name.value} lies is not known"
        yield Refusal("CA3017", what, _readable_again(file))


def _readable_again(file: FileContent | None) -> str:
    if file is None:
        return "see that the product's folders are there: start the product once, then plan again"
    if file.error == _TOO_LARGE:
        return "no file of the product is that large: look at what is in it, and shorten it or put it aside"
    return "see that Administrators and SYSTEM may read the file, that nothing keeps it open, and that it is no folder"


def _hub_identity(at: Situation) -> Iterator[Refusal]:
    config = at.comparison.files.service_config
    if config is not None and config.content and config.hub_identity and not at.options.replace_malformed:
        yield Refusal(
            "CA3016",
            "serviceconfig.json is malformed, and the machine's identity at a management hub would be lost with it",
            "repair the file by hand, or pass --replace-malformed and join the hub again afterwards",
            by_policy=True,
        )


def copy_commands(at: Situation) -> str:
    """PowerShell that puts the data files aside, unchanged in size and write time, for a plan to go on."""
    folder = (at.facts.product.data_dir or r"C:\ProgramData\certify").replace("'", "''")
    names = ", ".join(f"'{file.name}'" for file in at.facts.data_files)
    return (
        r"$to = Join-Path $env:ProgramData 'certify-automation\data-copy'; "
        "New-Item -ItemType Directory -Force -Path $to | Out-Null; "
        f"foreach ($name in {names}) {{ Copy-Item -LiteralPath (Join-Path '{folder}' $name) -Destination $to -Force }}"
    )


def _data_store(at: Situation) -> Iterator[Refusal]:
    failure = data_store_failure(at.facts)
    if not at.starts or any(map(_ends_failure, at.changes)) or not failure or not uncopied(at.facts):
        return
    names = ", ".join(file.name for file in uncopied(at.facts))
    yield Refusal(
        "CA3014",
        f"the product's data store failed ({failure}), and not copied away are: {names}. "
        "Every start replaces the product's own backups, so the service is not started",
        f"on the host, as an administrator, run: {copy_commands(at)}",
    )


def _ends_failure(change: Change) -> bool:
    """The host copies all of it away before it restores a backup; another data store is not the one that failed."""
    return isinstance(change, DataStoreRestore) or (
        isinstance(change, FileWrite) and change.file is FileName.APPSETTINGS
    )


STATE_RULES: tuple[Callable[[Situation], Iterator[Refusal]], ...] = (
    _unreadable_files,
    _pending_service,
    _start_of_a_disabled_service,
    _unknown_start_mode,
    _driver,
    _hub_identity,
    _data_store,
)
