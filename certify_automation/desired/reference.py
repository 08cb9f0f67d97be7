"""Reference data out of the schemas: product names, defaults, known values, and how lists merge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from certify_automation import bundled

Schema = Mapping[str, Any]


@cache
def schema(name: str) -> Schema:
    """One bundled schema by its name, for example `desired-state`."""
    return cast("Schema", json.loads(bundled.text("schemas", f"{name}.schema.json")))


@cache
def product_names(kind: str) -> Mapping[str, str]:
    """Declared name -> product name (`http_challenge_port` -> `HttpChallengeServerPort`), in the schema's order.

    Args:
        kind: `config` for serviceconfig.json, `connection` for an entry of servers.json, or `preferences`.
    """
    properties = schema("desired-state")["$defs"][kind]["properties"]
    return {name: part["x-property"] for name, part in properties.items() if "x-property" in part}


@cache
def _declared_names(kind: str) -> Mapping[str, str]:
    return {product.casefold(): name for name, product in product_names(kind).items()}


def declared_name(product_name: str, kind: str) -> str | None:
    """The declared name of a product name in any case; None for a property without one."""
    return _declared_names(kind).get(product_name.casefold())


@cache
def written_by_product(kind: str) -> Mapping[str, str]:
    """Declared names that cannot be declared -> why."""
    properties = schema("desired-state")["$defs"][kind]["properties"]
    return {name: part["description"] for name, part in properties.items() if part.get("readOnly")}


@cache
def product_defaults(kind: str) -> Mapping[str, Any]:
    """Product name -> the value the product uses when the file does not say."""
    content = schema("serviceconfig") if kind == "config" else schema("servers")["items"]
    properties = content["properties"]
    return {name: part["default"] for name, part in properties.items() if "default" in part}


@cache
def known_values(kind: str, name: str) -> tuple[str, ...]:
    """The values a declared property is known to take, from its first alternative."""
    part = schema("desired-state")["$defs"][kind]["properties"][name]
    return tuple(part["anyOf"][0]["enum"])


@cache
def product_words(kind: str, name: str) -> Mapping[str, Any]:
    """The words of a declared property -> the product's values for them; empty where they are the same."""
    words: Mapping[str, Any] = schema("desired-state")["$defs"][kind]["properties"][name].get("x-values", {})
    return words


@cache
def declared_default(kind: str, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """What a field of a state document means where it is not written, for example of `recovery`: `reset_after`."""
    return schema("desired-state")["$defs"][kind]["properties"][name]["default"]


@cache
def used_ports() -> Mapping[int, str]:
    """Ports that Windows or its usual roles listen on -> what listens there."""
    ports = schema("desired-state")["$defs"]["config"]["properties"]["port"]["x-used-by"]
    return {int(port): owner for port, owner in ports.items()}


@cache
def connection_defaults() -> Mapping[str, Any]:
    """Field of an inventory's connection -> default; `port` is that of https."""
    properties = schema("inventory")["$defs"]["connection"]["properties"]
    return {name: part["default"] for name, part in properties.items() if "default" in part}


@cache
def default_http_port() -> int:
    """The WinRM port of scheme http."""
    return int(schema("inventory")["$defs"]["connection"]["properties"]["port"]["x-default-http"])


@cache
def merge_keys() -> Mapping[tuple[str, ...], tuple[str, ...]]:
    """Path of a list in a state document -> the fields its entries are known by; all but the first may be missing."""
    found = {path: part["x-merge-key"] for path, part in _walk((), schema("desired-state")) if "x-merge-key" in part}
    return {path: (key,) if isinstance(key, str) else tuple(key) for path, key in found.items()}


def entry_key(entry: object, fields: Sequence[str]) -> str | None:
    """What an entry of a keyed list is known by, as written; None for what is none.

    Args:
        entry: data of a file, or with its templates evaluated.
        fields: of `merge_keys`.
    """
    if not isinstance(entry, Mapping) or not isinstance(entry.get(fields[0]), str):
        return None
    return " ".join(value for field in fields if isinstance(value := entry.get(field), str))


@cache
def replaced_paths() -> frozenset[tuple[str, ...]]:
    """Paths whose mappings are replaced as a whole; `*` stands for any name."""
    return frozenset(path for path, part in _walk((), schema("desired-state")) if part.get("x-merge") == "replace")


def _walk(path: tuple[str, ...], part: Schema) -> Iterator[tuple[tuple[str, ...], Schema]]:
    if "$ref" in part:
        name = part["$ref"].removeprefix("#/$defs/")
        part = {**schema("desired-state")["$defs"][name], **part}
    yield path, part
    for name, child in part.get("properties", {}).items():
        yield from _walk((*path, name), child)
    for name, keyword in (("*", "additionalProperties"), ("[]", "items")):
        child = part.get(keyword)
        if isinstance(child, Mapping):
            yield from _walk((*path, name), child)
