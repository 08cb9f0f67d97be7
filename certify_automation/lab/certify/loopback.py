"""HTTP requests of a program on the computer to an address of the computer itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from certify_automation.lab.certify.api.core_api import CoreApi
from certify_automation.lab.certify.api.framework_api import FrameworkApi
from certify_automation.lab.certify.api.messages import ApiRequest, ApiResponse
from certify_automation.lab.certify.core_service import CoreService
from certify_automation.lab.certify.framework_service import FrameworkService
from certify_automation.lab.certify.product import Asked
from certify_automation.lab.windows import win32
from certify_automation.lab.windows.computer import Computer
from certify_automation.lab.windows.name_resolution import localhost
from certify_automation.lab.windows.sockets import SYSTEM_PROCESS

NOT_TRUSTED = "The remote certificate is invalid according to the validation procedure."
_VERSION = "/api/system/appversion"
CLOSED = "The underlying connection was closed: The connection was closed unexpectedly."
TIMED_OUT = "The operation has timed out."

_URL = re.compile(r"(?P<scheme>https?)://(?P<host>\[[^\]]+\]|[^:/\[\]]+):(?P<port>\d+)(?P<path>/.*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """The parts of a URL a connection needs."""

    scheme: str
    host: str
    port: int

    def addresses(self, computer: Computer) -> tuple[str, ...]:
        """What the host resolves to on the computer."""
        return localhost(computer.files) if self.host.lower() == "localhost" else (self.host,)


def origin(url: str) -> Origin:
    """Scheme, host without brackets, and port; raises ValueError for a text that is no such URL."""
    match = _URL.match(url)
    if match is None:
        raise ValueError(f"not a URL with a port: {url}")
    return Origin(match["scheme"].lower(), match["host"].strip("[]"), int(match["port"]))


def send(computer: Computer, url: str, request: ApiRequest) -> ApiResponse | str:
    """Ask `url` (scheme, host, port; the path is the request's): an answer, or why none came, in Windows' words."""
    wanted = origin(url)
    for address in wanted.addresses(computer):
        listener = computer.sockets.accepting(address, wanted.port)
        if listener is None:
            continue
        if listener.process_id == SYSTEM_PROCESS:
            return _through_http_sys(computer, wanted, address, request)
        if wanted.scheme == "https":
            return CLOSED
        return _answer_of(computer, listener.process_id, request)
    shown = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
    return f"{win32.TEXTS[win32.CONNECTION_REFUSED].rstrip('.')} {shown}:{wanted.port}"


def _through_http_sys(computer: Computer, wanted: Origin, address: str, request: ApiRequest) -> ApiResponse | str:
    found = computer.http.route(address, wanted.port, wanted.host, request.path)
    if isinstance(found, int):
        return ApiResponse(found, {"Content-Type": "text/html; charset=us-ascii"}, b"<h2>Bad Request</h2>")
    if found.prefix.scheme != wanted.scheme:
        return CLOSED
    if wanted.scheme == "https":
        return NOT_TRUSTED
    return _answer_of(computer, found.process_id, request)


def _answer_of(computer: Computer, process_id: int, request: ApiRequest) -> ApiResponse | str:
    """The process's answer, or why none came; a program that is not the product knows none of its paths."""
    for service in computer.services.services():
        if service.process_id != process_id:
            continue
        program = computer.services.program(service.name)
        if not isinstance(program, FrameworkService | CoreService) or program.product.store is None:
            continue
        product = program.product
        product.settle()
        product.requests.append(Asked(request.method, request.path, request.body))
        if product.intercepted is not None:
            return product.intercepted
        if product.hangs:
            return TIMED_OUT
        if product.answered_instead is not None and not request.path.lower().startswith(_VERSION):
            return product.answered_instead
        return (FrameworkApi(product) if isinstance(program, FrameworkService) else CoreApi(product)).answer(request)
    return ApiResponse(404, {"Content-Type": "text/html"}, b"<h1>404 Not Found</h1>")
