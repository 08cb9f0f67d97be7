"""What turns the product's authentication off, as found."""

from __future__ import annotations

from certify_automation.config_merge import authentication_mode
from certify_automation.diff.product_files import content_of
from certify_automation.evidence import effective_variable
from certify_automation.model.config_files import FileName
from certify_automation.model.facts import Facts


def authentication_off(facts: Facts) -> tuple[tuple[str, str], ...]:
    """What makes every caller of the API an administrator of it: what is set, and where; none = nothing does."""
    found = []
    variable = effective_variable(facts, "CERTIFY_SERVICE_AUTH_MODE")
    if variable is not None and variable.value.casefold() == "none":
        scope = f"{variable.scope} environment"
        found.append((f"CERTIFY_SERVICE_AUTH_MODE=none ({scope})", scope))
    core = content_of(facts, FileName.APPSETTINGS_CORE)
    if facts.product.generation == "v7" and authentication_mode(core).casefold() == "none":
        path = facts.files[FileName.APPSETTINGS_CORE.value].path
        found.append(("Service:AuthMode=none in appsettings-core.json", path))
    return tuple(found)
