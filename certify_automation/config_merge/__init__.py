"""The product's JSON files: read as leniently as the product does, merged, never replaced, written strict. Pure."""

from certify_automation.config_merge.kestrel import KestrelEndpoint, kestrel_endpoints
from certify_automation.config_merge.properties import config_property, connection_property
from certify_automation.config_merge.servers import merge_servers
from certify_automation.config_merge.service_config import Merged, effective_config, merge_service_config

__all__ = [
    "KestrelEndpoint",
    "Merged",
    "config_property",
    "connection_property",
    "effective_config",
    "kestrel_endpoints",
    "merge_servers",
    "merge_service_config",
]
