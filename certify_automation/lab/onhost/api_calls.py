"""What is asked of the product's API in one go, by a visit's own process or by a task of SYSTEM."""

from __future__ import annotations

from certify_automation.lab.onhost.certificates import asked
from certify_automation.lab.onhost.product_api import ProductApi
from certify_automation.lab.onhost.progress import Progress
from certify_automation.lab.onhost.renewals import preferences_and_renewals
from certify_automation.lab.onhost.visit import Json, Visit, Waiting


def inventory_call(url: str) -> Json:
    """The call whose answer is the part of `certificates` that the API knows."""
    return {"call": "inventory", "url": url}


def renewal_call(url: str, parameters: Json, data_folder: str | None) -> Json:
    """The call that sets preferences and requests renewals; its answer has their part of Renewed, and `api`.

    Args:
        url: of the API, which `api` is what it says afterwards.
        parameters: of Renew.
        data_folder: of the product.
    """
    return {"call": "renewal", "url": url, "parameters": parameters, "data_folder": data_folder}


def carry_out(visit: Visit, call: Json, until: int, progress: Progress) -> Waiting[Json]:
    """The answer to a call, asked by this process; `until` is on the computer's stopwatch, in milliseconds."""
    api = ProductApi(visit, str(call["url"]))
    if call["call"] == "inventory":
        return asked(api)
    done = yield from preferences_and_renewals(api, call, until, progress)
    return {**done, "api": asked(api)}
