"""YAML files -> {host: HostState}: everything a user writes, read, checked and resolved without touching a host.

    fleet = load(Path("."), environ=os.environ)
    for host in fleet.select(["web:&ring=canary"]).hosts.values():
        connection = connect_secrets(host, os.environ)

Reads files only; opens no socket and starts no process.
"""

from certify_automation.desired.contradictions import contradictions
from certify_automation.desired.credentials import connect_secrets
from certify_automation.desired.endpoints import EndpointUnreadable, is_address, read_endpoint, read_host
from certify_automation.desired.fleet import DesiredHost, Fleet, Origin
from certify_automation.desired.resolve import load, load_settings
from certify_automation.desired.secrets import SecretReference
from certify_automation.desired.settings import Settings

__all__ = [
    "DesiredHost",
    "EndpointUnreadable",
    "Fleet",
    "Origin",
    "SecretReference",
    "Settings",
    "connect_secrets",
    "contradictions",
    "is_address",
    "load",
    "load_settings",
    "read_endpoint",
    "read_host",
]
