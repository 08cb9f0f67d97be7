"""What both generations of the product share: where its data is, its manager's initialisation, its logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from certify_automation.lab.certify.api.messages import ApiResponse
from certify_automation.lab.certify.conditions import Conditions
from certify_automation.lab.certify.data_store import DataStore, DataStoreFailure
from certify_automation.lab.certify.logs import Log
from certify_automation.lab.certify.scheduler import Scheduler
from certify_automation.lab.certify.service_config import LoadedConfig, load
from certify_automation.lab.windows import win32
from certify_automation.lab.windows.computer import PROGRAM_DATA, Computer
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.win32 import Win32Error

_DEBUG_LEVELS = ("debug", "verbose")
_CREATED_ACL = "O:{owner}G:{owner}D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
_SYSTEM = "S-1-5-18"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the product's API."""

    method: str
    path: str
    body: bytes


@dataclass(slots=True)
class Product:
    """An installation on one computer, and the memory of its running process.

    Attributes:
        generation: `v6` or `v7`.
        version: of the executable, four numbers.
        install_folder: where it is installed.
        start_seconds: from the request to start until its listener is opened.
        config: what the running process read from serviceconfig.json; None while it does not run.
        store: the data the running process works with; None without a running manager.
        scheduler: its timers and requests; None without a running manager.
        conditions: what decides how its certificate requests end.
        requests: what its API was asked, in order: by whomever, and whatever it answered.
        answered_instead: what every request is answered with but that for the version; None = its own answers.
        intercepted: what a program in between answers every request with, that for the version too; None = none is.
        hangs: the process takes connections and answers none, until it is started again.
    """

    computer: Computer
    generation: str
    version: str
    install_folder: str
    start_seconds: float
    config: LoadedConfig | None = None
    store: DataStore | None = None
    service_name: str = ""
    scheduler: Scheduler | None = None
    conditions: Conditions = field(default_factory=Conditions)
    requests: list[Asked] = field(default_factory=list)
    answered_instead: ApiResponse | None = None
    intercepted: ApiResponse | None = None
    hangs: bool = False

    def variables(self) -> Mapping[str, str]:
        """The environment of the service's process: the machine's, and its own over it; names in upper case."""
        own = self.computer.service_environment.get(self.service_name, {})
        return {**_upper(self.computer.environment), **_upper(own)}

    def data_folder(self) -> str:
        """Where this process keeps its data."""
        variables = self.variables()
        moved = variables.get("CERTIFY_APPDATA_PATH")
        if self.generation == "v7" and moved:
            return moved
        folder = join(PROGRAM_DATA, "certify")
        if variables.get("CERTIFY_ENABLE_PER_INSTANCE_SETTINGS", "").lower() == "true":
            return join(folder, self.computer.name.lower())
        return folder

    def log(self, name: str) -> Log:
        """One of the files in the logs folder."""
        folder = join(self.data_folder(), "logs")
        return Log(self.computer.files, join(folder, name), self.computer.installation.culture)

    def require_program(self, image: str) -> None:
        """What the service control manager finds out first; raises Win32Error 2 when the program is not there."""
        path = join(self.install_folder, image)
        if not self.computer.files.exists(path):
            raise Win32Error(win32.FILE_NOT_FOUND, path)

    def make_data_folder(self) -> None:
        """A data folder the product creates is closed to Users; an existing one stays as it is."""
        folder = self.data_folder()
        if not self.computer.files.exists(folder):
            self.computer.files.make_folder(folder)
            self.computer.files.set_security(folder, _CREATED_ACL.format(owner=_SYSTEM))

    def read_config(self) -> LoadedConfig:
        """Read serviceconfig.json for a start."""
        self.config = load(self.computer.files, join(self.data_folder(), "serviceconfig.json"))
        return self.config

    def start_manager(self, now: datetime) -> None:
        """Open data and settings; raises DataStoreFailure, having logged it."""
        session = self.log("session.log")
        level = str(self.config.settings["LogLevel"] if self.config else "").lower()
        session.session(now, "INF", f"Logging started: {'Trace' if level in _DEBUG_LEVELS else 'Information'}")
        self.store = DataStore(self.computer.files, self.data_folder(), self.computer.name)
        try:
            lines = self.store.open(self.version)
        except DataStoreFailure as failure:
            self.store = None
            session.session(now, "ERR", failure.log)
            raise
        for line_level, text in lines:
            session.session(now, line_level, text)
        session.session(now, "INF", "Certify Manager Started")
        self.scheduler = Scheduler(self, self.store, self._stopwatch(now))

    def settle(self) -> None:
        """Let the scheduler do what is due by now; nothing on a computer without power."""
        if self.scheduler is not None and self.computer.powered:
            self.scheduler.settle()

    def forget(self, now: datetime) -> None:
        """The process ended; what it was doing is not finished."""
        if self.scheduler is not None and self.computer.powered:
            self.scheduler.settle(self._stopwatch(now))
        self.config = None
        self.store = None
        self.scheduler = None
        self.hangs = False

    def _stopwatch(self, now: datetime) -> float:
        """What the computer's stopwatch shows, or has shown, at a time of day."""
        return self.computer.clock.elapsed() - (self.computer.clock.now() - now).total_seconds()


def _upper(variables: Mapping[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in variables.items()}
