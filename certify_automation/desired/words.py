"""Schema errors in a reader's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from jsonschema.exceptions import ValidationError

from certify_automation.desired import durations
from certify_automation.desired.nodes import DataPath

_LONGEST = 60
_KINDS = {
    "object": "a mapping (key: value)",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_BOOLEAN_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false", "y": "true", "n": "false"}


def place(path: DataPath) -> str:
    """A path as a reader writes it: `service.config.port`, `connections[0].name`; `the file` for the root."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "the file"


def shown(value: object) -> str:
    """A value as it may stand in a message: one line, shortened."""
    text = printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"'{text}'" if isinstance(value, str) else text


def printable(text: str) -> str:
    """The text with escapes for what would move the cursor of a terminal, colour it or turn its direction."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or empty if nothing known is similar."""
    choices = {choice.casefold(): choice for choice in known}
    found = get_close_matches(word.casefold(), choices, n=1, cutoff=0.6)
    return f"did you mean {choices[found[0]]}?" if found else ""


def near_key(name: str, known: Mapping[str, Any]) -> str:
    """A hint for an unknown key: the product's own name for a known one, a similar one, or all of them."""
    for declared, part in known.items():
        if isinstance(part, Mapping) and str(part.get("x-property", "")).casefold() == name.casefold():
            return f"did you mean {declared}?"
    hint = near(name, known)
    if hint or not known:
        return hint
    extra = "; other properties of the file go under additional" if "additional" in known else ""
    return f"known here: {', '.join(known)}{extra}"


def hint_of(part: Mapping[str, Any], name: str) -> str:
    """What the schema says about one property, as a hint."""
    found = part.get("properties", {}).get(name)
    if not isinstance(found, Mapping):
        return ""
    if "const" in found:
        return f"write {name}: {found['const']}"
    return str(found.get("description", ""))


def part_of(error: ValidationError) -> Mapping[str, Any]:
    """The part of the schema that an error is about; empty for the schemas `true` and `false`."""
    return error.schema if isinstance(error.schema, Mapping) else {}


def sentence(error: ValidationError) -> tuple[str, str, str]:
    """Id, message and hint for an error of one value."""
    part = part_of(error)
    value: Any = error.instance
    limit: Any = error.validator_value
    secret = bool(part.get("writeOnly"))
    text, hint = "what is written" if secret else shown(value), ""
    match error.validator:
        case "type":
            kinds = " or ".join(_KINDS[kind] for kind in ([limit] if isinstance(limit, str) else limit))
            wrong = f"must be {kinds}" if secret else f"must be {kinds}, not {_with_kind(value, text)}"
            error_id, hint = "CA1101", "" if secret else _type_hint(value, limit)
        case "enum" | "const":
            choices = [limit] if error.validator == "const" else limit
            error_id, wrong = "CA1102", f"must be {_listed(choices)}, not {text}"
            hint = part.get("x-refused", {}).get(value, "") if isinstance(value, str) else ""
            hint = hint or _choice_hint(value, choices)
        case "minimum" | "maximum":
            low, high = part.get("minimum"), part.get("maximum")
            limits = f"{low} or more" if high is None else f"between {low} and {high}"
            error_id, wrong = "CA1105", f"must be {limits}, not {text}"
        case "pattern":
            form = part.get("x-words", f"of the form {limit}")
            error_id, wrong = "CA1106", f"must be {form}" if secret else f"is {text}, but must be {form}"
        case "x-seconds":
            low, high = (durations.shown(each) for each in limit)
            error_id, wrong = "CA1105", f"must be between {low} and {high}, not {text}"
        case "minLength" | "minItems" | "minProperties":
            error_id, wrong = "CA1107", "must not be empty"
        case "maxLength" | "maxItems":
            parts = "entries" if error.validator == "maxItems" else "characters"
            error_id, wrong = "CA1105", f"must have at most {limit} {parts}, not {len(value)}"
        case "readOnly":
            error_id, wrong, hint = "CA1108", f"cannot be declared: {error.message}", "remove it"
        case _:
            error_id, wrong = "CA1109", f"does not fit: {text}"
    return error_id, f"{place(tuple(error.absolute_path))} {wrong}", hint


def _listed(choices: Iterable[object]) -> str:
    words = ["empty" if choice == "" else str(choice) for choice in choices if choice is not None]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _with_kind(value: object, text: str) -> str:
    if value is None:
        return "empty"
    if isinstance(value, str):
        return f"the text {text}"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list) else text


def _type_hint(value: object, limit: object) -> str:
    kinds = {limit} if isinstance(limit, str) else set(limit) if isinstance(limit, list) else set()
    if isinstance(value, str):
        if "boolean" in kinds and value.lower() in {*_BOOLEAN_WORDS, "true", "false"}:
            return f"write {_BOOLEAN_WORDS.get(value.lower(), value.lower())} without quotes"
        if "integer" in kinds and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
            return f"write {int(value)} without quotes; a template that gives text needs `| int`"
    elif "string" in kinds and isinstance(value, bool | int | float):
        text = str(value).lower() if isinstance(value, bool) else value
        return f'put it in quotes: "{text}"; a template that gives it needs `| string`'
    return ""


def _choice_hint(value: object, choices: Iterable[object]) -> str:
    words = [str(choice) for choice in choices if choice]
    return near(value, words) if isinstance(value, str) else ""
