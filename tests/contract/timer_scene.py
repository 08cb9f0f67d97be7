"""A computer that is visited by engines, and whose scheduled tasks run in engines too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from certify_automation import onhost
from certify_automation.lab.windows import power
from certify_automation.lab.windows.tasks import Task
from contract.comparing import check_schema
from contract.engine import Engine, Killed, Visit
from contract.hosts import AUTOMATION, Host, make_host, make_plan
from contract.task_process import TaskProcesses

SECONDS = 20
WINRM_SHUT_OUT = {"kind": "ip_listen.add", "address": "127.0.0.2"}
HEALTH = {"url": "http://127.0.0.2:9696", "generation": "v6", "service": "Certify.Service", "wait_seconds": 30}
CASE = {"name": "a first entry", "product": {"generation": "v6"}, "changes": [WINRM_SHUT_OUT], "health": HEALTH}


class Scene:
    """A computer that is visited, and whose tasks run."""

    def __init__(self, engine: Engine, root: Path, case: dict[str, Any]) -> None:
        self.engine = engine
        self.host: Host = make_host(case, root)
        self.processes = TaskProcesses(engine, self.host)
        self.before = self.configuration()
        self.plan = self.plan_of(case)

    def __enter__(self) -> Self:
        self.processes.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.processes.__exit__()

    def plan_of(self, case: dict[str, Any]) -> dict[str, Any]:
        origin = {"by": "ops@admin01", "commit": None, "rolls_back": None}
        return {"origin": origin, **make_plan(case, self.host), "confirm_seconds": case.get("confirm_seconds", SECONDS)}

    @property
    def run_id(self) -> str:
        return str(self.plan["run_id"])

    @property
    def folder(self) -> str:
        return f"{AUTOMATION}\\runs\\{self.run_id}"

    def configuration(self) -> dict[str, Any]:
        """What the changes of these tests change."""
        dump = self.host.computer.dump()
        return {name: dump[name] for name in ("listen_live", "listen_registry", "reservations")}

    def reply(
        self,
        name: onhost.Name,
        parameters: dict[str, Any],
        before: Callable[[str, Any], None] = lambda _command, _arguments: None,
    ) -> dict[str, Any]:
        """The reply to a visit; `before` is told of every command."""
        commands = self.host.commands()
        commands.before = before
        return self.engine.visit(Visit(name, parameters, commands, 90))

    def visit(self, parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
        reply = self.reply(onhost.acting_script(parameters).name, parameters, **options)
        assert reply["ok"], reply
        check_schema("outcome", reply["value"])
        return dict(reply["value"])

    def apply(self, **changed: Any) -> dict[str, Any]:
        return self.visit({"verb": "apply", "plan": {**self.plan, **changed}})

    def verb(self, verb: str, run_id: str | None = None, **options: Any) -> dict[str, Any]:
        parameters = {"verb": verb, "run_id": run_id or self.run_id, "observe": self.plan["observe"]}
        return self.visit(parameters, **options)

    def observe(self) -> dict[str, Any]:
        value = self.reply("Observe", {**self.plan["observe"], "run": self.run_id})["value"]
        check_schema("facts", value)
        return dict(value)

    def killed(self, command: str, matching: str = "") -> None:
        """Apply, by a process that ends before the first command that matches."""

        def before(asked: str, arguments: Any) -> None:
            if asked == command and matching in str(arguments):
                raise Killed

        commands = self.host.commands()
        commands.before = before
        visit = Visit("Guard", {"verb": "apply", "plan": self.plan}, commands, 90)
        assert self.engine.bootstrap(visit.request(), commands).stdout == ""

    def pass_time(self, seconds: float) -> None:
        self.host.computer.pass_time(seconds)

    def restart(self) -> None:
        power.lose_power(self.host.computer)
        self.host.computer.clock.advance(300)
        power.boot(self.host.computer)

    def tasks(self) -> tuple[str, ...]:
        return self.host.computer.tasks.names()

    def task(self) -> Task:
        return self.host.computer.tasks.get(f"certify-automation-{self.run_id}")

    def runs(self) -> bool:
        """Whether a timer's process runs."""
        return bool(self.host.computer.tasks.instances)

    def recorded(self) -> dict[str, Any]:
        """What the run has ended with."""
        return dict(json.loads(self.host.computer.files.read(f"{self.folder}\\outcome.json")))

    def check_undone(self, code: str) -> None:
        """All is as before, the run has ended, and nothing of the timer is left."""
        assert self.configuration() == self.before
        assert self.tasks() == ()
        assert not self.runs()
        outcome = self.recorded()
        assert (outcome["result"], outcome["failure"]["code"]) == ("rolled_back", code)
        assert [step["status"] for step in outcome["steps"]] == ["undone"] * len(self.plan["changes"])
        self.check_quiet()

    def check_quiet(self) -> None:
        assert self.processes.written == []
