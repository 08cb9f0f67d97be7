"""Problems and errors as people read them: where, the line itself, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.text import Text

from certify_automation.cli.console import Console
from certify_automation.desired.words import printable
from certify_automation.errors import CertifyAutomationError, ConfigurationError, Problem, Severity

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}
_LONGEST_LINE = 160
_LITERAL_SECRET = re.compile(r"""((?:pas+w|pwd|secret|token)[\w-]*["']?\s*:\s*+)(?!["']?\$\{).*""", re.IGNORECASE)
"""Also where the key is mistyped, which is why its line is shown."""


def show_problems(console: Console, problems: Iterable[Problem]) -> None:
    """Each problem with its source line, ordered by place, to stderr."""
    sources: dict[str, tuple[str, ...]] = {}
    for problem in sorted(problems, key=_place):
        for line in problem_lines(problem, sources):
            console.err.print(line)


def problem_lines(problem: Problem, sources: dict[str, tuple[str, ...]]) -> Iterator[str | Text]:
    """`file:line:column: error CA1203: message`, the source line with a caret, and the hint.

    Args:
        problem: what to show; a literal secret in its line is masked.
        sources: lines of the files read so far, by name; filled as needed.
    """
    where = printable(f"{problem.position}: ") if problem.position else ""
    yield Text.assemble(where, (f"{problem.severity} {problem.id}", _STYLES[problem.severity]), f": {problem.message}")
    position = problem.position
    if position and position.line:
        if position.file not in sources:
            sources[position.file] = _source_lines(Path(position.file))
        source = sources[position.file]
        if position.line <= len(source):
            line = _LITERAL_SECRET.sub(r"\1********", _one_column_each(source[position.line - 1]))
            number = f"{position.line:>5} | "
            yield number + line[:_LONGEST_LINE]
            if 0 < position.column <= _LONGEST_LINE:
                yield Text(" " * (len(number) + position.column - 1) + "^", style=_STYLES[problem.severity])
    if problem.hint:
        yield f"      hint: {problem.hint}"


def problem_document(problem: Problem) -> dict[str, object]:
    """The problem for --json; file, line and column are null where there is no place."""
    position = problem.position
    return {
        "id": problem.id,
        "severity": str(problem.severity),
        "message": problem.message,
        "hint": problem.hint,
        "file": position.file if position else None,
        "line": position.line or None if position else None,
        "column": position.column or None if position else None,
    }


def count(problems: Iterable[Problem]) -> str:
    """`2 errors, 1 warning`; empty for none."""
    found = [problem.severity for problem in problems]
    numbers = [(found.count(severity), severity) for severity in Severity]
    return ", ".join(f"{number} {severity}{'s' if number != 1 else ''}" for number, severity in numbers if number)


def report_error(console: Console, command: str, error: CertifyAutomationError) -> None:
    """Whatever ended the command, in words and, when asked for, as the JSON document."""
    problems = error.problems if isinstance(error, ConfigurationError) else ()
    if problems:
        show_problems(console, problems)
        console.error(count(problems))
    else:
        console.error(f"error {error.id}: {error.message}")
        if error.hint:
            console.err.print(f"      hint: {error.hint}")
    content: dict[str, object] = {"exit_code": error.exit_code, "error": {"id": error.id, "message": error.message}}
    console.document(command, {**content, "problems": [problem_document(problem) for problem in problems]})


def _place(problem: Problem) -> tuple[str, int, int]:
    position = problem.position
    return (position.file, position.line, position.column) if position else ("", 0, 0)


def _one_column_each(line: str) -> str:
    """The line with a `.` for what would move the cursor, color the terminal or turn the direction of writing."""
    return "".join(" " if c == "\t" else c if c.isprintable() else "." for c in line)


def _source_lines(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_bytes().decode("utf-8-sig", "replace").splitlines())
    except OSError:
        return ()
