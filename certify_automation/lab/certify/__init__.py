"""The product on a simulated computer: its Windows service in both generations, its files, logs and API."""

from certify_automation.lab.certify.acme import AcmeAuthority, Authorities, RateLimits, public_authorities
from certify_automation.lab.certify.api.messages import ApiRequest, ApiResponse, Caller
from certify_automation.lab.certify.conditions import FAILURES, Conditions, Failure
from certify_automation.lab.certify.installation import (
    INSTALL_FOLDER,
    SHIPPED_ENDPOINT,
    VERSIONS,
    Setup,
    core_settings,
    install,
    product_of,
    settle,
)
from certify_automation.lab.certify.loopback import NOT_TRUSTED, Origin, origin, send
from certify_automation.lab.certify.product import Asked, Product

__all__ = [
    "FAILURES",
    "INSTALL_FOLDER",
    "NOT_TRUSTED",
    "SHIPPED_ENDPOINT",
    "VERSIONS",
    "AcmeAuthority",
    "ApiRequest",
    "ApiResponse",
    "Asked",
    "Authorities",
    "Caller",
    "Conditions",
    "Failure",
    "Origin",
    "Product",
    "RateLimits",
    "Setup",
    "core_settings",
    "install",
    "origin",
    "product_of",
    "public_authorities",
    "send",
    "settle",
]
