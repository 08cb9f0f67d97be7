"""Requests to the product's API and its answers, and how each host writes JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"


class Caller(Enum):
    """Who asks: what Windows authentication can prove about the process that makes the request."""

    ANONYMOUS = "anonymous"
    """No credentials to offer: a network logon, which holds none it could pass on."""
    USER = "user"
    """A Windows account without administrator rights."""
    ADMINISTRATOR = "administrator"
    """A member of Administrators with an elevated token."""


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request; header names in any case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Caller = Caller.ANONYMOUS

    def header(self, name: str) -> str:
        """A header's value, or the empty string."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """One answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_response(value: Any, status: int = 200, content_type: str = JSON_TYPE) -> ApiResponse:  # noqa: ANN401
    """A JSON answer, compact, characters beyond ASCII as they are: as both hosts write it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return ApiResponse(status, {"Content-Type": content_type}, text.encode())
