"""The lab's answer to the contract, carried out at once on clocks that are turned."""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource

from certify_automation import bundled, onhost
from certify_automation.lab.hosts import BuiltHost, HostSpec, build
from certify_automation.lab.onhost import PowerLost, Visit, VisitFaults, answer, bootstrap
from certify_automation.lab.onhost.json_text import ascii_json
from certify_automation.lab.state_faults import STATE_FAULTS
from certify_automation.lab.windows import StillClock, security
from certify_automation.lab.windows.power import boot, start_delayed

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
OBSERVE = {
    "endpoint": {"host": "127.0.0.2", "port": 9696, "https": False},
    "ports": [80, 9696, 9698, 9797],
    "run": None,
}
CONFIG = b'{"Host": "127.0.0.2", "Port": 9797}'
AUTOMATION = "C:\\ProgramData\\certify-automation"
RUN_IDS = itertools.count(1)


def make(generation: str = "v6") -> BuiltHost:
    return build(HostSpec("web01.example.com", generation), 0, StillClock(NOW))


def observe(host: BuiltHost, **choices: Any) -> dict[str, Any]:
    return answer(Visit(host.computer, **choices), "Observe", copy.deepcopy(OBSERVE))


def apply(host: BuiltHost, plan: dict[str, Any], *, deadline: int = 300, **choices: Any) -> dict[str, Any]:
    asked = {"verb": "apply", "plan": plan}
    name = onhost.acting_script(asked).name
    reply = answer(Visit(host.computer, **choices), name, asked, deadline_seconds=deadline)
    return reply["value"]


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    def retrieve(uri: str) -> Resource[Any]:
        return Resource.from_contents(json.loads(bundled.text("schemas", uri.rpartition("/")[2])))

    document = json.loads(bundled.text("schemas", f"{name}.schema.json"))
    return jsonschema.Draft202012Validator(document, registry=Registry(retrieve=retrieve))


def write_config(host: BuiltHost, content: bytes = CONFIG, file: str = "serviceconfig") -> dict[str, Any]:
    found = observe(host)["value"]["files"][file]
    return {
        "kind": "file.write",
        "file": file,
        "path": found["path"],
        "before_sha256": found["sha256"],
        "after_sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }


def plan_for(host: BuiltHost, changes: list[dict[str, Any]], port: int | None = None) -> dict[str, Any]:
    assert host.product is not None
    service = host.product.service_name
    health = {
        "url": f"http://127.0.0.2:{port}", "generation": host.spec.generation, "service": service, "wait_seconds": 90,
    }  # fmt: skip
    return {
        "run_id": f"{next(RUN_IDS):032x}",
        "plan_id": "0" * 64,
        "expects": observe(host)["value"]["managed"],
        "changes": changes,
        "health": health if port else None,
        "port_check": {"host": "127.0.0.2", "port": port, "service": service} if port else None,
        "confirm_seconds": None,
        "origin": {"by": "alice@ctl01", "commit": None, "rolls_back": None},
        "observe": copy.deepcopy(OBSERVE),
    }


def state(host: BuiltHost) -> dict[str, Any]:
    """The state without what every visit may leave: the protected folder, logs, and what a restart renews."""
    dump = host.computer.dump()
    dump["files"] = {
        path: content
        for path, content in dump["files"].items()
        if not path.startswith(AUTOMATION) and "\\logs" not in path and ".db" not in path
    }
    for service in dump["services"]:
        service["process_id"] = bool(service["process_id"])
    for name in ("processes", "registrations", "listeners", "file_security", "events"):
        del dump[name]
    return dump


@pytest.mark.parametrize("generation", ["v6", "v7"])
@pytest.mark.parametrize("fault", [None, *STATE_FAULTS])
def test_observe_follows_the_schema_and_changes_nothing(fault: str | None, generation: str) -> None:
    host = make(generation)
    options = {"url": "http://127.0.0.2:9696/", "culture": "tr-TR"}
    if fault is not None:
        host = STATE_FAULTS[fault](host, 0, options)
    before = host.computer.dump()
    reply = observe(host, administrator=host.administrator)
    assert host.computer.dump() == before
    if reply["ok"]:
        validator("facts").validate(reply["value"])
    else:
        assert reply["error"]["code"] in ("not_administrator", "unsupported_windows")


class TestApply:
    @pytest.mark.parametrize(("generation", "status"), [("v6", 401), ("v7", 200)])
    def test_a_moved_port(self, generation: str, status: int) -> None:
        host = make(generation)
        assert host.product is not None
        if generation == "v7":
            host.computer.files.delete(f"{host.product.install_folder}\\appsettings-core.json")
        changes = [write_config(host), {"kind": "service.restart", "service": host.product.service_name}]
        plan = plan_for(host, changes, 9797)
        validator("plan").validate(plan)
        outcome = apply(host, plan)
        validator("outcome").validate(outcome)
        assert (outcome["result"], outcome["health"]["status"]) == ("applied", status)
        assert outcome["health"]["effective"] == ["http://127.0.0.2:9797"]
        assert outcome["facts"]["lock"] == {"held": False, "holder": None}

    def test_the_same_run_acts_once(self) -> None:
        host = make()
        plan = plan_for(host, [write_config(host)])
        first = apply(host, plan)
        before = host.computer.dump()
        again = apply(host, plan)
        assert host.computer.dump() == before
        assert again["repeated"]
        assert again["steps"] == first["steps"]

    def test_stale(self) -> None:
        host = make()
        plan = plan_for(host, [write_config(host)])
        host.computer.http.add_listen("0.0.0.0")  # noqa: S104 - a simulated list
        before = state(host)
        outcome = apply(host, plan)
        assert outcome["refusal"]["code"] == "stale"
        assert outcome["refusal"]["moved"] == ["ip_listen"]
        assert state(host) == before

    def test_locked(self) -> None:
        host = STATE_FAULTS["lock_held"](make(), 0, {})
        before = state(host)
        outcome = apply(host, plan_for(host, [write_config(host)]))
        assert outcome["refusal"]["code"] == "locked"
        assert outcome["facts"]["lock"]["holder"].endswith("WEB01\\somebody")
        assert state(host) == before

    def test_the_port_belongs_to_somebody_else(self) -> None:
        host = STATE_FAULTS["port_taken"](make(), 0, {"port": 9797})
        outcome = apply(host, plan_for(host, [write_config(host)], 9797))
        assert outcome["refusal"]["code"] == "port_owned"
        assert "contoso-monitor.exe" in outcome["refusal"]["message"]
        assert [step["status"] for step in outcome["steps"]] == ["not_run"]

    def test_a_foreign_folder_is_refused(self) -> None:
        host = make()
        host.computer.files.make_folder(AUTOMATION)
        host.computer.files.set_security(AUTOMATION, "O:BUG:BUD:(A;;FA;;;BU)")
        assert apply(host, plan_for(host, []))["refusal"]["code"] == "lock_folder"

    def test_a_pinned_endpoint_is_rolled_back(self) -> None:
        host = make("v7")
        before = state(host)
        changes = [write_config(host), {"kind": "service.restart", "service": "Certify.Server.Core"}]
        outcome = apply(host, plan_for(host, changes, 9797))
        assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "endpoint_differs")
        assert state(host) == before

    def test_a_service_stuck_in_stop_pending(self) -> None:
        host = STATE_FAULTS["stuck_stopping"](make(), 0, {})
        changes = [write_config(host), {"kind": "service.restart", "service": "Certify.Service"}]
        outcome = apply(host, plan_for(host, changes, 9797))
        assert outcome["failure"]["code"] == "service_pending"
        assert outcome["steps"][0]["status"] == "undone"
        assert outcome["result"] == "rollback_failed"

    def test_a_full_disk_during_the_write(self) -> None:
        host = make()
        before = state(host)
        outcome = apply(host, plan_for(host, [write_config(host)]), faults=VisitFaults(disk_full_at=0))
        assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", "file_write")
        assert state(host) == before

    def test_somebody_edits_the_file_meanwhile(self) -> None:
        host = make()
        outcome = apply(host, plan_for(host, [write_config(host)]), faults=VisitFaults(file_edited_at=0))
        assert outcome["failure"]["code"] == "file_changed"

    def test_the_deadline_passes(self) -> None:
        host = STATE_FAULTS["service_slow"](make(), 0, {"seconds": 50})
        changes = [write_config(host), {"kind": "service.restart", "service": "Certify.Service"}]
        outcome = apply(host, plan_for(host, changes, 9797), deadline=20)
        assert outcome["failure"]["code"] == "deadline"
        assert outcome["steps"][0]["status"] == "undone"

    @pytest.mark.parametrize("index", [0, 1, 2])
    def test_power_is_lost_between_two_changes(self, index: int) -> None:
        host = make()
        computer = host.computer
        listen = {"kind": "ip_listen.add", "address": "192.0.2.10"}
        changes = [listen, write_config(host), {"kind": "service.restart", "service": "Certify.Service"}]
        computer.http.add_listen("10.20.0.1")
        plan = plan_for(host, changes, 9797)
        before = computer.files.read(changes[1]["path"])
        with pytest.raises(PowerLost):
            apply(host, plan, faults=VisitFaults(power_lost_before=index))
        assert ("192.0.2.10" in computer.http.live) == (index > 0)
        assert (computer.files.read(changes[1]["path"]) == CONFIG) == (index > 1)
        boot(computer)
        start_delayed(computer)
        computer.clock.advance(60)
        assert observe(host)["value"]["lock"]["held"] is False
        again = apply(host, plan)
        assert (again["repeated"], again["result"]) == (True, "rolled_back")
        assert [one["failure"]["code"] for one in again["recovered"]] == ["interrupted"]
        assert "192.0.2.10" not in computer.http.live
        assert computer.files.read(changes[1]["path"]) == before


def listen_changes() -> st.SearchStrategy[dict[str, Any]]:
    addresses = st.sampled_from(["127.0.0.1", "127.0.0.2", "10.20.0.1", "::1", "127.0.0.7"])
    kinds = st.sampled_from(["ip_listen.add", "ip_listen.remove"])
    return st.builds(lambda kind, address: {"kind": kind, "address": address}, kinds, addresses)


def start_mode_changes() -> st.SearchStrategy[dict[str, Any]]:
    modes = st.sampled_from(["automatic", "automatic-delayed", "manual", "disabled"])
    names = st.sampled_from(["Certify.Service", None])

    def make_change(name: str | None, mode: str) -> dict[str, Any]:
        if name is None:
            after = "manual" if mode.startswith("auto") else mode
            return {"kind": "driver.start_mode", "before": "manual", "after": after}
        return {"kind": "service.start_mode", "service": name, "before": "automatic-delayed", "after": mode}

    return st.builds(make_change, names, modes)


def url_changes() -> st.SearchStrategy[dict[str, Any]]:
    fresh = {"kind": "url_reservation.add", "url": "http://127.0.0.2:9797/", "sddl": "D:(A;;GX;;;SY)"}
    other = "http://127.0.0.2:9700/"
    removed = {"kind": "url_reservation.remove", "url": other, "sddl": "D:(A;;GX;;;NS)"}
    replaced = {
        "kind": "url_reservation.replace", "url": other, "before": "D:(A;;GX;;;NS)", "after": "D:(A;;GA;;;LS)",
    }  # fmt: skip
    return st.sampled_from([fresh, removed, replaced])


def subject(change: dict[str, Any]) -> str:
    return str(change.get("address") or change.get("url") or change["kind"])


CHANGES = st.lists(st.one_of(listen_changes(), start_mode_changes(), url_changes()), max_size=5, unique_by=subject)
LISTS = st.lists(st.sampled_from(["10.20.0.1", "127.0.0.1", "::1"]), unique=True)


def fitting(host: BuiltHost, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A plan adds only what is not there and removes only what is."""
    present = set(host.computer.http.live)
    return [c for c in changes if "address" not in c or (c["address"] in present) == (c["kind"] == "ip_listen.remove")]


def prepared(entries: list[str]) -> BuiltHost:
    host = make()
    for entry in entries:
        host.computer.http.add_listen(entry)
    host.computer.http.reserve("http://127.0.0.2:9700/", security.to_bytes("D:(A;;GX;;;NS)"))
    return host


FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(changes=CHANGES, entries=LISTS)
def test_a_refused_plan_changes_nothing(changes: list[dict[str, Any]], entries: list[str]) -> None:
    host = prepared(entries)
    plan = plan_for(host, [*fitting(host, changes), write_config(host)])
    plan["expects"] = [*plan["expects"], {"name": "service.name", "value": "another"}]
    before = state(host)
    assert apply(host, plan)["refusal"]["code"] == "stale"
    assert state(host) == before


@FEW
@given(changes=CHANGES, entries=LISTS)
def test_an_undo_restores_every_reversible_state(changes: list[dict[str, Any]], entries: list[str]) -> None:
    """The last change fails, because its content is not what its digest says."""
    host = prepared(entries)
    broken = {**write_config(host, file="servers"), "content": base64.b64encode(b"{}").decode()}
    plan = plan_for(host, [*fitting(host, changes), write_config(host, b"{}"), broken])
    before = state(host)
    outcome = apply(host, plan)
    assert outcome["failure"]["code"] == "file_write"
    assert outcome["result"] == "rolled_back"
    after = state(host)
    # An entry of the listen list that was deleted comes back, but at the end: order means nothing to http.sys.
    for dump in (before, after):
        dump["listen_live"] = sorted(dump["listen_live"])
        dump["listen_registry"] = sorted(dump["listen_registry"] or [])
    assert after == before


class TestBootstrap:
    def reply(self, host: BuiltHost, stdin: str, nonce: str = "a" * 32, **choices: Any) -> dict[str, Any]:
        steps = bootstrap(Visit(host.computer, **choices), stdin)
        try:
            while True:
                host.computer.clock.advance(next(steps))
        except StopIteration as done:
            return dict(onhost.read_reply(done.value, nonce))

    def request(self, **changed: Any) -> str:
        line = onhost.request(onhost.script("Observe"), OBSERVE, nonce="a" * 32, deadline_seconds=60).decode()
        return json.dumps({**json.loads(line), **changed})

    def test_a_visit(self) -> None:
        assert self.reply(make(), self.request())["ok"] is True

    @pytest.mark.parametrize("stdin", ["", "no json", "[]", '{"contract": 2}', '{"nonce": 1}'])
    def test_a_request_that_is_none(self, stdin: str) -> None:
        assert self.reply(make(), stdin)["error"]["code"] == "bad_request"

    def test_a_text_that_is_not_the_one_announced(self) -> None:
        script = {"name": "Observe", "sha256": "0" * 64, "text": "exit"}
        assert self.reply(make(), self.request(script=script))["error"]["code"] == "script_digest"

    def test_a_script_of_another_version(self) -> None:
        script = {"name": "Observe", "sha256": hashlib.sha256(b"exit").hexdigest(), "text": "exit"}
        error = self.reply(make(), self.request(script=script))["error"]
        assert error["code"] == "script_failed"
        assert "this version" in error["message"]

    def test_constrained_language(self) -> None:
        host = STATE_FAULTS["constrained_language"](make(), 0, {})
        assert self.reply(host, self.request())["error"]["code"] == "constrained_language"

    def test_not_an_administrator(self) -> None:
        error = self.reply(make(), self.request(), administrator=False)["error"]
        assert (error["code"], error["message"]) == ("not_administrator", "WEB01\\lab")

    def test_parameters_that_make_no_sense_fail_the_script(self) -> None:
        assert self.reply(make(), self.request(parameters={}))["error"]["code"] == "script_failed"

    def test_a_killed_visit_gives_its_lock_back_but_leaves_its_text(self) -> None:
        host = make()
        line = onhost.request(
            onhost.script("Apply"),
            {"verb": "apply", "plan": plan_for(host, [write_config(host)])},
            nonce="b" * 32,
            deadline_seconds=60,
        )
        steps = bootstrap(Visit(host.computer), line.decode())
        next(steps)
        assert observe(host)["value"]["lock"]["held"] is True
        steps.close()
        assert observe(host)["value"]["lock"]["held"] is False
        assert host.computer.files.exists(f"{AUTOMATION}\\lock-holder")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip  # noqa: E501
def test_the_json_of_replies_is_ascii_and_means_the_same(value: Any) -> None:
    written = ascii_json(value)
    assert written.isascii()
    assert "\n" not in written
    assert json.loads(written) == value
