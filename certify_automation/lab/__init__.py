"""A Windows fleet to practise on: simulated hosts behind a real WinRM endpoint, on loopback addresses only.

    with lab.running(lab.LabOptions.mixed(), Path("inventory.yaml")) as fleet:
        fleet.hosts["web01.example.com"].computer.services.stop("Certify.Service")
"""

from certify_automation.lab.fleet import MIXED, USER, Lab, LabHost, LabOptions, running, serve_forever, start

__all__ = ["MIXED", "USER", "Lab", "LabHost", "LabOptions", "running", "serve_forever", "start"]
