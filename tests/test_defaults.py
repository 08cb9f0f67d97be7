"""What is meant where nothing is written: the same in the schemas, in the pages, and in the program."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from certify_automation.cli.visits import RunFlags
from certify_automation.desired import Settings, durations, reference
from certify_automation.fleet.pool import FleetOptions
from certify_automation.model.host import HostState
from certify_automation.model.renewal import RenewalPolicy
from certify_automation.plan import PlanOptions

PAGES = Path(__file__).parent.parent / "docs"


def settings_schema(name: str) -> Any:
    return reference.schema("settings")["properties"][name]["default"]


def command_default(flag: str) -> str:
    """The default of a flag as docs/commands.md has it."""
    (row,) = re.findall(rf"^\| .*`{flag} .*$", (PAGES / "commands.md").read_text("utf-8"), re.MULTILINE)
    (value,) = re.findall(r"default ([^,;.]+?)(?:,| or|;|\.)", row)
    return str(value)


def test_how_a_run_goes_over_its_hosts() -> None:
    usual = RunFlags.of({"forks": None, "max_failures": None, "deadline": None}, Settings())
    assert str(usual.forks) == str(FleetOptions().forks) == str(settings_schema("forks")) == command_default("--forks")
    assert (usual.budget.limit, usual.budget.percent) == (settings_schema("max_failures"), False)
    assert str(usual.budget.limit) == command_default("--max-failures")


def test_how_long_a_host_waits_for_its_confirmation() -> None:
    seconds = inspect.signature(PlanOptions).parameters["confirm_seconds"].default
    assert settings_schema("confirm_within") == f"{seconds}s"
    assert command_default("--confirm-within") == f"{seconds} s"


def test_when_certificates_are_renewed() -> None:
    policy, usual = RenewalPolicy(), reference.schema("desired-state")["$defs"]["renewals"]["properties"]
    assert policy.retry_failed is usual["retry_failed"]["default"]
    assert policy.retry_after_seconds == durations.seconds(usual["retry_after"]["default"])
    assert policy.jitter_seconds == durations.seconds(usual["jitter"]["default"])
    rows = _rows("desired-state.md", "renewals")
    assert rows["retry_after"] == usual["retry_after"]["default"]
    assert rows["retry_failed"] == str(usual["retry_failed"]["default"]).lower()
    assert rows["jitter"] == usual["jitter"]["default"]


def test_what_a_new_installation_prefers() -> None:
    usual, rows = (
        reference.schema("desired-state")["$defs"]["preferences"]["properties"],
        _rows("desired-state.md", "preferences"),
    )
    declared = reference.product_names("preferences").keys() - reference.written_by_product("preferences").keys()
    assert rows.keys() == declared
    for name, shown in rows.items():
        default = usual[name].get("default", "none")
        assert shown == (str(default).lower() if isinstance(default, bool) else str(default)), name


def _rows(page: str, section: str) -> dict[str, str]:
    """The fields of a section's table -> what its last column says, of fields that share a row each its own."""
    text = (PAGES / page).read_text("utf-8").partition(f"### {section.capitalize()}\n")[2].partition("\n### ")[0]
    found = {}
    for row in re.findall(r"^\| (`.+) \|$", text, re.MULTILINE):
        names, *_, last = row.split(" | ")
        fields = re.findall(r"`([a-z_0-9]+)`", names)
        values = last.replace("`", "").strip(" |").split(", ")
        found |= dict(zip(fields, values * len(fields) if len(values) == 1 else values, strict=False))
    return found


def test_what_happens_to_an_endpoint_that_kestrel_pins() -> None:
    service = reference.schema("desired-state")["properties"]["service"]["properties"]
    assert HostState().kestrel_endpoint == service["kestrel_endpoint"]["default"]
    page = (PAGES / "desired-state.md").read_text("utf-8")
    assert re.search(rf"kestrel_endpoint.*`{HostState().kestrel_endpoint}` \(default\)", page)
