"""Setting preferences: the product takes the whole object or nothing, and forgets what is left out of it."""

from __future__ import annotations

from collections.abc import Callable
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


def set_preferences(
    api: ProductApi, wanted: list[Json], data_folder: str | None, before_sending: Callable[[Json], None]
) -> Json | None:
    """The `preferences` of Renewed; None when none is to be set.

    Args:
        api: asked by whom it accepts.
        wanted: the `preferences` of Renew.
        data_folder: of the product; None = not known.
        before_sending: called with what is known of them from then on.
    """
    if not wanted:
        return None
    try:
        acted = _set(api, wanted, data_folder, before_sending)
    except ChangeFailed as failed:
        return _failed(failed.code, failed.message)
    except ApiFailed as failed:
        said = failed.failure
        return _failed("preferences_refused", f"{said['request']}: {said['message']}")
    return {"status": "done" if acted else "unchanged", "failure": None}


def _failed(code: str, message: str) -> Json:
    return {"status": "failed", "failure": {"code": code, "message": message}}


def _set(api: ProductApi, wanted: list[Json], data_folder: str | None, before_sending: Callable[[Json], None]) -> bool:
    """Whether anything was sent; raises ChangeFailed, ApiFailed."""
    now, settings = _read(api, data_folder)
    moved = [one["name"] for one in wanted if not any(_same(now.get(one["name"]), one[at]) for at in _ENDS)]
    if moved:
        raise ChangeFailed("preferences_moved", ", ".join(moved))
    if all(_same(now.get(one["name"]), one["after"]) for one in wanted):
        return False
    body = now | {one["name"]: one["after"] for one in wanted}
    if _ISSUER_CACHE in body and body[_ISSUER_CACHE] is None:
        raise ChangeFailed("issuer_cache", "EnableIssuerCache is not known: appsettings.json cannot be read.")
    if body.get(_DATA_STORE) in _NO_STORE:
        stored = settings["data_store"]
        body[_DATA_STORE] = _DEFAULT_STORE if stored in _NO_STORE else stored
    if body.get(_FLAGS) is None:
        body[_FLAGS] = []
    before_sending(_failed("unknown_request", "They were sent, and it is not known what became of that."))
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
    settings, now = settings_facts(api.visit.computer, data_folder), api.preferences()
    known = _ISSUER_CACHE in now or settings["issuer_cache"] is not None
    return now | ({_ISSUER_CACHE: settings["issuer_cache"]} if known else {}), settings


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether two JSON values are one: true is not 1."""
    return type(one) is type(other) and bool(one == other)
