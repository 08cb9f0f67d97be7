"""JSON as the product reads it, and strict JSON to write back.

The product reads its files with Json.NET's defaults: comments, trailing commas, single quotes and unquoted names pass,
a byte order mark is honoured, and of two members with one name the last counts. Numbers are kept as they stand in the
file, so that one nobody manages is written back digit by digit.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import json5

from certify_automation.model.config_files import Condition


class NumberText(str):
    """A JSON number, in its own digits."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object with its members in order, repeated names included."""

    members: tuple[tuple[str, Json], ...] = ()


Json: TypeAlias = "bool | str | Sequence[Json] | JsonObject | None"


@dataclass(frozen=True, slots=True)
class Document:
    r"""A file's bytes, read.

    Attributes:
        value: None unless condition is STRICT or LENIENT.
        newline: `\r\n` or `\n`, whichever the file uses more; `\r\n` when it has none.
        ends_with_newline: whether the last line is ended.
        lost: what strict JSON cannot hold, in words.
        reason: why the file is malformed.
    """

    condition: Condition
    value: Json = None
    newline: str = "\r\n"
    ends_with_newline: bool = False
    lost: tuple[str, ...] = ()
    reason: str = ""


# UTF-32 before UTF-16: its mark begins with the same two bytes.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TOKEN = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(//[^\r\n]*|/\*.*?\*/)""", re.DOTALL)
_FOREIGN_ESCAPE = re.compile(r"\\(?!u[0-9A-Fa-f]{4})([^\"'\\/bfnrt])", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 60


def decode(content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file as .NET decodes it, and what that lost: UTF-8 unless a byte order mark says otherwise."""
    mark, encoding = _marked(content)
    body = content[len(mark) :]
    try:
        return body.decode(encoding), ()
    except UnicodeDecodeError:
        return body.decode(encoding, "replace"), (f"bytes that are not {encoding.upper()}, replaced by \ufffd",)


def encode(text: str, like: bytes) -> bytes:
    """The text in the encoding of a file's bytes, with its byte order mark."""
    mark, encoding = _marked(like)
    return mark + text.encode(encoding)


def _marked(content: bytes) -> tuple[bytes, str]:
    """The byte order mark and the encoding it stands for."""
    return next((one for one in _MARKS if content.startswith(one[0])), (b"", "utf-8"))


@lru_cache(maxsize=64)
def read(content: bytes | None) -> Document:
    """The document in a file's bytes; None = the file does not exist.

    The same bytes give the same document: one host's file is asked for many things, and many hosts have the same one.
    """
    if content is None:
        return Document(Condition.ABSENT)
    text, lost = decode(content)
    newline = "\r\n" if text.count("\r\n") * 2 >= text.count("\n") else "\n"
    if not text.strip():
        return Document(Condition.BLANK, newline=newline)
    marked = content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} or content.startswith(codecs.BOM_UTF8)
    ended = text.endswith("\n")
    try:
        value = _strict(text)
    except (ValueError, RecursionError):
        pass
    else:
        condition = Condition.LENIENT if lost or marked else Condition.STRICT
        return Document(condition, value, newline, ended, lost)
    try:
        value = _lenient(text)
    except (ValueError, RecursionError) as error:
        return Document(Condition.MALFORMED, None, newline, ended, reason=_reason(error))
    return Document(Condition.LENIENT, value, newline, ended, (*lost, *_comments(text)))


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return re.sub(r"^<string>:(\d+) ", r"line \1: ", str(error))


def _object(pairs: Iterable[tuple[str, Json]]) -> JsonObject:
    return JsonObject(tuple(pairs))


def _no_constant(text: str) -> Json:
    raise ValueError(f"{text} is not JSON")


def _strict(text: str) -> Json:
    value: Json = json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=NumberText,
        parse_float=NumberText,
        parse_constant=_no_constant,
    )
    return value


def _lenient(text: str) -> Json:
    for token in _TOKEN.finditer(text):
        escape = _FOREIGN_ESCAPE.search(_without_pairs(token[1])) if token[1] else None
        if escape:
            # Json.NET refuses these, JSON5 would quietly drop the backslash: "C:\Temp" is the usual case.
            raise ValueError(f"\\{escape[1]} is not an escape sequence")
    value: Json = json5.loads(
        text,
        object_pairs_hook=_object,
        parse_int=_integer,
        parse_float=_float,
        parse_constant=str,
        strict=False,
    )
    return value


def _without_pairs(literal: str) -> str:
    return literal.replace("\\\\", "")


def _integer(text: str, base: int = 10) -> NumberText:
    return NumberText(text) if base == 10 else NumberText(int(text, base))  # noqa: PLR2004 - decimal


def _float(text: str) -> NumberText:
    padded = re.sub(r"^(-?)\.", r"\g<1>0.", text)
    return NumberText(re.sub(r"\.(?=$|[eE])", ".0", padded))


def _comments(text: str) -> Iterator[str]:
    for token in _TOKEN.finditer(text):
        if token[2]:
            line = " ".join(token[2].split())
            yield f"the comment {line[:_SHOWN]}{'…' if len(line) > _SHOWN else ''}"


def quoted(text: str) -> str:
    """A string of JSON."""
    # A lone half of a surrogate pair is legal in JSON only as an escape.
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", json.dumps(text, ensure_ascii=False))


def _scalar(value: Json) -> str:
    if isinstance(value, NumberText):
        return value if _NUMBER.fullmatch(value) else quoted(value)
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    return "true" if value else "false"


def _lines(value: Json, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, JsonObject):
        parts = [f"{quoted(name)}: {_lines(item, inner)}" for name, item in value.members]
        brackets = "{}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        parts = [_lines(item, inner) for item in value]
        brackets = "[]"
    else:
        return _scalar(value)
    if not parts:
        return brackets
    body = f",\n{inner}".join(parts)
    return f"{brackets[0]}\n{inner}{body}\n{indent}{brackets[1]}"


def write(value: Json, like: Document) -> bytes:
    """Strict JSON, indented by 2, UTF-8 without a byte order mark, with the newlines of the document it replaces."""
    text = _lines(value, "") + ("\n" if like.ends_with_newline else "")
    return text.replace("\n", like.newline).encode("utf-8")
