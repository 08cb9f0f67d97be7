"""Reading WS-Man requests: a SOAP 1.2 envelope to the values WinRS needs. Everything is matched by namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from certify_automation.lab.winrm.faults import WsmanOperation
from certify_automation.lab.winrm.wsman_faults import INVALID_XML, SCHEMA_VALIDATION, WsmanFault

SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
CMD_RESOURCE = f"{SHELL}/cmd"
CONFIG_RESOURCE = "http://schemas.microsoft.com/wbem/wsman/1/config"
IDENTIFY = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"

_SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
_ADDRESSING = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
_WSMAN = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
_RSP = f"{{{SHELL}}}"

_OPERATIONS = {
    f"{TRANSFER}/Create": WsmanOperation.CREATE,
    f"{TRANSFER}/Delete": WsmanOperation.DELETE,
    f"{TRANSFER}/Get": WsmanOperation.GET,
    f"{SHELL}/Command": WsmanOperation.COMMAND,
    f"{SHELL}/Send": WsmanOperation.SEND,
    f"{SHELL}/Receive": WsmanOperation.RECEIVE,
    f"{SHELL}/Signal": WsmanOperation.SIGNAL,
}
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One request.

    Attributes:
        action: the WS-Addressing action, empty for Identify.
        operation: what the action asks for; None if it is not one of WinRS.
        message_id: verbatim, as RelatesTo must repeat it.
        resource_uri: what the operation is on.
        shell_id: the ShellId selector.
        max_envelope_size: bytes the answer may have, as the client announced it.
        operation_timeout: seconds the client wants to wait.
        options: of the OptionSet, names in upper case.
        body: the SOAP body.
    """

    action: str
    operation: WsmanOperation | None
    message_id: str
    resource_uri: str
    shell_id: str | None
    max_envelope_size: int | None
    operation_timeout: float | None
    options: Mapping[str, str]
    body: Element

    def required(self, name: str) -> Element:
        """The element of the shell namespace with this name in the body.

        Raises:
            WsmanFault: there is none.
        """
        element = self.body.find(f".//{_RSP}{name}")
        if element is None:
            raise WsmanFault(SCHEMA_VALIDATION, f"The element {name} is missing.")
        return element


def child_texts(element: Element, name: str) -> list[str]:
    """The texts of an element's children of this name in the shell namespace."""
    return [child.text or "" for child in element.findall(f"{_RSP}{name}")]


def environment_variables(shell: Element) -> dict[str, str]:
    """The variables of a `rsp:Shell`."""
    variables = shell.findall(f"{_RSP}Environment/{_RSP}Variable")
    return {variable.get("Name", ""): variable.text or "" for variable in variables}


def parse_envelope(message: bytes) -> Envelope:
    """The request in these bytes (UTF-8, or UTF-16 with a byte order mark).

    A document type declaration is refused, so no entity can be declared, let alone expanded.

    Raises:
        WsmanFault: not well-formed, or no SOAP envelope.
    """
    root = _parse(message)
    header = root.find(f"{_SOAP}Header")
    body = root.find(f"{_SOAP}Body")
    if body is None:
        raise WsmanFault(SCHEMA_VALIDATION, "The SOAP body is missing.")
    children = {child.tag: child for child in header} if header is not None else {}
    action = _text(children, f"{_ADDRESSING}Action")
    operation = _OPERATIONS.get(action)
    if not action and body.find(f"{{{IDENTIFY}}}Identify") is not None:
        operation = WsmanOperation.IDENTIFY
    return Envelope(
        action=action,
        operation=operation,
        message_id=_text(children, f"{_ADDRESSING}MessageID"),
        resource_uri=_text(children, f"{_WSMAN}ResourceURI"),
        shell_id=_shell_id(children),
        max_envelope_size=_number(_text(children, f"{_WSMAN}MaxEnvelopeSize")),
        operation_timeout=parse_duration(_text(children, f"{_WSMAN}OperationTimeout")),
        options=_options(children),
        body=body,
    )


def parse_duration(text: str) -> float | None:
    """Seconds of an xs:duration of days and less; None for empty text.

    Raises:
        WsmanFault: not such a duration.
    """
    if not text:
        return None
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise WsmanFault(SCHEMA_VALIDATION, "A duration is malformed.")
    days, hours, minutes, seconds = (float(part or 0) for part in match.group("days", "hours", "minutes", "seconds"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _parse(message: bytes) -> Element:
    try:
        text = message.decode("utf-16" if message[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        if "<!DOCTYPE" in text:
            raise WsmanFault(INVALID_XML, "A document type declaration is not allowed.")
        root = fromstring(_DECLARATION.sub("", text))  # noqa: S314 - without a DTD there are no entities
    except (UnicodeDecodeError, ParseError):
        raise WsmanFault(INVALID_XML) from None
    if root.tag != f"{_SOAP}Envelope":
        raise WsmanFault(SCHEMA_VALIDATION, "This is not a SOAP 1.2 envelope.")
    return root


def _text(children: Mapping[str, Element], tag: str) -> str:
    element = children.get(tag)
    return (element.text or "").strip() if element is not None else ""


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise WsmanFault(SCHEMA_VALIDATION, "MaxEnvelopeSize is not a number.")
    return int(text)


def _shell_id(children: Mapping[str, Element]) -> str | None:
    selectors = children.get(f"{_WSMAN}SelectorSet")
    if selectors is None:
        return None
    for selector in selectors.findall(f"{_WSMAN}Selector"):
        if selector.get("Name", "").lower() == "shellid":
            return (selector.text or "").strip()
    return None


def _options(children: Mapping[str, Element]) -> dict[str, str]:
    option_set = children.get(f"{_WSMAN}OptionSet")
    if option_set is None:
        return {}
    return {option.get("Name", "").upper(): option.text or "" for option in option_set.findall(f"{_WSMAN}Option")}
