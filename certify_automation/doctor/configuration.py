"""What is wrong inside the product's configuration files, mostly without a word of it from the product. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from certify_automation.config_merge import merge_servers, merge_service_config
from certify_automation.config_merge.core_settings import core_settings
from certify_automation.config_merge.lenient_json import JsonObject, read
from certify_automation.config_merge.members import Members
from certify_automation.config_merge.properties import config_property
from certify_automation.config_merge.values import Values, config_values
from certify_automation.diff import content_of
from certify_automation.doctor.diagnosis import Case, Remedy, Rule, finding
from certify_automation.model.config_files import Condition, FileName, ServiceConfig
from certify_automation.model.finding import Evidence, Finding

_CONFIG = FileName.SERVICE_CONFIG
_SHOWN = 200
# Microsoft, about_Execution_Policies; empty leaves the computer's own policy in force.
_POLICIES = frozenset({"", "allsigned", "bypass", "default", "remotesigned", "restricted", "undefined", "unrestricted"})
_LEVELS = frozenset({"", "information", "debug", "verbose"})
_TRANSPORTS = frozenset({"", "http", "namedpipe"})
_PER_INSTANCE = "CERTIFY_ENABLE_PER_INSTANCE_SETTINGS"
_ROOT_VARIABLES = ("CERTIFY_APPDATA_PATH", _PER_INSTANCE)
_HUB = (
    "the file names a management hub, and the instance id that the hub gave this server goes with it: correct the file "
    "by hand, or put back a copy of it"
)


def _malformed_config(case: Case) -> Iterator[Finding]:
    file = case.facts.files.get(_CONFIG.value)
    if file is None:
        return
    if file.error:
        cause = f"the visit, which may read every file, could not read {file.path}: {file.error}"
        remedy = Remedy(person="see what is at that path: nothing is written over what cannot be read")
        yield finding("CA6301", cause, [Evidence(file.path, file.error)], remedy)
        return
    merged = merge_service_config(ServiceConfig(), file.content)
    if merged.reason:
        cause = (
            f"the product ignores {file.path} as a whole ({merged.reason}) and uses its defaults, http://127.0.0.2:9696"
        )
        remedy = Remedy(person=_HUB) if merged.hub_identity else Remedy()
        yield finding("CA6301", cause, [Evidence(file.path, merged.reason)], remedy)


def _blank_config(case: Case) -> Iterator[Finding]:
    content = content_of(case.facts, _CONFIG)
    if read(content).condition is Condition.BLANK:
        path = case.path(_CONFIG)
        size = f"{len(content or b'')} bytes, none of them but blanks"
        cause = f"{path} is empty: the product uses its defaults, http://127.0.0.2:9696, and never writes the file anew"
        yield finding("CA6302", cause, [Evidence(path, size)])


def _malformed_servers(case: Case) -> Iterator[Finding]:
    reason = merge_servers((), content_of(case.facts, FileName.SERVERS), case.facts.host.name).reason
    if reason:
        path = case.path(FileName.SERVERS)
        cause = f"the desktop application ignores {path} ({reason}) and goes by serviceconfig.json"
        yield finding("CA6303", cause, [Evidence(path, reason)])


def _fault_message(case: Case) -> Iterator[Finding]:
    message = " ".join(str(case.config["ServiceFaultMsg"] or "").split())
    if message:
        cause = "the desktop application shows the ServiceFaultMsg of serviceconfig.json whenever it cannot connect"
        yield finding("CA6304", cause, [_said(case, "ServiceFaultMsg", message)])


def _ignored_values(case: Case) -> Iterator[Finding]:
    values = _values(case)
    found = [
        (_said(case, name, text), why)
        for name, known, why in (
            ("LogLevel", _LEVELS, "is no level that the product knows, it logs as with information"),
            ("AuthenticationModes", frozenset({"", "windows"}), "has no effect, nothing in the product reads it"),
            ("Transport", _TRANSPORTS, "is no transport that the product knows, it uses http"),
        )
        if (text := _text(values, name)).strip().casefold() not in known
    ]
    document = read(content_of(case.facts, _CONFIG)).value
    if values and isinstance(document, JsonObject):
        shadowed = Members(document, config_property).shadowed
        found += [(Evidence(case.path(_CONFIG), one), "is given twice, the last one counts") for one in shadowed]
    if found:
        cause = "; ".join(f"{evidence.text} {why}" for evidence, why in found)
        yield finding("CA6305", cause, [evidence for evidence, _ in found])


def _execution_policy(case: Case) -> Iterator[Finding]:
    policy = _text(_values(case), "PowershellExecutionPolicy")
    if policy.casefold() not in _POLICIES:
        cause = f"PowerShell knows no execution policy {policy[:_SHOWN]!r}: scripts of certificates fail"
        yield finding("CA6306", cause, [_said(case, "PowershellExecutionPolicy", policy)])


def _malformed_core_settings(case: Case) -> Iterator[Finding]:
    if case.generation != "v7":
        return
    try:
        core_settings(content_of(case.facts, FileName.APPSETTINGS_CORE))
    except ValueError as error:
        path = case.path(FileName.APPSETTINGS_CORE)
        cause = f"version 7 cannot read {path} ({error}) and ends before the first line of its log"
        yield finding("CA6307", cause, [Evidence(path, str(error))])


def _malformed_settings(case: Case) -> Iterator[Finding]:
    settings = case.examination.settings
    if settings is None or settings.content is None:
        return
    document = read(settings.content)
    if isinstance(document.value, JsonObject):
        return
    blank = document.condition is Condition.BLANK
    reason = "it is empty" if blank else document.reason or "the root of the file is not an object"
    until = "with the next look at it" if blank and case.running else "with the next start of the service"
    cause = f"the product cannot read {settings.path} ({reason}) and replaces it with defaults and a new id {until}"
    yield finding("CA6308", cause, [Evidence(settings.path, reason)])


def _data_root_variables(case: Case) -> Iterator[Finding]:
    """The service sees its own variable before the computer's; everything else sees the computer's."""
    found = []
    for name in _ROOT_VARIABLES:
        scopes = {v.scope: v.value for v in case.facts.product.environment if v.name.upper() == name}
        own = scopes.get("service")
        if own is not None and _means(name, own) != _means(name, scopes.get("machine", "")):
            found.append(Evidence(f"{name} (service)", own))
            found.append(Evidence(f"{name} (machine)", scopes.get("machine", "not set")))
    if found:
        cause = (
            f"the service alone sees {found[0].source}: its data are in {case.facts.product.data_dir}, while the "
            "desktop application and the command line look elsewhere"
        )
        yield finding("CA6309", cause, found)


def _means(name: str, value: str) -> str:
    """What the product makes of the variable: of the switch it knows `true` only."""
    return str(value.casefold() == "true") if name == _PER_INSTANCE else value.rstrip("\\").casefold()


def _values(case: Case) -> Values:
    content = content_of(case.facts, _CONFIG)
    return (config_values(content) if content is not None else None) or {}


def _text(values: Values, name: str) -> str:
    found = values.get(name.casefold())
    return str(found.plain) if found is not None and found.plain is not None else ""


def _said(case: Case, name: str, text: str) -> Evidence:
    return Evidence(case.path(_CONFIG), f"{name}: {text[:_SHOWN]!r}", case.line(_CONFIG, name))


CONFIGURATION: tuple[Rule, ...] = (
    _malformed_config,
    _blank_config,
    _malformed_servers,
    _fault_message,
    _ignored_values,
    _execution_policy,
    _malformed_core_settings,
    _malformed_settings,
    _data_root_variables,
)
