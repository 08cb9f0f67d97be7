"""The v6 service, Certify.Service.exe: OWIN on http.sys.

A failure to open the listener, or to initialise, is logged and swallowed unless port negotiation is on: the service
then runs without an API. With negotiation it tries port + 2 once and, when that fails too, does not start (exit code
1064, what ServiceBase reports for an exception in OnStart).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from certify_automation.lab.certify.data_store import DataStoreFailure
from certify_automation.lab.certify.product import Product
from certify_automation.lab.certify.service_config import LoadedConfig, Status, written
from certify_automation.lab.windows import win32
from certify_automation.lab.windows.accounts import account_sid
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.http_sys import DRIVER
from certify_automation.lab.windows.services import Ending, Service
from certify_automation.lab.windows.win32 import Win32Error

IMAGE = "Certify.Service.exe"
PRODUCT_ID = UUID("af3a0c50-73eb-4159-a36f-82c7c77a2766")
"""The appid of the product's certificate bindings in http.sys."""

_LISTENER = "System.Net.HttpListenerException (0x80004005): "
_STACK = "\n   at System.Net.HttpListener.AddAllPrefixes()\n   at System.Net.HttpListener.Start()"
_INVOKED = (
    "System.Reflection.TargetInvocationException: Exception has been thrown by the target of an invocation. ---> "
)
_INVOKED_END = (
    "\n   --- End of inner exception stack trace ---"
    "\n   at Microsoft.Owin.Hosting.Engine.HostingEngine.StartServer(StartContext context)"
    "\n   at Certify.Service.OwinService.Start()"
)
_WORDS = {"Running": "Running", "Stopped": "Stopped", "Start Pending": "Starting", "Stop Pending": "Stopping"}
_AUTHENTICATED_USERS = "S-1-5-11"
_SIDS = {
    "localsystem": ["S-1-5-18", "S-1-5-32-544"],
    "nt authority\\localservice": ["S-1-5-19", "S-1-5-11"],
    "nt authority\\networkservice": ["S-1-5-20", "S-1-5-11"],
}


class FrameworkService:
    """What runs as the v6 service."""

    image = IMAGE

    def __init__(self, product: Product, *, administrators: tuple[str, ...] = ()) -> None:
        """Make the program.

        Args:
            product: the installation.
            administrators: accounts, in lower case, that are local administrators besides LocalSystem.
        """
        self.product = product
        self._administrators = administrators
        self._certificate: bytes | None = None

    def begin(self, service: Service, now: datetime) -> float:  # noqa: ARG002 - the protocol's shape
        """The process starts and reports to the service control manager at once."""
        self.product.require_program(self.image)
        self.product.make_data_folder()
        return self.product.start_seconds

    def ready(self, service: Service, now: datetime) -> Ending:
        """Initialise, then open the listener."""
        config = self.product.read_config()
        try:
            self._listen(service, config, now)
        except _Rethrown:
            return Ending(running=False, exit_code=win32.EXCEPTION_IN_SERVICE)
        return Ending(running=True)

    def end(self, service: Service, now: datetime) -> None:
        """The process ends; a clean stop is not logged."""
        self.product.computer.http.unregister(service.process_id)
        self.product.forget(now)

    def _listen(self, service: Service, config: LoadedConfig, now: datetime) -> None:
        log = self.product.log("service.exceptions.log")
        settings = config.settings
        scheme = "https" if settings["UseHTTPS"] else "http"
        if settings["UseHTTPS"]:
            self._make_certificate(settings["Port"])
            log.service_exception(now, "Local service certificate installed ok")
        uri = f"{scheme}://{settings['Host'] or ''}:{settings['Port']}"
        try:
            self._open(service, uri, now)
        except (Win32Error, DataStoreFailure) as error:
            log.service_exception(
                now, f"Service failed to listen on {uri}. :: System HTTP Service: {self._driver()}", _exception(error)
            )
            if not settings["EnableAutoPortNegotiation"]:
                log.service_exception(now, f"Port negotiation not enabled. Service API failed to bind to {uri}")
                self._save_when_new(config)
                return
            log.service_exception(now, "Attempting to reallocate service port.")
            settings["UseHTTPS"] = False
            settings["Port"] += 2
            uri = f"http://{settings['Host'] or ''}:{settings['Port']}"
            self._open_again(service, uri, now)
        log.service_exception(now, f"Service API bound OK to {uri}")
        self._save_when_new(config)

    def _make_certificate(self, port: int) -> None:
        """Make the listener's certificate unless it is there; a new one is bound to this port, and to no later one."""
        computer = self.product.computer
        if self._certificate is not None:
            return
        self._certificate = hashlib.sha1(computer.name.encode()).digest()  # noqa: S324 - a thumbprint is a SHA-1
        driver = computer.services.get(DRIVER)
        if driver and driver.state == "Running":
            computer.ssl_bindings[f"0.0.0.0:{port}"] = {
                "AppId": PRODUCT_ID.bytes_le,
                "SslCertHash": self._certificate,
                "SslCertStoreName": "MY",
            }

    def _open(self, service: Service, uri: str, now: datetime) -> None:
        """Build the application, which initialises everything, then register the URL."""
        self.product.start_manager(now)
        own = account_sid(self.product.computer.name, service.account)
        sids = _SIDS.get((service.account or "").lower(), [own or "", _AUTHENTICATED_USERS])
        if (service.account or "").lower() in self._administrators:
            sids = [*sids, "S-1-5-32-544"]
        self.product.computer.http.register(f"{uri}/", service.process_id, sids)

    def _open_again(self, service: Service, uri: str, now: datetime) -> None:
        try:
            self._open(service, uri, now)
        except (Win32Error, DataStoreFailure) as error:
            raise _Rethrown from error

    def _save_when_new(self, config: LoadedConfig) -> None:
        files = self.product.computer.files
        if config.status is Status.NEW and not files.disk_full:
            path = join(self.product.data_folder(), "serviceconfig.json")
            if not files.exists(path):
                files.write(path, written(config.settings))

    def _driver(self) -> str:
        driver = self.product.computer.services.get(DRIVER)
        return _WORDS.get(driver.state, "Unknown") if driver else "Unknown"


class _Rethrown(Exception):
    """The second attempt failed as well."""


def _exception(error: Win32Error | DataStoreFailure) -> str:
    if isinstance(error, DataStoreFailure):
        return error.text
    if error.code in (win32.SERVICE_DISABLED, win32.INVALID_HANDLE):
        inner = "System.PlatformNotSupportedException: Operation is not supported on this platform."
    elif error.code == win32.ALREADY_EXISTS:
        inner = (
            f"{_LISTENER}Failed to listen on prefix '{error.subject}' because it conflicts with an existing "
            "registration on the machine."
        )
    elif error.code == win32.SHARING_VIOLATION:
        inner = f"{_LISTENER}{error.text.rstrip('.')}"
    elif error.code == win32.INVALID_PARAMETER:
        inner = (
            "System.ArgumentException: Only Uri prefixes with a valid hostname are supported."
            "\nParameter name: uriPrefix"
        )
    else:
        inner = f"{_LISTENER}{error.text}"
    return f"{_INVOKED}{inner}{_STACK}{_INVOKED_END}"
