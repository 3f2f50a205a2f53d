"""A stack's configuration as the engine hands it over, valid until a test changes it."""

from __future__ import annotations

import json

from components import configuration
from components.settings import Settings

SECRET = ("tunnel1PreSharedKey", "tunnel2PreSharedKey")
VALID: dict[str, object] = {
    "compartmentId": "ocid1.compartment.oc1..example",
    "vpcCidrs": ["10.0.0.0/16"],
    "hostSubnetCidr": "10.0.0.0/24",
    "vcnCidrs": ["172.16.0.0/16"],
}


def texts(changes: dict[str, object]) -> dict[str, str]:
    """VALID with changes, as text; None takes a key away."""
    values = {key: value for key, value in {**VALID, **changes}.items() if value is not None}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def parse(**changes: object) -> Settings:
    return configuration.parse(texts(changes), SECRET)
