"""The stand-in's CPE, IPSec connection and management of a tunnel.

The management is the odd one (terraform-provider-oci, core_ipsec_connection_tunnel_management_resource.go): its
create is an update of a tunnel that is there, its delete does nothing, nothing replaces it, and the shared secret
is sent only when it changes, without a retry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from oci.core import models

from lab.clouds.plugins import oci_shapes as shapes
from lab.clouds.plugins.oci_client import Api
from lab.clouds.plugins.oci_network import NAMED, Described, resource
from lab.clouds.plugins.table import Call, Failure, ProviderError, Resource
from lab.clouds.plugins.values import UNKNOWN, Values

_PLAIN = {
    "displayName": "displayName",
    "routing": "routing",
    "ikeVersion": "ikeVersion",
    "oracleCanInitiate": "oracleInitiation",
    "natTranslationEnabled": "natTranslationEnabled",
}
_PHASE_ONE = {
    "isCustomPhaseOneConfig": "isCustomPhaseOneConfig",
    "customAuthenticationAlgorithm": "authenticationAlgorithm",
    "customEncryptionAlgorithm": "encryptionAlgorithm",
    "customDhGroup": "diffieHelmanGroup",
    "lifetime": "lifetimeInSeconds",
}
_PHASE_TWO = {
    "isCustomPhaseTwoConfig": "isCustomPhaseTwoConfig",
    "customAuthenticationAlgorithm": "authenticationAlgorithm",
    "customEncryptionAlgorithm": "encryptionAlgorithm",
    "dhGroup": "pfsDhGroup",
    "isPfsEnabled": "isPfsEnabled",
    "lifetime": "lifetimeInSeconds",
}
_BGP = ("customerInterfaceIp", "oracleInterfaceIp", "customerInterfaceIpv6", "oracleInterfaceIpv6")


def _values(model: type, prefix: str) -> frozenset[str]:
    """An enumeration of the SDK's: the class constants that begin so."""
    return frozenset(str(value) for name, value in vars(model).items() if name.startswith(f"{prefix}_"))


_ENUMERATIONS = {
    "routing": _values(models.UpdateIPSecConnectionTunnelDetails, "ROUTING"),
    "ikeVersion": _values(models.UpdateIPSecConnectionTunnelDetails, "IKE_VERSION"),
    "natTranslationEnabled": _values(models.UpdateIPSecConnectionTunnelDetails, "NAT_TRANSLATION_ENABLED"),
    "oracleCanInitiate": _values(models.UpdateIPSecConnectionTunnelDetails, "ORACLE_INITIATION"),
    "phaseOneDetails.customAuthenticationAlgorithm": _values(models.PhaseOneConfigDetails, "AUTHENTICATION_ALGORITHM"),
    "phaseOneDetails.customEncryptionAlgorithm": _values(models.PhaseOneConfigDetails, "ENCRYPTION_ALGORITHM"),
    "phaseOneDetails.customDhGroup": _values(models.PhaseOneConfigDetails, "DIFFIE_HELMAN_GROUP"),
    "phaseTwoDetails.customAuthenticationAlgorithm": _values(models.PhaseTwoConfigDetails, "AUTHENTICATION_ALGORITHM"),
    "phaseTwoDetails.customEncryptionAlgorithm": _values(models.PhaseTwoConfigDetails, "ENCRYPTION_ALGORITHM"),
    "phaseTwoDetails.dhGroup": _values(models.PhaseTwoConfigDetails, "PFS_DH_GROUP"),
    "dpdConfigs.dpdMode": _values(models.DpdConfig, "DPD_MODE"),
}


def _check(inputs: Values, _config: Values) -> Iterator[Failure]:
    for name, allowed in _ENUMERATIONS.items():
        for value in _at(inputs, name.split(".")):
            if value is not UNKNOWN and str(value).upper() not in allowed:
                yield Failure(name, f"expected {name} to be one of {sorted(allowed)}, got {value}")
    if inputs.get("sharedSecret") == "":
        yield Failure("sharedSecret", "sharedSecret must not be empty")


def _at(value: Any, steps: list[str]) -> Iterable[Any]:
    if isinstance(value, list):
        return [found for item in value for found in _at(item, steps)]
    if not steps:
        return [value]
    if isinstance(value, dict) and value.get(steps[0]) is not None:
        return _at(value[steps[0]], steps[1:])
    return [UNKNOWN] if value is UNKNOWN else []


def _manage(call: Call, old: Values, given: Values) -> Values:
    api = Api(call)
    path = f"ipsecConnections/{given['ipsecId']}/tunnels/{given['tunnelId']}"
    if "sharedSecret" in given and given["sharedSecret"] != old.get("sharedSecret"):
        api.put_once(f"{path}/sharedSecret", {"sharedSecret": given["sharedSecret"]})
        _settled(api, path)
    api.put(path, _details(old, given))
    return _settled(api, path)


def _settled(api: Api, path: str) -> Values:
    found = api.wait(path, ("AVAILABLE",), lambda: _look(api, path))
    if found is None:
        raise ProviderError(f"{path} is not there")
    return shapes.tunnel_properties(found)


def _look(api: Api, path: str) -> Values | None:
    tunnel = api.find(path)
    return tunnel and tunnel | {"sharedSecret": api.get(f"{path}/sharedSecret")["sharedSecret"]}


def _details(old: Values, given: Values) -> Values:
    details: Values = {there: given[here] for here, there in _PLAIN.items() if here in given}
    if given.get("dpdConfigs"):
        # Only the first is used.
        details["dpdConfig"] = given["dpdConfigs"][0]
    if "phaseOneDetails" in given:
        details["phaseOneConfig"] = _renamed(given["phaseOneDetails"], _PHASE_ONE)
    if "phaseTwoDetails" in given:
        details["phaseTwoConfig"] = _renamed(given["phaseTwoDetails"], _PHASE_TWO)
    if "bgpSessionInfo" in given:
        details["bgpSessionConfig"] = _session(old.get("bgpSessionInfo", {}), given["bgpSessionInfo"])
    if "encryptionDomainConfig" in given and given.get("routing") == "POLICY":
        details["encryptionDomainConfig"] = {
            name.removesuffix("s"): value for name, value in given["encryptionDomainConfig"].items()
        }
    return details


def _session(old: Values, given: Values) -> Values:
    session = {name: given[name] for name in _BGP if name in given}
    # Like the shared secret, the AS number is sent only when it changes.
    if given.get("customerBgpAsn") and given["customerBgpAsn"] != old.get("customerBgpAsn"):
        session["customerBgpAsn"] = given["customerBgpAsn"]
    return session


def _renamed(given: Values, names: dict[str, str]) -> Values:
    return {there: given[here] for here, there in names.items() if here in given}


def _create(call: Call, given: Values) -> tuple[str, Values]:
    return str(given["tunnelId"]), _manage(call, {}, given)


def _read(call: Call, identifier: str, state: Values) -> Values | None:
    api = Api(call)
    found = _look(api, f"ipsecConnections/{state['ipsecId']}/tunnels/{identifier}")
    if found is None or found["lifecycleState"] == "TERMINATED":
        return None
    return shapes.tunnel_properties(found)


def _update(call: Call, _identifier: str, old: Values, given: Values) -> Values:
    return _manage(call, old, given)


_OUTPUTS = frozenset(
    {
        "associatedVirtualCircuits",
        "compartmentId",
        "cpeIp",
        "dpdMode",
        "dpdTimeoutInSec",
        "state",
        "status",
        "timeCreated",
        "timeStatusUpdated",
        "vpnIp",
    }
)
_READ_BACK = frozenset({*_PLAIN, "bgpSessionInfo", "encryptionDomainConfig", "phaseOneDetails", "phaseTwoDetails"})

RESOURCES = {
    "oci:Core/cpe:Cpe": resource(
        Described(
            path="cpes",
            fixed=frozenset({"compartmentId", "ipAddress", "isPrivate"}),
            mutable=NAMED | {"cpeDeviceShapeId"},
            required=frozenset({"compartmentId", "ipAddress"}),
            force_new=frozenset({"ipAddress", "isPrivate"}),
            computed=frozenset({"timeCreated"}),
            ready="",
            ended="",
        )
    ),
    "oci:Core/ipsec:Ipsec": resource(
        Described(
            path="ipsecConnections",
            fixed=frozenset({"compartmentId", "cpeId", "drgId"}),
            mutable=NAMED | {"cpeLocalIdentifier", "cpeLocalIdentifierType", "staticRoutes"},
            required=frozenset({"compartmentId", "cpeId", "drgId", "staticRoutes"}),
            force_new=frozenset({"cpeId", "drgId"}),
            computed=frozenset({"state", "timeCreated", "transportType"}),
        )
    ),
    "oci:Core/ipsecConnectionTunnelManagement:IpsecConnectionTunnelManagement": Resource(
        inputs=_READ_BACK | {"dpdConfigs", "ipsecId", "sharedSecret", "tunnelId"},
        required=frozenset({"ipsecId", "tunnelId"}),
        computed=_OUTPUTS | _READ_BACK | {"sharedSecret"},
        secret_outputs=frozenset({"sharedSecret"}),
        check=_check,
        create=_create,
        read=_read,
        update=_update,
    ),
}
