"""Setting preferences: the product takes the whole object or nothing, and forgets what is left out of it."""

from __future__ import annotations

from typing import Any

from certify_automation.lab.onhost.certificates import settings_facts
from certify_automation.lab.onhost.product_api import PREFERENCES, ApiFailed, ProductApi
from certify_automation.lab.onhost.visit import ChangeFailed, Json

_ISSUER_CACHE = "enableIssuerCache"
_DATA_STORE = "configDataStoreConnectionId"
_FLAGS = "featureFlags"
_DEFAULT_STORE = "(default)"
_NO_STORE = (None, "", "0")
_ENDS = ("before", "after")
_OK = 200


def set_preferences(api: ProductApi, wanted: list[Json], data_folder: str | None) -> Json | None:
    """The `preferences` of Renewed; None when none is to be set."""
    if not wanted:
        return None
    try:
        acted = _set(api, wanted, data_folder)
    except ChangeFailed as failed:
        return {"status": "failed", "failure": {"code": failed.code, "message": failed.message}}
    except ApiFailed as failed:
        said = failed.failure
        message = f"{said['request']}: {said['message']}"
        return {"status": "failed", "failure": {"code": "preferences_refused", "message": message}}
    return {"status": "done" if acted else "unchanged", "failure": None}


def _set(api: ProductApi, wanted: list[Json], data_folder: str | None) -> bool:
    """Whether anything was sent; raises ChangeFailed, ApiFailed."""
    now, settings = _read(api, data_folder)
    moved = [one["name"] for one in wanted if not any(_same(now.get(one["name"]), one[at]) for at in _ENDS)]
    if moved:
        raise ChangeFailed("preferences_moved", ", ".join(moved))
    if all(_same(now.get(one["name"]), one["after"]) for one in wanted):
        return False
    if settings["issuer_cache"] is None:
        raise ChangeFailed("issuer_cache", "EnableIssuerCache is not known: appsettings.json cannot be read.")
    body = now | {one["name"]: one["after"] for one in wanted}
    if body.get(_DATA_STORE) in _NO_STORE:
        stored = settings["data_store"]
        body[_DATA_STORE] = _DEFAULT_STORE if stored in _NO_STORE else stored
    if body.get(_FLAGS) is None:
        body[_FLAGS] = []
    answer = api.send(PREFERENCES, body)
    if answer.status != _OK:
        raise ChangeFailed("preferences_refused", answer.error or f"POST {PREFERENCES}: {answer.status}")
    after, _ = _read(api, data_folder)
    other = [one["name"] for one in wanted if not _same(after.get(one["name"]), one["after"])]
    if other:
        raise ChangeFailed("preferences_refused", f"They read otherwise afterwards: {', '.join(other)}")
    return True


def _read(api: ProductApi, data_folder: str | None) -> tuple[Json, Json]:
    """Preferences as they are, and what appsettings.json says: GET never tells whether issuers are cached."""
    settings = settings_facts(api.visit.computer, data_folder)
    return api.preferences() | {_ISSUER_CACHE: settings["issuer_cache"]}, settings


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether two JSON values are one: true is not 1."""
    return type(one) is type(other) and bool(one == other)
