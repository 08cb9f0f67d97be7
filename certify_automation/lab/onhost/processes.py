"""What the processes of this package's scheduled tasks do on a simulated computer."""

from __future__ import annotations

from certify_automation.lab.certify import Caller
from certify_automation.lab.onhost import system_task, timer
from certify_automation.lab.onhost.visit import Visit
from certify_automation.lab.windows import Computer
from certify_automation.lab.windows.tasks import Instance, Runner, Steps


def runner_of(computer: Computer) -> Runner:
    """A task that asks the API answers its call; every other one is taken for a dead-man timer's."""
    timers = timer.runner_of(computer)

    def run(instance: Instance) -> Steps | None:
        visit = Visit(computer, Caller.ADMINISTRATOR, user=f"{computer.name}$", process=instance.holder)
        steps = system_task.serve(visit, instance.task.definition.arguments)
        return timers(instance) if steps is None else steps

    return run
