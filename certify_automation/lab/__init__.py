"""A Windows fleet to practise on: simulated hosts behind a real WinRM endpoint, on loopback addresses only.

`running(LabOptions.mixed(), Path("inventory.yaml"))` serves the demo's fleet inside a `with` block; what it yields
gives access to every simulated computer.
"""

from certify_automation.lab.fleet import MIXED, USER, Lab, LabHost, LabOptions, running, start
from certify_automation.lab.machine import Pace

__all__ = ["MIXED", "USER", "Lab", "LabHost", "LabOptions", "Pace", "running", "start"]
