"""Single values of appsettings-core.json replaced where they stand, so that every other byte of the file stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from certify_automation.config_merge.core_settings import Path, below
from certify_automation.config_merge.lenient_json import Document, decode, encode, quoted, read
from certify_automation.model.config_files import Condition

TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\])*")|(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<mark>[{}\[\]:,])|[^\s{}\[\]:,"/]+|\S""",
    re.DOTALL,
)
"""One piece of JSON with comments: a string, a comment, a mark, or anything else up to the next of them."""


@dataclass(slots=True)
class _Open:
    """An object or array that is being read; named = the value of its current member comes next."""

    path: Path
    array: bool
    name: str = ""
    index: int = 0
    named: bool = False

    def place(self) -> Path:
        return (*self.path, str(self.index)) if self.array else below(self.path, self.name)


def splice(content: bytes, document: Document, texts: Mapping[Path, str]) -> bytes | None:
    """The bytes with other texts at these paths: comments, indentation and byte order mark are kept.

    Args:
        content: the file.
        document: as `read` makes it of the file.
        texts: by path in the file's own spelling; only strings, numbers, literals are replaced.

    Returns:
        None when .NET's configuration would not read the file as it stands (it takes comments and trailing commas
        besides strict JSON), or bytes of it are damaged: only writing the file anew helps then.
    """
    text, damaged = decode(content)
    tokens = list(TOKEN.finditer(text))
    bare = read(_bare(tokens).encode("utf-8", "surrogatepass"))
    if damaged or bare.condition is not Condition.STRICT or bare.value != document.value:
        return None
    pieces, end = [], 0
    for path, token in scalars(tokens):
        if path in texts:
            pieces += [text[end : token.start()], quoted(texts[path])]
            end = token.end()
    return encode("".join([*pieces, text[end:]]), content)


def _bare(tokens: list[re.Match[str]]) -> str:
    """The text without comments and without commas that nothing follows."""
    told = [token[0] for token in tokens if token["comment"] is None]
    following = [*told[1:], ""]
    return " ".join(one for one, after in zip(told, following, strict=True) if one != "," or after not in {"}", "]"})


def scalars(tokens: list[re.Match[str]]) -> Iterator[tuple[Path, re.Match[str]]]:
    """Every value that is neither object nor array, with its path; the tokens are those of a document."""
    inside: list[_Open] = []
    for token in tokens:
        top = inside[-1] if inside else None
        match token["mark"]:
            case "{" | "[":
                inside.append(_Open(top.place() if top else (), array=token[0] == "["))
            case "}" | "]":
                inside.pop()
            case ",":
                if top:
                    top.index, top.named = top.index + 1, False
            case ":":
                if top:
                    top.named = True
            case _ if token["comment"] is not None:
                continue
            case _ if top and not top.array and not top.named:
                top.name = str(json.loads(token[0]))
            case _:
                yield top.place() if top else (), token
