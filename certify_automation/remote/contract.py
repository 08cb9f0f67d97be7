"""Checks what a host answers against the contract's schemas, before anything is read from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from certify_automation import bundled
from certify_automation.errors import ProtocolError
from certify_automation.remote.symptoms import shown

T = TypeVar("T")
_FACTS = "facts.schema.json"


@cache
def _validator(name: str) -> Draft202012Validator:
    schema, facts = (json.loads(bundled.text("schemas", file)) for file in (name, _FACTS))
    registry: Registry[Any] = Resource.from_contents(facts) @ Registry()
    return Draft202012Validator(schema, registry=registry)


def decoded(value: Mapping[str, object], schema: str, decode: Callable[[Mapping[str, Any]], T]) -> T:
    """The noun in a host's answer.

    Args:
        value: the answer.
        schema: file name of the schema it must pass.
        decode: makes the noun of a document that passed.

    Raises:
        ProtocolError: CA2094 it does not pass, CA2095 it passes and yet cannot be read.
    """
    error = best_match(_validator(schema).iter_errors(value))
    if error is not None:
        raise ProtocolError(
            "CA2094",
            f"the host's answer is not as {schema} says, at {error.json_path}: {shown(error.message)}",
            hint="the scripts and the schemas come with this program: reinstall it if you have not changed them",
        )
    try:
        return decode(value)
    except (ValueError, LookupError, TypeError) as error:
        raise ProtocolError("CA2095", f"the host's answer cannot be read: {shown(str(error))}") from error
