"""The tasks that the lab registers are those that the scripts do."""

from __future__ import annotations

import re
from importlib import resources

from certify_automation.lab.onhost.task import api_xml, timer_xml

RUN = "7e" * 16


def source(name: str) -> str:
    return resources.files("certify_automation.onhost").joinpath(name).read_text("ascii")


def registered(script: str, **known: str) -> str:
    """What a script registers: the parts it names, put into the XML that all tasks have in common."""
    (found,) = re.findall(r"@'\n(.*?)\n'@", source("Task.ps1"), re.DOTALL)
    named = re.search(r"Start-TaskProcess.*?-Parts @\{(.*?)\n    \}\n", source(script), re.DOTALL)
    assert named is not None
    quoted = r"@'\n(.*?)\n'@|'((?:[^'\n]|'')*)'(?=[;\n])|\"([^\n]*?)\"(?=[;\n])"
    text = rf"\b(file|first|limit|parameters|triggers) = (?:{quoted})"
    parts = {
        match[1]: match[2] or (match[3] or "").replace("''", "'") or match[4] or ""
        for match in re.finditer(text, f"{named[1]}\n", re.DOTALL)
    }
    assert set(parts) == {"file", "first", "limit", "parameters", "triggers"}
    xml = str(found)
    for name, value in {**parts, **known}.items():
        xml = xml.replace(f"{{{name}}}", value)
    return xml.replace("\n", " ")


def test_the_task_is_the_one_that_the_script_registers() -> None:
    assert timer_xml(RUN, "a" * 64) == registered("Timer.ps1", digest="a" * 64).replace("{id}", RUN)


def test_the_task_that_asks_the_api_is_the_one_that_the_script_registers() -> None:
    xml = registered("SystemTask.ps1", digest="a" * 64, limit="PT17M")
    assert api_xml(RUN, "a" * 64, 17) == xml.replace("{id}", f"api-{RUN}").replace("$id", RUN)
