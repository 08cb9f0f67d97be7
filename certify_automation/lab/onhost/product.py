"""The product's installation: its services, generation, folders, and the variables it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from certify_automation.lab.onhost.service import recovery_facts, service_facts
from certify_automation.lab.onhost.visit import Json
from certify_automation.lab.windows import PROGRAM_DATA, Computer
from certify_automation.lab.windows.files import join, split

_SERVICES = ("certify.service", "certify.server.core", "certify management agent")
_PROGRAMS = {"certify.service.exe": "v6", "certify.server.core.exe": "v7"}
_VARIABLES = (
    "CERTIFY_ENABLE_PER_INSTANCE_SETTINGS",
    "CERTIFY_APPDATA_PATH",
    "CERTIFY_APP_DATA",
    "CERTIFY_SERVICE_TRANSPORT",
    "CERTIFY_SERVICE_PIPE_NAME",
    "CERTIFY_SERVICE_AUTH_MODE",
    "ASPNETCORE_URLS",
)
_ENDPOINT = re.compile(r"Kestrel__Endpoints__.+__Url", re.IGNORECASE)
_PROGRAM = re.compile(r'^\s*(?:"([^"]+)"|(.+?\.exe)(?=\s|$))', re.IGNORECASE)


def product_facts(computer: Computer) -> Json:
    """The `product` of Facts; places are known only when there is exactly one service whose program is known."""
    services = [
        service_facts(one) | recovery_facts(one)
        for one in sorted(computer.services.services(), key=lambda one: one.name)
        if _is_product(one.name, one.path_name)
    ]
    facts: Json = dict.fromkeys(("services", "generation", "version", "executable", "install_dir", "data_dir"))
    facts["services"] = services
    facts["environment"] = _environment(computer, services)
    if len(services) != 1:
        return facts
    match = _PROGRAM.match(services[0]["path_name"] or "")
    if match is None:
        return facts
    executable = match[1] or match[2]
    facts["executable"] = executable
    folder, image = split(executable)
    generation = _PROGRAMS.get(image.lower())
    if generation is not None:
        facts["generation"] = generation
        facts["version"] = computer.file_versions.get(executable.casefold())
        facts["install_dir"] = folder
        facts["data_dir"] = _data_folder(computer, generation, facts["environment"])
    return facts


def _is_product(name: str, path_name: str) -> bool:
    return name.lower() in _SERVICES or any(program in path_name.lower() for program in _PROGRAMS)


def _environment(computer: Computer, services: list[Json]) -> list[Json]:
    found = _known("machine", computer.environment)
    for service in services:
        found += _known("service", computer.service_environment.get(service["name"], {}))
    return found


def _known(scope: str, variables: Mapping[str, str]) -> list[Json]:
    return [
        {"scope": scope, "name": name, "value": variables[name]}
        for name in sorted(variables)
        if name.upper() in _VARIABLES or _ENDPOINT.fullmatch(name)
    ]


def _data_folder(computer: Computer, generation: str, environment: list[dict[str, Any]]) -> str:
    values = {variable["name"].upper(): variable["value"] for variable in environment}
    if generation == "v7" and values.get("CERTIFY_APPDATA_PATH"):
        return str(values["CERTIFY_APPDATA_PATH"])
    folder = join(PROGRAM_DATA, "certify")
    if values.get("CERTIFY_ENABLE_PER_INSTANCE_SETTINGS", "").lower() != "true":
        return folder
    return join(folder, computer.name.lower())
