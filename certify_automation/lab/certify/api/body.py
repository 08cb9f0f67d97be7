"""Binding of request bodies: System.Text.Json in ASP.NET Core, with the answers a client gets for a bad one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from certify_automation.lab.certify.api.messages import ApiRequest, ApiResponse, json_response

PROBLEM_TYPE = "application/problem+json; charset=utf-8"

_SECTION = "https://tools.ietf.org/html/rfc9110#section-15.5."
_SPACE = re.compile(r"[ \t\r\n]*")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?")
_DIGITS = re.compile(r"-?\d+")
_DECODER = json.JSONDecoder()
_CLR_NAMES = {int: "System.Int32", bool: "System.Boolean", str: "System.String"}


class BadRequest(Exception):
    """The body is refused; `response` says how."""

    def __init__(self, response: ApiResponse) -> None:
        super().__init__(response.status)
        self.response = response


def problem(status: int, title: str, errors: Mapping[str, list[str]] | None, seed: bytes) -> ApiResponse:
    """A ProblemDetails answer; its trace id is made from `seed`."""
    section = {400: "1", 415: "16"}[status]
    digest = hashlib.sha256(seed).hexdigest()
    document: dict[str, Any] = {"type": _SECTION + section, "title": title, "status": status}
    if errors is not None:
        document["errors"] = errors
    document["traceId"] = f"00-{digest[:32]}-{digest[32:48]}-01"
    return json_response(document, status, PROBLEM_TYPE)


def bind(request: ApiRequest, defaults: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """The body's properties over the model's defaults, names in any case, unknown ones ignored.

    Args:
        request: with its body.
        defaults: the model: property -> default. A default that is a list or a text `"0"` may not be null.
        types: property -> CLR type name where the default does not tell it; `System.String?` for a text that may be
            null although its default is none.

    Raises:
        BadRequest: 415 without a JSON content type, 400 for syntax, type or a null that is not allowed.
    """
    if request.header("Content-Type").split(";")[0].strip().lower() != "application/json":
        raise BadRequest(problem(415, "Unsupported Media Type", None, request.body + request.path.encode()))
    try:
        text = request.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(request, {"$": ["The JSON value is not valid UTF-8."]}) from error
    if text.strip(" \t\r\n") in ("", "null"):
        raise _refused(request, {"": ["A non-empty request body is required."]})
    bound = dict(defaults)
    names = {name.lower(): name for name in defaults}
    missing: dict[str, list[str]] = {}
    for name, value, end in _members(request, text):
        known = names.get(name.lower())
        if known is None:
            continue
        bound[known] = _typed(request, known, value, end, (defaults[known], types.get(known)))
    for name, default in defaults.items():
        nullable = isinstance(default, bool | int) or types.get(name) == "System.String?"
        if bound[name] is None and default is not None and not nullable:
            shown = name[0].upper() + name[1:]
            missing[shown] = [f"The {shown} field is required."]
    if missing:
        raise _refused(request, missing)
    return bound


def _members(request: ApiRequest, text: str) -> list[tuple[str, Any, int]]:
    """(name, value, offset behind the value) of the object that the text must be."""
    at = _skip(text, 0)
    if text[at] != "{":
        raise _refused(request, {"$": [_syntax(text, at, "$")]})
    at = _skip(text, at + 1)
    found: list[tuple[str, Any, int]] = []
    path = "$"
    while at < len(text) and text[at] != "}":
        if text[at] != '"':
            raise _refused(request, {path: [_syntax(text, at, path)]})
        name, at = _value(request, text, at, path)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise _refused(request, {path: [_syntax(text, at, path)]})
        path = f"$.{name}"
        value, at = _value(request, text, _skip(text, at + 1), path)
        found.append((name, value, at))
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
            if text[at : at + 1] == "}":
                raise _refused(request, {path: [_syntax(text, at, path)]})
    if at >= len(text) or _skip(text, at + 1) < len(text):
        raise _refused(request, {path: [_syntax(text, min(at, len(text)), path)]})
    return found


def _value(request: ApiRequest, text: str, at: int, path: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise _refused(request, {path: [_syntax(text, error.pos, path)]}) from error


def _syntax(text: str, at: int, path: str) -> str:
    where = f"Path: {path} | LineNumber: {text.count(chr(10), 0, at)} | BytePositionInLine: "
    line_start = text.rfind("\n", 0, at) + 1
    if at >= len(text):
        cause = (
            "Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that "
            "should be closed."
        )
        return f"{cause} {where}{len(text[line_start:].encode())}."
    position = len(text[line_start:at].encode())
    return f"'{text[at]}' is invalid after a value. Expected either ',', '}}', or ']'. {where}{position}."


def _typed(request: ApiRequest, name: str, value: Any, end: int, kind: tuple[Any, str | None]) -> Any:  # noqa: ANN401
    default, clr = kind
    fits, value = _fitting(default, clr or "", value)
    if fits:
        return value
    text = request.body.decode()
    line_start = text.rfind("\n", 0, end) + 1
    where = (
        f"Path: $.{name} | LineNumber: {text.count(chr(10), 0, end)} | "
        f"BytePositionInLine: {len(text[line_start:end].encode())}."
    )
    wanted = clr or _CLR_NAMES.get(type(default), "System.String")
    raise _refused(request, {f"$.{name}": [f"The JSON value could not be converted to {wanted}. {where}"]})


def _fitting(default: Any, clr: str, value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - any JSON value
    """Whether a value can be converted to the property's type, and what it is then."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None:
        fits = default is None or isinstance(default, list | dict | str)
    elif isinstance(default, bool) or "Boolean" in clr:
        fits = isinstance(value, bool)
    elif "DateTimeOffset" in clr:
        fits = isinstance(value, str) and _ISO_DATE.fullmatch(value) is not None
    elif "Single" in clr:
        fits = number
    elif isinstance(default, int) or clr.startswith(("Certify.", "System.Nullable")):
        if isinstance(value, str) and _DIGITS.fullmatch(value) and not clr:
            return True, int(value)
        fits = (number and isinstance(value, int)) or clr == "Certify.Models.Lifetime"
    else:
        fits = isinstance(value, type(default) if isinstance(default, list | dict) else str)
    return fits, value


def _refused(request: ApiRequest, errors: Mapping[str, list[str]]) -> BadRequest:
    return BadRequest(problem(400, "One or more validation errors occurred.", errors, request.body))


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
