"""Commands on files alone: init, validate, render, schema, version. No host is touched."""

from __future__ import annotations

import platform
from pathlib import Path

import click

from certify_automation import __version__, bundled
from certify_automation.cli.options import Call, fleet_options, output_options
from certify_automation.cli.problems import count, problem_document
from certify_automation.errors import UsageError
from certify_automation.model.outcome import ExitCode

_EDITOR_SCHEMAS = ("desired-state", "inventory", "settings")
_SUFFIX = ".schema.json"


@click.command(short_help="Write a commented fleet repository.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@output_options
def init(call: Call, directory: Path) -> int:
    """Write a commented fleet repository into DIRECTORY; it validates as it stands.

    Nothing that is already there is overwritten.
    """
    starter = bundled.folder("examples") / "starter"
    sources = {path.relative_to(starter): path for path in sorted(starter.rglob("*")) if path.is_file()}
    for name in _EDITOR_SCHEMAS:
        sources[Path("schemas") / (name + _SUFFIX)] = bundled.folder("schemas") / (name + _SUFFIX)
    there = [str(target) for target in sources if (directory / target).exists()]
    if there:
        hint = "choose another folder, or move these away"
        raise UsageError("CA5002", f"{directory} already has {', '.join(there)}", hint=hint)
    for target, source in sources.items():
        _write(directory / target, source.read_bytes())
    files = [target.as_posix() for target in sources]
    call.console.document(call.command, {"exit_code": 0, "directory": str(directory), "files": files})
    call.console.data(str(directory / target) for target in sources)
    call.console.say(f"next: certify-automation validate -C {directory}")
    return ExitCode.DONE


@click.command(short_help="Check every file, offline.")
@fleet_options
def validate(call: Call) -> int:
    """Check every file of the repository and show all problems at once; no host is touched.

    First the JSON Schemas, then the rules of the product.
    """
    fleet = call.fleet()
    content = {"exit_code": 0, "hosts": len(fleet.hosts), "groups": len(fleet.groups)}
    call.console.document(call.command, {**content, "problems": [problem_document(p) for p in fleet.warnings]})
    found = count(fleet.warnings)
    summary = f"{_number(len(fleet.hosts), 'host')} in {_number(len(fleet.groups), 'group')}: valid"
    call.console.data([f"{summary}, {found}" if found else summary])
    return ExitCode.DONE


@click.command(short_help="Write the JSON files that hosts would get.")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="Into this folder."
)
@fleet_options
def render(call: Call, output: Path) -> int:
    """Write HOST/serviceconfig.json and HOST/servers.json of every selected host into a folder.

    They hold what is declared. On a host they are merged into what is there: undeclared properties stay.
    """
    written = []
    for host in call.fleet().hosts.values():
        for name, text in host.files.items():
            path = output / host.name.replace(":", "_") / name
            _write(path, text.encode("utf-8"))
            written.append(str(path))
    call.console.document(call.command, {"exit_code": 0, "files": written})
    call.console.data(written)
    return ExitCode.DONE


@click.command(short_help="Print a JSON Schema of the file formats.")
@click.argument("name", required=False)
@output_options
def schema(call: Call, name: str | None) -> int:
    """Print the JSON Schema called NAME, or the names there are."""
    names = sorted(path.name.removesuffix(_SUFFIX) for path in bundled.folder("schemas").glob(f"*{_SUFFIX}"))
    if name is None:
        call.console.document(call.command, {"exit_code": 0, "schemas": names})
        call.console.data(names)
    elif name in names:
        call.console.out.file.write(bundled.text("schemas", name + _SUFFIX))
    else:
        raise UsageError("CA5003", f"there is no schema {name!r}", hint=f"there are: {', '.join(names)}")
    return ExitCode.DONE


@click.command(short_help="Print versions.")
@output_options
def version(call: Call) -> int:
    """Print the version of certify-automation, of Python and of the platform."""
    content = {"version": __version__, "python": platform.python_version(), "platform": platform.platform()}
    call.console.document(call.command, {"exit_code": 0, **content})
    call.console.data([f"certify-automation {__version__}", f"Python {content['python']} on {content['platform']}"])
    return ExitCode.DONE


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise UsageError("CA5016", message, hint="choose another folder, or make room") from None


def _number(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
