from __future__ import annotations

import io

from certify_automation.cli.excerpt import Excerpt

PLAN = """\
web01  to change
  + port  9696
\x1b[1mweb02\x1b[0m\x1b[33m  to change\x1b[0m
  + port  9697
web03  to change
    restart Certify.Service
web04  ok
4 hosts: 3 to change, 1 ok
"""


def test_hosts_are_left_out_with_their_details() -> None:
    stream = io.StringIO()
    excerpt = Excerpt(stream, {"web02", "web03"})
    for piece in (PLAN[:50], PLAN[50:80], PLAN[80:]):
        assert excerpt.write(piece) == len(piece)
    excerpt.flush()
    assert stream.getvalue() == ("web01  to change\n  + port  9696\n...\nweb04  ok\n4 hosts: 3 to change, 1 ok\n")


def test_nothing_is_left_out_where_no_host_is_named() -> None:
    stream = io.StringIO()
    Excerpt(stream, ()).write(PLAN)
    assert (stream.getvalue(), Excerpt(stream, ()).isatty()) == (PLAN, False)
