"""Files made to take the time or the memory of whoever reads them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from certify_automation.desired import connect_secrets
from certify_automation.desired.selection import select
from certify_automation.errors import ConfigurationError
from desired.cases import lines, outcome, write

SOUND = "version: 1\napplies_to: all\n"
MANY = ",".join(f"k{n}: 1" for n in range(2000))
BOMBS = {
    "aliases of aliases": (
        "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
        + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "state/b.yaml:5:5 CA1007",
    ),
    "aliases that nest": (
        "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 400)),
        "state/b.yaml:101:7 CA1008",
    ),
    "one mapping merged again and again": (
        f"a: &a {{{MANY}}}\nb: {{<<: [{','.join(['*a'] * 5000)}]}}\n",
        "state/b.yaml:1:4 CA1007",
    ),
    "merges of merges": (
        "a0: &a0 {k0: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}\n" for n in range(1, 3000)),
        "state/b.yaml:192:31 CA1007",
    ),
    "a million values": (f"x: [{'a,' * 1_000_000}]\n", "state/b.yaml:1:399999 CA1003"),
    "a million keys": ("".join(f"k{n}: 1\n" for n in range(400_000)), "state/b.yaml:100000:9 CA1003"),
    "brackets": ("[" * 100_000, "state/b.yaml:1:101 CA1008"),
    "mappings in mappings": ("a: " + "{b: " * 3000, "state/b.yaml:1:400 CA1008"),
    "indentation": ("".join(f"{' ' * n}a:\n" for n in range(500)), "state/b.yaml:101:101 CA1008"),
}


@pytest.mark.parametrize(("text", "problem"), BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_where_they_grow_too_large(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, {"state": SOUND, "files": {"state/b.yaml": text}})
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path) == [problem]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"state": SOUND})
    os.mkfifo(tmp_path / "state" / "b.yaml")
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path) == ["state/b.yaml CA1002"]


def test_a_mistake_a_line_is_shown_two_hundred_times_and_counted(tmp_path: Path) -> None:
    hosts = "".join(f"  web {n}: {{}}\n" for n in range(1000))
    write(tmp_path, {"inventory": f"version: 1\nhosts:\n{hosts}", "state": SOUND})
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path) == [f"inventory.yaml:{n}:3 CA1106" for n in range(3, 204)]
    assert problems[-1].message == "800 more of this kind, beginning here"


def test_a_home_folder_that_is_not_there_is_not_looked_for(tmp_path: Path) -> None:
    connection = "{ca_file: ~nobody-of-that-name/ca.pem, password: '${file:~nobody-of-that-name/p}'}"
    write(tmp_path, {"inventory": f"version: 1\nhosts: {{web01: {{connection: {connection}}}}}\n", "state": SOUND})
    fleet, problems = outcome(tmp_path)
    assert problems == ()
    assert fleet is not None
    assert fleet.hosts["web01"].connection.ca_file == str(tmp_path / "~nobody-of-that-name" / "ca.pem")
    with pytest.raises(ConfigurationError, match="CA1501"):
        connect_secrets(fleet.hosts["web01"], {})


def test_templates_that_cost_too_much_to_compile_are_not_compiled(tmp_path: Path) -> None:
    template = "{{ properties | json }}" + "{# #}" * 20_000
    state = "version: 1\napplies_to: all\nservice: {config: {port: 9700}}\n"
    write(tmp_path, {"state": state, "files": {"templates/serviceconfig.json.j2": template}})
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path) == ["templates/serviceconfig.json.j2 CA1427"]


def test_many_names_that_nobody_knows_are_all_reported(tmp_path: Path) -> None:
    """Only the first are compared with every host, which would take minutes for a wrong inventory."""
    names = "".join(f"    - hots{n}.example.com\n" for n in range(150))
    inventory = "version: 1\nhosts: {'host[1:3000].example.com': {}}\n"
    write(tmp_path, {"inventory": inventory, "state": f"version: 1\napplies_to:\n  hosts:\n{names}"})
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path) == [f"state/a.yaml:{n}:7 CA1405" for n in range(4, 154)]
    assert problems[0].hint.startswith("did you mean host")
    assert problems[-1].hint == "`inventory list` shows what there is"


def test_a_host_list_without_end_is_refused() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("there is no device of zeros here")
    with pytest.raises(ConfigurationError, match="larger than"):
        select(["@/dev/zero"], {"web01": {}}, {})


def test_after_thousands_of_mistakes_the_rest_of_a_file_is_left_alone(tmp_path: Path) -> None:
    entries = "  - {nme: x}\n" * 4000
    write(
        tmp_path, {"state": f"version: 1\napplies_to: all\nconnections:\n{entries}service: {{config: {{port: x}}}}\n"}
    )
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path)[:2] == ["state/a.yaml:1:1 CA1110", "state/a.yaml:4:5 CA1104"]
    assert {problem.id for problem in problems} == {"CA1101", "CA1103", "CA1104", "CA1110"}


def test_a_text_of_many_digits_is_no_number(tmp_path: Path) -> None:
    write(tmp_path, {"state": f"version: 1\napplies_to: all\nservice: {{config: {{port: '{'9' * 10_000}'}}}}\n"})
    problems = outcome(tmp_path)[1]
    assert lines(problems, tmp_path) == ["state/a.yaml:3:26 CA1101"]


MANY_ACTIONS = "{action: run}," * 6_000
MANY_NAMES = ",".join(f"K{n}: a" for n in range(6_000))


@pytest.mark.parametrize(
    ("section", "first"),
    [
        (f"service: {{recovery: {{actions: [{MANY_ACTIONS}]}}}}", "CA1105"),
        (f"environment: {{{MANY_NAMES}}}", "CA1103"),
        (f"service: {{recovery: {{actions: [], reset_after: '{'9' * 400_000}'}}}}", "CA1106"),
        (f"service: {{account: '{'a' * 400_000}'}}", "CA1241"),
    ],
    ids=["actions", "variables", "digits", "account"],
)
def test_lists_and_texts_without_end_are_refused_in_few_words(tmp_path: Path, section: str, first: str) -> None:
    write(tmp_path, {"state": f"{SOUND}{section}\n"})
    problems = outcome(tmp_path)[1]
    assert first in {problem.id for problem in problems}
    assert max(len(problem.message) + len(problem.hint) for problem in problems) < 400
