"""Which line of a file a value stands in, and which connection the user interface opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify_automation.config_merge import default_connection, value_lines
from certify_automation.model.host import Endpoint


def test_lines_of_values() -> None:
    content = (
        b'\xef\xbb\xbf{\r\n  // "Port": 1\r\n  "port": 9696,\r\n  "List": [\r\n    {"Host": "a"}\r\n  ],\r\n'
        b'  "Port": 2}'
    )
    assert value_lines(content) == {("port",): 7, ("list", "0", "host"): 5}


@pytest.mark.parametrize("content", [None, b"", b"  ", b"{'a': 1}", b"{a: 1}", b"}", b'{"a": 1}]]'])
def test_no_lines_where_a_file_is_none_or_only_the_product_reads_it(content: bytes | None) -> None:
    assert value_lines(content) in ({}, {("a",): 1})


@given(st.binary(max_size=60) | st.text('{}[]:,"a1/\n ', max_size=40).map(str.encode))
def test_no_content_is_too_odd(content: bytes) -> None:
    assert all(line >= 1 for line in value_lines(content).values())
    default_connection(content)


def test_the_first_default_with_the_products_own_defaults() -> None:
    found = default_connection(
        b'[{"Port": 1}, {"displayname": "b", "ISDEFAULT": 1, "Port": "9700"}, {"IsDefault": true}]'
    )
    assert found is not None
    assert (found.index, found.name, found.endpoint) == (1, "b", Endpoint("127.0.0.2", 9700))
    assert (found.mode, found.authentication) == ("direct", "default")


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b"{}", b'"x"', b"[1]", b'[{"IsDefault": false}]', b'[{"IsDefault": true, "Port": null}]', b"[{"],
)
def test_no_default(content: bytes | None) -> None:
    assert default_connection(content) is None
