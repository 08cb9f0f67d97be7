"""Which certification authority the product asks."""

from __future__ import annotations

from collections.abc import Mapping

from certify_automation.model.certificate import ManagedCertificate
from certify_automation.model.config_files import JsonValue

_UNNAMED = "letsencrypt.org"
"""What the product takes where nobody has named one."""


def authority_of(certificate: ManagedCertificate, preferences: Mapping[str, JsonValue]) -> str:
    """Id of the certification authority that the product will ask, unless it turns to another one after failures."""
    preferred = preferences.get("defaultCertificateAuthority")
    fallback = preferred if isinstance(preferred, str) else None
    return certificate.authority or fallback or certificate.current_authority or _UNNAMED
