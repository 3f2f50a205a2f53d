"""What can be declared wrongly in OCI. Each function does it through Oracle's own API where that allows it.

Undoing puts the emulator's resources back as they were, ids included, without PROVISIONING: what is new goes, what
has gone comes back.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

from oci.core import models

from lab.clouds.cluster import Clouds
from lab.clouds.oci.credentials import network_client
from lab.clouds.oci.store import CONNECTION, CPE, TUNNEL, Resource
from lab.fabric.declared import Declared, Tunnel, Vcn
from lab.fabric.new_host import Undo

_PATIENCE = 60.0  # seconds
# RFC 2544: nobody's VPC.
_ELSEWHERE = "198.19.0.0/16"
_NOBODY = "203.0.113.250"


def _api(clouds: Clouds) -> Any:
    # Raw: the models would put the fields of a rule in another order.
    return network_client(clouds.oci.endpoint, raw=True)


def _keep(clouds: Clouds, declared: Declared) -> Undo:
    """How everything is now."""
    _settled(clouds, declared)
    store = clouds.oci.store
    with store.lock:
        kept = [
            (one, copy.deepcopy(one.body), copy.deepcopy(one.private), one.etag) for one in store._resources.values()
        ]

    def undo() -> None:
        with store.lock:
            store._resources = {body["id"]: one for one, body, _, _ in kept}
            for one, body, private, etag in kept:
                # What Oracle thinks of a tunnel's health is no declaration.
                health = {"health": one.private["health"]} if "health" in one.private else {}
                one.body, one.private, one.etag, one.coming = body, private | health, etag, []

    return undo


def _settled(clouds: Clouds, declared: Declared) -> None:
    """Waits until nothing is PROVISIONING: Oracle refuses changes meanwhile."""
    store, deadline = clouds.oci.store, time.monotonic() + _PATIENCE
    while True:
        with store.lock:
            busy = [one.id for kind in (CONNECTION, TUNNEL) for one in store.of(kind) if not one.ready]
        if not busy:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{', '.join(busy)}: not AVAILABLE after {_PATIENCE:.0f} s")
        time.sleep(0.05)


def _vcn(declared: Declared) -> Vcn:
    assert declared.vcn is not None, "the lab is up"
    return declared.vcn


def _connection(clouds: Clouds, tunnel: Tunnel) -> Resource:
    store = clouds.oci.store
    with store.lock:
        return store.get(CONNECTION, store.get(TUNNEL, tunnel.id).private["connection"])


def other_cpe_address(clouds: Clouds, declared: Declared) -> Undo:
    """Oracle has no call for it: whoever made the CPE mistyped its address."""
    undo, store = _keep(clouds, declared), clouds.oci.store
    with store.lock:
        cpe = store.get(CPE, _connection(clouds, declared.tunnels[0]).body["cpeId"])
        cpe.body["ipAddress"] = _NOBODY
    return undo


def no_static_route(clouds: Clouds, declared: Declared) -> Undo:
    undo = _keep(clouds, declared)
    connection = _connection(clouds, declared.tunnels[0]).id
    _api(clouds).update_ip_sec_connection(connection, {"staticRoutes": [_ELSEWHERE]})
    _settled(clouds, declared)
    return undo


def no_attachment(clouds: Clouds, declared: Declared) -> Undo:
    """The rules that lead to the DRG go first, or Oracle refuses."""
    undo, api, vcn = _keep(clouds, declared), _api(clouds), _vcn(declared)
    for table in vcn.tables:
        _take_rules(api, table, lambda rule: rule["networkEntityId"] == declared.drg_id)
    attachment = next(one.id for one in declared.attachments if one.network_id == vcn.id)
    api.delete_drg_attachment(attachment)
    _until(lambda: api.get_drg_attachment(attachment).data["lifecycleState"] == "DETACHED")
    return undo


def no_vcn_route(clouds: Clouds, declared: Declared) -> Undo:
    undo, api = _keep(clouds, declared), _api(clouds)
    assert declared.vcn_host is not None
    _take_rules(api, declared.vcn_host[0].table_id, lambda rule: rule["networkEntityId"] == declared.drg_id)
    return undo


def _take_rules(api: Any, table: str, which: Callable[[dict[str, Any]], bool]) -> None:
    present = api.get_route_table(table).data["routeRules"]
    api.update_route_table(table, {"routeRules": [rule for rule in present if not which(rule)]})


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Oracle's side did not settle within {_PATIENCE:.0f} s")
        time.sleep(0.02)


def vcn_table_without_tunnels(clouds: Clouds, declared: Declared) -> Undo:
    """A table of the VCN's own, whose import takes VCNs only."""
    undo = _keep(clouds, declared)
    attachment = next(one.id for one in declared.attachments if one.network_id == _vcn(declared).id)
    table = _table_that_imports(clouds, declared, "VCN")
    _api(clouds).update_drg_attachment(attachment, {"drgRouteTableId": table})
    return undo


def tunnel_table_without_vcn(clouds: Clouds, declared: Declared) -> Undo:
    """A table of the tunnels' own, whose import takes tunnels only."""
    undo = _keep(clouds, declared)
    table = _table_that_imports(clouds, declared, "IPSEC_TUNNEL")
    own = {tunnel.id for tunnel in declared.tunnels}
    for attachment in declared.attachments:
        if attachment.network_id in own:
            _api(clouds).update_drg_attachment(attachment.id, {"drgRouteTableId": table})
    return undo


def _table_that_imports(clouds: Clouds, declared: Declared, kind: str) -> str:
    client = network_client(clouds.oci.endpoint)
    distribution = client.create_drg_route_distribution(
        models.CreateDrgRouteDistributionDetails(drg_id=declared.drg_id, distribution_type="IMPORT")
    ).data.id
    criterion = models.DrgAttachmentTypeDrgRouteDistributionMatchCriteria(
        match_type="DRG_ATTACHMENT_TYPE", attachment_type=kind
    )
    statement = models.AddDrgRouteDistributionStatementDetails(match_criteria=[criterion], action="ACCEPT", priority=1)
    client.add_drg_route_distribution_statements(
        distribution, models.AddDrgRouteDistributionStatementsDetails(statements=[statement])
    )
    table = client.create_drg_route_table(
        models.CreateDrgRouteTableDetails(drg_id=declared.drg_id, import_drg_route_distribution_id=distribution)
    )
    return str(table.data.id)


def no_ingress(clouds: Clouds, declared: Declared) -> Undo:
    """No security list of the subnet, and no group, lets anything in."""
    undo, api = _keep(clouds, declared), _api(clouds)
    assert declared.vcn_host is not None
    for one in declared.vcn_host[0].filter_ids:
        api.update_security_list(one, {"ingressSecurityRules": []})
    for group in _vcn(declared).groups:
        rules = api.list_network_security_group_security_rules(group.id, direction="INGRESS").data
        if rules:
            api.remove_network_security_group_security_rules(
                group.id, {"securityRuleIds": [rule["id"] for rule in rules]}
            )
    return undo


def other_key(clouds: Clouds, declared: Declared) -> Undo:
    undo, tunnel = _keep(clouds, declared), declared.tunnels[0]
    _api(clouds).update_ip_sec_connection_tunnel_shared_secret(
        _connection(clouds, tunnel).id, tunnel.id, {"sharedSecret": "x" * 32}
    )
    _settled(clouds, declared)
    return undo


def _update_first(clouds: Clouds, declared: Declared, details: dict[str, Any]) -> Undo:
    undo, tunnel = _keep(clouds, declared), declared.tunnels[0]
    _api(clouds).update_ip_sec_connection_tunnel(_connection(clouds, tunnel).id, tunnel.id, details)
    _settled(clouds, declared)
    return undo


def other_ike_version(clouds: Clouds, declared: Declared) -> Undo:
    other = "V1" if declared.tunnels[0].ike_version == 2 else "V2"
    return _update_first(clouds, declared, {"ikeVersion": other})


def other_phase_one(clouds: Clouds, declared: Declared) -> Undo:
    group = _other_group(declared.tunnels[0].ike[2])
    return _update_first(clouds, declared, {"phaseOneConfig": {"diffieHelmanGroup": group}})


def other_phase_two(clouds: Clouds, declared: Declared) -> Undo:
    other = "AES_192_GCM" if declared.tunnels[0].child[0] != "AES_192_GCM" else "AES_256_GCM"
    return _update_first(clouds, declared, {"phaseTwoConfig": {"encryptionAlgorithm": other}})


def other_forward_secrecy(clouds: Clouds, declared: Declared) -> Undo:
    group = _other_group(declared.tunnels[0].child[2])
    return _update_first(clouds, declared, {"phaseTwoConfig": {"pfsDhGroup": group}})


def _other_group(group: str | None) -> str:
    return "GROUP14" if group != "GROUP14" else "GROUP5"
