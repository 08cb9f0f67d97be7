"""The v7 service, Certify.Server.Core.exe: Kestrel, on sockets of its own process.

Whatever goes wrong at start ends the process. Under the service control manager that is 1067 (the process terminated
unexpectedly) once it has reported itself, and 1053 when it dies before: a malformed appsettings-core.json.
"""

from __future__ import annotations

import re
from datetime import datetime

from certify_automation.lab.certify.data_store import DataStoreFailure
from certify_automation.lab.certify.kestrel import (
    Binding,
    StartFailure,
    declared_endpoints,
    from_service_config,
    parse_url,
)
from certify_automation.lab.certify.product import Product
from certify_automation.lab.windows import win32
from certify_automation.lab.windows.files import join
from certify_automation.lab.windows.services import Ending, Service
from certify_automation.lab.windows.win32 import Win32Error

IMAGE = "Certify.Server.Core.exe"

_FIRST_DYNAMIC_PORT = 49152
_ENDPOINT_VARIABLE = re.compile(r"KESTREL__ENDPOINTS__.+__URL")


class CoreService:
    """What runs as the v7 service."""

    image = IMAGE

    def __init__(self, product: Product) -> None:
        self.product = product

    def begin(self, service: Service, now: datetime) -> float:  # noqa: ARG002 - the protocol's shape
        """The process starts; configuration is read before it reports to the service control manager."""
        self.product.require_program(self.image)
        self.product.make_data_folder()
        try:
            self.endpoints()
        except StartFailure as failure:
            raise Win32Error(win32.SERVICE_REQUEST_TIMEOUT, service.name) from failure
        return self.product.start_seconds

    def ready(self, service: Service, now: datetime) -> Ending:
        """Initialise the manager, then bind."""
        log = self.product.log("service_startup.log")
        log.startup(now, "---- Service Startup ----")
        log.startup(now, "Added Networking services")
        try:
            config = self.product.read_config()
            self.product.start_manager(now)
            log.startup(now, "Configured endpoints")
            if self._named_pipe():
                log.startup(now, f"Core service started \\\\.\\pipe\\{self._pipe_name()}")
                return Ending(running=True)
            declared = self.endpoints()
            urls = list(declared.values()) or [from_service_config(config.host, config.port)]
            bound = self._bind(service, declared, urls)
        except (StartFailure, DataStoreFailure) as failure:
            unhandled = self.product.log("unhandled_exceptions.log")
            unhandled.startup(now, f"IsTerminating=True : {failure.text}")
            return Ending(running=False, exit_code=win32.PROCESS_ABORTED)
        log.startup(now, f"Core service started {';'.join(bound)}")
        return Ending(running=True)

    def end(self, service: Service, now: datetime) -> None:
        """The process ends and with it its sockets."""
        self.product.computer.sockets.close(service.process_id)
        self.product.forget(now)

    def endpoints(self) -> dict[str, str]:
        """The endpoints configuration declares; raises StartFailure for a malformed file."""
        files = self.product.computer.files
        path = join(self.product.install_folder, "appsettings-core.json")
        content = files.read(path) if files.exists(path) else None
        variables = {n: v for n, v in self.product.variables().items() if _ENDPOINT_VARIABLE.fullmatch(n)}
        return declared_endpoints(content, variables)

    def _bind(self, service: Service, declared: dict[str, str], urls: list[str]) -> list[str]:
        for name, url in declared.items():
            if not url:
                raise StartFailure(
                    "System.InvalidOperationException",
                    f"The endpoint {name} is missing the required 'Url' parameter.",
                )
        return [self._open(service, parse_url(url), url) for url in urls]

    def _open(self, service: Service, binding: Binding, url: str) -> str:
        sockets = self.product.computer.sockets
        port = binding.port or self._dynamic_port()
        for address in binding.addresses:
            try:
                sockets.listen(address, port, service.process_id)
            except Win32Error as error:
                if error.code == win32.ADDRESS_IN_USE:
                    shown = url.rstrip("/")
                    raise StartFailure(
                        "System.IO.IOException", f"Failed to bind to address {shown}: address already in use."
                    ) from error
                raise StartFailure(f"System.Net.Sockets.SocketException ({error.code})", error.text) from error
        return binding.url(port)

    def _dynamic_port(self) -> int:
        taken = {one.port for one in self.product.computer.sockets.listeners()}
        return next(port for port in range(_FIRST_DYNAMIC_PORT, 65536) if port not in taken)

    def _named_pipe(self) -> bool:
        variables = self.product.variables()
        settings = self.product.config.settings if self.product.config else {}
        transport = variables.get("CERTIFY_SERVICE_TRANSPORT") or settings.get("Transport") or ""
        return str(transport).lower() == "namedpipe"

    def _pipe_name(self) -> str:
        return self.product.variables().get("CERTIFY_SERVICE_PIPE_NAME", "certify-service")
