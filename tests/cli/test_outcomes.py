from __future__ import annotations

import io

from planning.test_renewing import REQUEST, RUN
from rich.console import Console as RichConsole

from certify_automation.cli.console import Console
from certify_automation.cli.outcomes import line_text, show_plan
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Plan
from certify_automation.model.renewal import Held, Hold
from certify_automation.report import host_lines


def test_names_that_a_host_gives_move_no_cursor() -> None:
    held = Held("id", "bücher\x1b[31m\x07\u202e", Hold.PAUSED, "it waits\nfor somebody")
    lines = host_lines(HostReport.of_plan(Plan("web01", RUN, REQUEST, held=(held,))))
    shown = [line_text(line).plain for line in lines]
    assert shown[-1] == r"  waits bücher\x1b[31m\x07\u202e: it waits\nfor somebody"


def test_nothing_to_change_is_not_all_there_is_to_say_while_certificates_wait() -> None:
    text = io.StringIO()
    out = RichConsole(file=text, width=200, markup=False, highlight=False)
    held = tuple(Held(one, one, hold, "it waits") for one, hold in [("a", Hold.MAX_PER_RUN), ("b", Hold.PAUSED)])
    show_plan(
        Console(out, out, as_json=False, verbosity=0), [HostReport.of_plan(Plan("web01", RUN, REQUEST, held=held))]
    )
    last = text.getvalue().splitlines()[-1]
    assert last == "no changes to make now; certificates: 2 waiting (1 max per run, 1 paused)"
