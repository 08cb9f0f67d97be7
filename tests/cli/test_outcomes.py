from __future__ import annotations

from planning.test_renewing import REQUEST, RUN

from certify_automation.cli.outcomes import line_text
from certify_automation.model.host_report import HostReport
from certify_automation.model.plan import Plan
from certify_automation.model.renewal import Held, Hold
from certify_automation.report import host_lines


def test_names_that_a_host_gives_move_no_cursor() -> None:
    held = Held("id", "bücher\x1b[31m\x07\u202e", Hold.PAUSED, "it waits\nfor somebody")
    lines = host_lines(HostReport.of_plan(Plan("web01", RUN, REQUEST, held=(held,))))
    shown = [line_text(line).plain for line in lines]
    assert shown[-1] == r"  waits bücher\x1b[31m\x07\u202e: it waits\nfor somebody"
