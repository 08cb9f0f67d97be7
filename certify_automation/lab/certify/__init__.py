"""The product on a simulated computer: its Windows service in both generations, its files, logs and API."""

from certify_automation.lab.certify.api.messages import ApiRequest, ApiResponse, Caller
from certify_automation.lab.certify.installation import (
    INSTALL_FOLDER,
    SHIPPED_ENDPOINT,
    VERSIONS,
    Setup,
    core_settings,
    install,
    product_of,
)
from certify_automation.lab.certify.loopback import NOT_TRUSTED, Origin, origin, send
from certify_automation.lab.certify.product import Product

__all__ = [
    "INSTALL_FOLDER",
    "NOT_TRUSTED",
    "SHIPPED_ENDPOINT",
    "VERSIONS",
    "ApiRequest",
    "ApiResponse",
    "Caller",
    "Origin",
    "Product",
    "Setup",
    "core_settings",
    "install",
    "origin",
    "product_of",
    "send",
]
