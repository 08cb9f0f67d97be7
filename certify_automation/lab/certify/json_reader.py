"""The two JSON dialects the product reads its files with.

`NEWTONSOFT` is Json.NET's text reader (serviceconfig.json, datastores.json, ca.json): comments, trailing commas, single
quotes, unquoted names, numbers in hexadecimal and octal, line breaks in strings. `CONFIGURATION` is that of
Microsoft.Extensions.Configuration.Json (appsettings-core.json): comments and trailing commas only.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any

_BLANK = re.compile(r"(?:\s|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)")
_STRICT_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[\w$]+")
_WORD = re.compile(r"-?[A-Za-z]+")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_LENIENT_WORDS: dict[str, Any] = {
    **_WORDS,
    "undefined": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LAST_CONTROL = 0x1F


class MalformedJson(Exception):
    """The text is no JSON in this dialect."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is accepted besides strict JSON with comments and trailing commas."""

    lenient: bool


NEWTONSOFT = Dialect(lenient=True)
CONFIGURATION = Dialect(lenient=False)


@dataclass(frozen=True, slots=True)
class Member:
    """One property of an object, in file order; a name may come twice."""

    name: str
    value: Any


class Members(list[Member]):
    """An object as it was written."""

    def last(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        """The value of the last member of this name, ignoring case; None without one."""
        return next((m.value for m in reversed(self) if m.name.casefold() == name.casefold()), None)


def decode_text(data: bytes) -> str:
    """What File.ReadAllText makes of the bytes: by byte order mark, else UTF-8 with damage replaced."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def read_json(text: str, dialect: Dialect = NEWTONSOFT) -> Any:  # noqa: ANN401 - any JSON value
    """The value of the text; objects as Members, so that repeated names stay visible.

    Raises:
        MalformedJson: including text after the value.
    """
    reader = _Reader(text, dialect)
    reader.skip()
    value = reader.value()
    reader.skip()
    if reader.at < len(text):
        raise MalformedJson(
            f"Additional text encountered after finished reading JSON content: {text[reader.at]}. {reader.place()}"
        )
    return value


def read_object(text: str, dialect: Dialect = NEWTONSOFT) -> Members:
    """The object of the text; raises MalformedJson for any other value too."""
    document = read_json(text, dialect)
    if not isinstance(document, Members):
        raise MalformedJson("Error converting value: the document is not an object.")
    return document


class _Reader:
    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text = text
        self.at = 0
        self._lenient = dialect.lenient

    def place(self) -> str:
        line = self.text.count("\n", 0, self.at) + 1
        return f"Path '', line {line}, position {self.at - self.text.rfind(chr(10), 0, self.at) - 1}."

    def skip(self) -> None:
        match = _BLANK.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def value(self) -> Any:  # noqa: ANN401 - any JSON value
        first = self._peek()
        if first == "{":
            return self._object()
        if first == "[":
            return self._array()
        if first == '"' or (first == "'" and self._lenient):
            return self._string()
        match = _WORD.match(self.text, self.at)
        words = _LENIENT_WORDS if self._lenient else _WORDS
        if match is not None:
            if match[0] not in words:
                raise self._unexpected()
            self.at = match.end()
            return words[match[0]]
        return self._number()

    def _object(self) -> Members:
        members = Members()
        self.at += 1
        while True:
            self.skip()
            if self._peek() == "}":
                self.at += 1
                return members
            name = self._name()
            self.skip()
            if self._peek() != ":":
                raise self._unexpected()
            self.at += 1
            self.skip()
            members.append(Member(name, self.value()))
            self._separator("}")

    def _array(self) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        while True:
            self.skip()
            if self._peek() == "]":
                self.at += 1
                return items
            items.append(self.value())
            self._separator("]")

    def _separator(self, end: str) -> None:
        self.skip()
        if self._peek() == ",":
            self.at += 1
        elif self._peek() != end:
            raise self._unexpected()

    def _name(self) -> str:
        if self._peek() == '"' or (self._peek() == "'" and self._lenient):
            return self._string()
        match = _NAME.match(self.text, self.at) if self._lenient else None
        if match is None:
            raise MalformedJson(f"Invalid property identifier character: {self._peek()}. {self.place()}")
        self.at = match.end()
        return match[0]

    def _string(self) -> str:
        quote = self.text[self.at]
        self.at += 1
        parts: list[str] = []
        while True:
            if self.at >= len(self.text):
                raise MalformedJson(f"Unterminated string. Expected delimiter: {quote}. {self.place()}")
            character = self.text[self.at]
            self.at += 1
            if character == quote:
                return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if character == "\\":
                parts.append(self._escape())
            elif ord(character) <= _LAST_CONTROL and not self._lenient:
                raise self._unexpected()
            else:
                parts.append(character)

    def _escape(self) -> str:
        letter = self._peek()
        self.at += 1
        if letter == "u":
            digits = self.text[self.at : self.at + 4]
            if not re.fullmatch("[0-9a-fA-F]{4}", digits):
                raise MalformedJson(f"Invalid Unicode escape sequence: \\u{digits}. {self.place()}")
            self.at += 4
            return chr(int(digits, 16))
        if letter == "'" and self._lenient:
            return letter
        if letter not in _ESCAPES:
            raise MalformedJson(f"Bad JSON escape sequence: \\{letter}. {self.place()}")
        return _ESCAPES[letter]

    def _number(self) -> int | float:
        match = (_NUMBER if self._lenient else _STRICT_NUMBER).match(self.text, self.at)
        if match is None:
            raise self._unexpected()
        self.at = match.end()
        if re.match(r"[\w.]", self.text[self.at : self.at + 1]):
            raise self._unexpected()
        text = match[0]
        if re.fullmatch(r"-?0[xX].*", text):
            return int(text, 16)
        if re.fullmatch(r"-?\d+", text):
            octal = self._lenient and re.fullmatch(r"0[0-7]+", text)
            return int(text, 8 if octal else 10)
        return float(text)

    def _peek(self) -> str:
        if self.at >= len(self.text):
            raise MalformedJson(f"Unexpected end when reading JSON. {self.place()}")
        return self.text[self.at]

    def _unexpected(self) -> MalformedJson:
        shown = self.text[self.at : self.at + 1]
        return MalformedJson(f"Unexpected character encountered while parsing value: {shown}. {self.place()}")
