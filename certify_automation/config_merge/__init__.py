"""The product's JSON files: read as leniently as the product does, merged, never replaced, written strict. Pure."""

from certify_automation.config_merge.connections import Connection, default_connection
from certify_automation.config_merge.core_settings import authentication_mode
from certify_automation.config_merge.kestrel import KESTREL_FILE, KestrelEndpoint, kestrel_endpoints, merge_kestrel
from certify_automation.config_merge.places import value_lines
from certify_automation.config_merge.properties import config_property, connection_property
from certify_automation.config_merge.servers import merge_servers
from certify_automation.config_merge.service_config import Merged, effective_config, merge_service_config
from certify_automation.config_merge.settings import DATA_STORE_ID, merge_data_store

__all__ = [
    "DATA_STORE_ID",
    "KESTREL_FILE",
    "Connection",
    "KestrelEndpoint",
    "Merged",
    "authentication_mode",
    "config_property",
    "connection_property",
    "default_connection",
    "effective_config",
    "kestrel_endpoints",
    "merge_data_store",
    "merge_kestrel",
    "merge_servers",
    "merge_service_config",
    "value_lines",
]
