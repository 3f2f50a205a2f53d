"""Stand-in for pulumi-oci 5.5: the types of this project, on Oracle's REST API.

Calls go where `CLIENT_HOST_OVERRIDES` says, as with the real plugin, and nowhere without it.
"""

from __future__ import annotations

from collections.abc import Mapping

from lab.clouds.plugins import oci_network, oci_vpn, oci_watching
from lab.clouds.plugins.oci_client import explain, refused_settings
from lab.clouds.plugins.oci_lookups import FUNCTIONS
from lab.clouds.plugins.table import Plugin


def plugin(environment: Mapping[str, str]) -> Plugin:
    """The oci plugin in this environment, which is the engine's."""
    return Plugin(
        name="oci",
        version="5.5.0",
        environment=environment,
        resources={**oci_network.RESOURCES, **oci_vpn.RESOURCES, **oci_watching.RESOURCES},
        functions=FUNCTIONS,
        check_config=lambda config: refused_settings(config, environment),
        explain=explain,
    )
