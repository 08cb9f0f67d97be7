"""Simulated Windows servers: services, http.sys, sockets, files, a clock that can be turned.

    computer = make_computer(Installation("WEB01"), StillClock(datetime(2026, 1, 5, tzinfo=UTC)))
    computer.services.stop("WinRM")

All changes go through methods that refuse what Windows refuses, with its Win32 codes. `dump()` is for comparing.
"""

from certify_automation.lab.windows.certificates import MachineStores, Stored, stored
from certify_automation.lab.windows.clock import Clock, RunningClock, StillClock
from certify_automation.lab.windows.computer import (
    OS_VERSIONS,
    PROGRAM_DATA,
    PROGRAM_FILES,
    Computer,
    Installation,
    make_computer,
)
from certify_automation.lab.windows.disks import DirectoryFiles, MemoryFiles
from certify_automation.lab.windows.files import Files, FileStat
from certify_automation.lab.windows.services import Ending, Program, Service, ServiceControlManager
from certify_automation.lab.windows.sockets import SYSTEM_PROCESS, Listener
from certify_automation.lab.windows.tasks import Instance, Task, TaskScheduler
from certify_automation.lab.windows.win32 import Win32Error

__all__ = [
    "OS_VERSIONS",
    "PROGRAM_DATA",
    "PROGRAM_FILES",
    "SYSTEM_PROCESS",
    "Clock",
    "Computer",
    "DirectoryFiles",
    "Ending",
    "FileStat",
    "Files",
    "Installation",
    "Instance",
    "Listener",
    "MachineStores",
    "MemoryFiles",
    "Program",
    "RunningClock",
    "Service",
    "ServiceControlManager",
    "StillClock",
    "Stored",
    "Task",
    "TaskScheduler",
    "Win32Error",
    "make_computer",
    "stored",
]
