"""GET and POST preferences, with what a client trips over.

A POST replaces everything: what it leaves out falls back to the model's default, not to the stored or the usual value
(`configDataStoreConnectionId` becomes "0", with which the next start fails). GET never reports `enableIssuerCache`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certify_automation.lab.certify.api.items import model_defaults
from certify_automation.lab.certify.data_store import DataStore

TYPES = {"certificateCleanupMode": "System.Nullable`1[Certify.Models.CertificateCleanupMode]"}

_NOT_TAKEN = ("instanceId", "isInstanceRegistered", "isChanged")
_AFTER_EXPIRY = 1


def read(store: DataStore) -> dict[str, Any]:
    """The preferences as GET answers them."""
    store.refresh()
    answer = dict(model_defaults()["Preferences"])
    for name in answer:
        stored = _stored_name(name)
        if stored in store.settings:
            answer[name] = store.settings[stored]
    answer["enableIssuerCache"] = False
    answer["isChanged"] = False
    return answer


def replace(store: DataStore, bound: Mapping[str, Any]) -> bool:
    """Store what a POST brought; the answer is true."""
    store.refresh()
    for name, value in bound.items():
        if name not in _NOT_TAKEN:
            store.settings[_stored_name(name)] = value
    if store.settings["CertificateCleanupMode"] is None:
        store.settings["CertificateCleanupMode"] = _AFTER_EXPIRY
    store.save()
    return True


def _stored_name(name: str) -> str:
    return name[0].upper() + name[1:]
