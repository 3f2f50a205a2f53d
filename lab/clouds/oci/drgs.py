"""Dynamic routing gateways and their attachments.

A VCN is attached to one DRG only; tunnels' attachments are made and ended by Oracle with the connection.
Documented: https://docs.oracle.com/iaas/Content/Network/Tasks/managingDRGs.htm
"""

from __future__ import annotations

from lab.clouds.oci import drg_routes
from lab.clouds.oci.api import Answer, Collection, Request, Route, described, listed, routes_of
from lab.clouds.oci.errors import conflict, incorrect_state, invalid, missing
from lab.clouds.oci.store import (
    CONNECTION,
    DRG,
    DRG_ATTACHMENT,
    DRG_ROUTE_DISTRIBUTION,
    DRG_ROUTE_TABLE,
    ROUTE_TABLE,
    TUNNEL,
    VCN,
    Body,
    Resource,
    Store,
)
from lab.clouds.oci.vcns import refuse_routed


def routes() -> list[Route]:
    return [
        *routes_of(_DRGS),
        *(route for route in routes_of(_ATTACHMENTS) if route.method != "GET" or "{id}" in route.template),
        Route("GET", "/drgAttachments", "ListDrgAttachments", _list_attachments),
        Route("POST", "/drgs/{id}/actions/getAllDrgAttachments", "GetAllDrgAttachments", _all_attachments),
        Route("GET", "/drgs/{id}/redundancyStatus", "GetDrgRedundancyStatus", _redundancy),
    ]


def _create_drg(store: Store, details: Body) -> Resource:
    drg = store.add(DRG, described(store, details), settle=store.behaviour.brief_seconds)
    drg.body |= drg_routes.add_defaults(store, drg)
    return drg


def _update_drg(store: Store, drg: Resource, details: Body) -> None:
    for network, ocid in details.get("defaultDrgRouteTables", {}).items():
        drg_routes.table_of(store, drg.id, ocid, f"defaultDrgRouteTables.{network}")
        drg.body["defaultDrgRouteTables"][network] = ocid


def _delete_drg(store: Store, drg: Resource) -> None:
    for kind in (DRG_ATTACHMENT, CONNECTION):
        for resource in store.of(kind, drgId=drg.id):
            raise conflict(f"DRG {drg.id} still has {resource.id}")
    # Oracle takes some time to let go of a DRG whose connection is already TERMINATED.
    if store.clock() < drg.private.get("held until", float("-inf")):
        raise incorrect_state(f"DRG {drg.id} is still being released by its last IPSec connection")
    for kind in (DRG_ROUTE_TABLE, DRG_ROUTE_DISTRIBUTION):
        for resource in store.of(kind, drgId=drg.id):
            store.end(resource, store.behaviour.terminate_seconds)
    store.end(drg, store.behaviour.terminate_seconds)


def _redundancy(store: Store, request: Request) -> Answer:
    drg = store.get(DRG, request.ids["id"])
    connections = len(store.of(CONNECTION, drgId=drg.id))
    words = ("NOT_REDUNDANT_NO_CONNECTION", "NOT_REDUNDANT_SINGLE_IPSEC", "NOT_REDUNDANT_MULTIPLE_IPSECS")
    return Answer({"id": drg.id, "status": words[min(connections, 2)]})


def _create_attachment(store: Store, details: Body) -> Resource:
    drg = store.related(DRG, details["drgId"], "drgId")
    if not drg.ready:
        raise incorrect_state(f"DRG {drg.id} is {drg.state}")
    network = details.get("networkDetails", {"type": "VCN", "id": details.get("vcnId")})
    if network.get("id") is None:
        raise missing("networkDetails.id")
    vcn = store.related(VCN, network["id"], "networkDetails.id")
    for other in store.of(DRG_ATTACHMENT, vcnId=vcn.id):
        raise conflict(f"VCN {vcn.id} is already attached to DRG {other.body['drgId']} by {other.id}")
    if "routeTableId" in details:
        network = {"routeTableId": details["routeTableId"], **network}
    _check_ingress_table(store, vcn.id, network)
    table = details.get("drgRouteTableId", drg.body["defaultDrgRouteTables"]["vcn"])
    drg_routes.table_of(store, drg.id, table, "drgRouteTableId")
    own = {
        "compartmentId": drg.body["compartmentId"],
        "drgId": drg.id,
        "vcnId": vcn.id,
        "drgRouteTableId": table,
        "networkDetails": {"vcnRouteType": store.behaviour.default_vcn_route_type} | network,
        "isCrossTenancy": False,
    }
    if "routeTableId" in network:
        own["routeTableId"] = network["routeTableId"]
    return store.add(DRG_ATTACHMENT, described(store, details) | own, settle=store.behaviour.brief_seconds)


def _check_ingress_table(store: Store, vcn_id: str, network: Body) -> None:
    if "routeTableId" in network:
        table = store.related(ROUTE_TABLE, network["routeTableId"], "networkDetails.routeTableId")
        if table.body["vcnId"] != vcn_id:
            raise invalid("networkDetails.routeTableId", f"{table.id} belongs to another VCN than {vcn_id}")


def attach_tunnel(store: Store, drg: Resource, connection: Resource, tunnel: Resource, table: str | None) -> None:
    """The attachment that Oracle makes for a tunnel."""
    store.add(
        DRG_ATTACHMENT,
        {
            "compartmentId": drg.body["compartmentId"],
            "displayName": f"DRG Attachment for IPSec Tunnel: {tunnel.body['displayName']}",
            "drgId": drg.id,
            "drgRouteTableId": table or drg.body["defaultDrgRouteTables"]["ipsecTunnel"],
            "networkDetails": {
                "type": "IPSEC_TUNNEL",
                "id": tunnel.id,
                "ipsecConnectionId": connection.id,
            },
            "freeformTags": {},
            "definedTags": {},
            "isCrossTenancy": False,
        },
        settle=store.behaviour.brief_seconds,
    )


def release_tunnel(store: Store, drg: Resource, tunnel: Resource, seconds: float) -> None:
    """Ends what `attach_tunnel` made."""
    for attachment in store.of(DRG_ATTACHMENT, drgId=drg.id):
        if attachment.body["networkDetails"]["id"] == tunnel.id:
            store.end(attachment, seconds)


def _update_attachment(store: Store, attachment: Resource, details: Body) -> None:
    network = details.get("networkDetails", {})
    if "routeTableId" in details:
        network = {"routeTableId": details["routeTableId"], **network}
    if network:
        if attachment.body["networkDetails"]["type"] != "VCN":
            raise invalid("networkDetails", f"{attachment.id} is not the attachment of a VCN")
        _check_ingress_table(store, attachment.body["vcnId"], network)
    if "drgRouteTableId" in details:
        table = drg_routes.table_of(store, attachment.body["drgId"], details["drgRouteTableId"], "drgRouteTableId")
        attachment.body["drgRouteTableId"] = table.id
    attachment.body["networkDetails"] |= {key: network[key] for key in network if key not in ("type", "id")}


def _delete_attachment(store: Store, attachment: Resource) -> None:
    if attachment.body["networkDetails"]["type"] != "VCN":
        raise conflict(f"{attachment.id} belongs to an IPSec tunnel and goes with it")
    refuse_routed(store, attachment.body["drgId"], attachment.body["vcnId"])
    store.end(attachment, store.behaviour.terminate_seconds)


def _list_attachments(store: Store, request: Request) -> Answer:
    query = request.query
    if "compartmentId" not in query:
        raise missing("compartmentId")
    kind = query.get("attachmentType", "VCN")
    if kind not in ("ALL", "VCN", "IPSEC_TUNNEL", "VIRTUAL_CIRCUIT", "REMOTE_PEERING_CONNECTION"):
        raise invalid("attachmentType", f"{kind!r} is not one of the values of its enumeration")
    names = ("compartmentId", "drgId", "vcnId", "drgRouteTableId", "displayName", "lifecycleState")
    wanted = {name: query[name] for name in names if name in query}
    found = [
        attachment.body
        for attachment in store.visible(DRG_ATTACHMENT)
        if kind in ("ALL", attachment.body["networkDetails"]["type"])
        and query.get("networkId", attachment.body["networkDetails"]["id"]) == attachment.body["networkDetails"]["id"]
        and all(attachment.body.get(name) == value for name, value in wanted.items())
    ]
    return listed(store, found)


def _all_attachments(store: Store, request: Request) -> Answer:
    drg = store.get(DRG, request.ids["id"])
    kind = request.query.get("attachmentType", "ALL")
    found = [
        {"id": attachment.id}
        for attachment in store.of(DRG_ATTACHMENT, drgId=drg.id)
        if kind in ("ALL", attachment.body["networkDetails"]["type"])
    ]
    return listed(store, found)


def tunnels_of_drg(store: Store, drg_id: str) -> list[Resource]:
    connections = {connection.id for connection in store.of(CONNECTION, drgId=drg_id)}
    return [tunnel for tunnel in store.of(TUNNEL) if tunnel.private["connection"] in connections]


_DRGS = Collection(
    DRG, "drgs", "Drg", "Drgs",
    create=_create_drg, create_model="CreateDrgDetails",
    update=_update_drg, update_model="UpdateDrgDetails", delete=_delete_drg, filters=(),
)  # fmt: skip
_ATTACHMENTS = Collection(
    DRG_ATTACHMENT, "drgAttachments", "DrgAttachment", "DrgAttachments",
    create=_create_attachment, create_model="CreateDrgAttachmentDetails",
    update=_update_attachment, update_model="UpdateDrgAttachmentDetails", delete=_delete_attachment,
)  # fmt: skip
