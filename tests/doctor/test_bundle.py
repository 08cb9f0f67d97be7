"""Bundles: written for their owner alone, read back in every encoding a Windows console makes, refused with reasons."""

from __future__ import annotations

import codecs
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from certify_automation.bundle import check_bundle_target, load_bundles, save_bundles
from certify_automation.doctor import diagnose
from certify_automation.errors import UsageError
from certify_automation.model.codec import facts_from_json
from doctor.examined import document

NOW = 1_767_322_900_000
CASE: dict[str, Any] = {"facts": {"host.pending_reboot": ["windows_update"]}}


def saved(folder: Path) -> Path:
    path = folder / "bundle.json"
    save_bundles(path, [("web01", document(CASE)), ("web02", document({}))], NOW)
    return path


def refused(path: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load_bundles(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    first, second = load_bundles(saved(tmp_path))
    assert (first.host, first.made_utc_ms, first.facts) == ("web01", NOW, facts_from_json(document(CASE)))
    assert second.facts == facts_from_json(document({}))
    assert "CA6803" in {one.id for one in diagnose(first.facts)}


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files are POSIX")
def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["bundle.json"]


def test_a_bundle_takes_the_place_of_one(tmp_path: Path) -> None:
    path = saved(tmp_path)
    save_bundles(path, [("web03", document({}))], NOW + 1)
    assert [one.host for one in load_bundles(path)] == ["web03"]


@pytest.mark.parametrize(
    "content",
    ['{"kind": "certify-automation plan"}', "hosts:\n  web01: {}\n", "\x00\xff"],
    ids=["plan", "yaml", "bytes"],
)
def test_something_else_is_never_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other"
    path.write_text(content, "latin-1")
    for attempt in (lambda: check_bundle_target(path), lambda: save_bundles(path, [], NOW)):
        with pytest.raises(UsageError) as caught:
            attempt()
        assert caught.value.id == "CA5042"
        assert "no bundle" in caught.value.message
    assert path.read_text("latin-1") == content


@pytest.mark.parametrize("name", [".", "missing/bundle.json"])
def test_a_place_where_nothing_can_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_bundle_target(tmp_path / name)
    assert caught.value.id == "CA5042"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
    ids=["plain", "bom", "console", "big endian"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_a_console_writes_is_read(tmp_path: Path, mark: bytes, encoding: str, newline: str) -> None:
    path = saved(tmp_path)
    text = path.read_text("utf-8").replace("\n", newline)
    path.write_bytes(mark + text.encode(encoding))
    assert [one.host for one in load_bundles(path)] == ["web01", "web02"]
    check_bundle_target(path)


@pytest.mark.parametrize(
    ("content", "error_id", "words"),
    [
        (b"", "CA5044", "no JSON"),
        (b"[]", "CA5044", "does not say what it is"),
        (b'{"kind": "certify-automation plan"}', "CA5044", "certify-automation plan"),
        (b"\xc3\x28\xa0\xa1", "CA5044", "neither UTF-8 nor UTF-16"),
        (b"[" * 100_000, "CA5044", "no JSON"),
        (b'{"kind": "bundle", "schema_version": 2, "hosts": []}', "CA5045", "format 2"),
        (b'{"kind": "bundle"}', "CA5045", "format None"),
        (b'{"kind": "bundle", "schema_version": 1}', "CA5046", "hosts"),
        (b'{"kind": "bundle", "schema_version": 1, "hosts": [{"host": "a", "facts": {}}]}', "CA5046", "hosts[0]"),
        (b'{"kind": "bundle", "schema_version": 1, "hosts": [', "CA5046", "breaks off"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes, error_id: str, words: str) -> None:
    path = tmp_path / "bundle.json"
    path.write_bytes(content)
    error = refused(path)
    assert error.id == error_id
    assert words in error.message


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing.json").id == "CA5043"
    assert refused(tmp_path).id == "CA5043"


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:length])
        assert refused(path).id in {"CA5044", "CA5046"}


def test_a_member_that_is_missing_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    changed = json.loads(path.read_text("utf-8"))
    del changed["hosts"][1]["facts"]["host"]["clock_utc_ms"]
    path.write_text(json.dumps(changed), "utf-8")
    error = refused(path)
    assert error.id == "CA5046"
    assert "clock_utc_ms" in error.message
    assert "hosts[1]" in error.message


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_without_an_end_is_no_bundle() -> None:
    assert refused(Path("/dev/zero")).id == "CA5044"


def test_what_a_bundle_says_of_its_version_cannot_color_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({"kind": "bundle", "schema_version": "\x1b[31mred", "hosts": []}), "utf-8")
    error = refused(path)
    assert error.id == "CA5045"
    assert "\x1b" not in str(error)
