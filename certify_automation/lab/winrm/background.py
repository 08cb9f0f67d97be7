"""A server in a thread of its own, for callers that are not asyncio: tests, the demo, a command line."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from certify_automation.lab.winrm.host import Endpoint
from certify_automation.lab.winrm.server import Listening, Server

_Result = TypeVar("_Result")


class BackgroundServer:
    """A `Server` whose event loop runs in a daemon thread between `__enter__` and `__exit__`.

    Machines are called in that thread.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = Server()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-winrm", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is None or self._thread is None:
            return
        self.run(self._server.close())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    def add(self, *endpoints: Endpoint) -> list[Listening]:
        """Put endpoints in service; see `Server.add`."""
        return self.run(self._add(endpoints))

    def remove(self, endpoint: Endpoint) -> None:
        """Take an endpoint out of service; see `Server.remove`."""
        self.run(self._server.remove(endpoint))

    def reset_connections(self, endpoint: Endpoint) -> None:
        """Reset every open connection of an endpoint; see `Server.reset_connections`."""

        async def reset() -> None:
            self._server.reset_connections(endpoint)

        self.run(reset())

    async def _add(self, endpoints: Iterable[Endpoint]) -> list[Listening]:
        return [await self._server.add(endpoint) for endpoint in endpoints]

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What a coroutine gives that runs in the server's loop."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the server is used outside its `with` block")
        future: concurrent.futures.Future[_Result] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()
