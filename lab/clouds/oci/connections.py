"""IPSec connections: two tunnels each, to one CPE, on one DRG.

Documented: https://docs.oracle.com/iaas/Content/Network/Tasks/settingupIPsec.htm
"""

from __future__ import annotations

import secrets

from lab.clouds.oci import addressing, drg_routes, drgs, tunnel_settings
from lab.clouds.oci.api import Collection, Route, described, routes_of
from lab.clouds.oci.errors import incorrect_state, invalid, missing
from lab.clouds.oci.store import CONNECTION, CPE, DRG, TUNNEL, Body, Resource, Store

_TUNNELS = 2
# Documentation ranges (RFC 5737) stand for Oracle's public addresses: one for each tunnel.
_HEADENDS = ("192.0.2", "198.51.100")
_PSK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def routes() -> list[Route]:
    return routes_of(_CONNECTIONS)


def _create(store: Store, details: Body) -> Resource:
    drg = store.related(DRG, details["drgId"], "drgId")
    if not drg.ready:
        raise incorrect_state(f"DRG {drg.id} is {drg.state}")
    cpe = store.related(CPE, details["cpeId"], "cpeId")
    given = details.get("tunnelConfiguration", [])
    if len(given) > _TUNNELS:
        raise invalid("tunnelConfiguration", f"{len(given)} tunnels given, a connection has {_TUNNELS}")
    configurations = [given[place] if place < len(given) else {} for place in range(_TUNNELS)]
    wanted = [_tunnel(drg, configuration) for configuration in configurations]
    body = described(store, details, "drgId", "cpeId") | {
        "staticRoutes": check_static_routes(store, details["staticRoutes"], wanted),
        "cpeLocalIdentifier": details.get("cpeLocalIdentifier", cpe.body["ipAddress"]),
        "cpeLocalIdentifierType": details.get("cpeLocalIdentifierType", "IP_ADDRESS"),
        "transportType": "INTERNET",
    }
    _check_identifier(body)
    for configuration in configurations:
        if "drgRouteTableId" in configuration:
            drg_routes.table_of(store, drg.id, configuration["drgRouteTableId"], "tunnelConfiguration.drgRouteTableId")
    connection = store.add(CONNECTION, body, settle=store.behaviour.settle_seconds)
    for place, (tunnel, configuration) in enumerate(zip(wanted, configurations, strict=True)):
        _add_tunnel(store, connection, cpe, place, tunnel, configuration)
    return connection


def _tunnel(drg: Resource, configuration: Body) -> Body:
    known = {key: value for key, value in configuration.items() if key not in ("sharedSecret", "drgRouteTableId")}
    if "sharedSecret" in configuration:
        tunnel_settings.check_shared_secret(configuration["sharedSecret"])
    return tunnel_settings.applied(tunnel_settings.defaults(), known)


def _add_tunnel(
    store: Store, connection: Resource, cpe: Resource, place: int, attributes: Body, configuration: Body
) -> None:
    number = place + 1
    body = {
        "compartmentId": connection.body["compartmentId"],
        "displayName": f"{connection.body['displayName']}-tunnel-{number}",
        "cpeIp": cpe.body["ipAddress"],
        **attributes,
    }
    secret = configuration.get("sharedSecret") or "".join(secrets.choice(_PSK_LETTERS) for _ in range(64))
    private = {
        "connection": connection.id,
        "shared secret": secret,
        "headend": _free_headend(store, _HEADENDS[place]),
        "address from": store.clock() + store.behaviour.address_seconds,
    }
    tunnel = store.add(TUNNEL, body, settle=store.behaviour.settle_seconds, private=private)
    drg = store.get(DRG, connection.body["drgId"])
    drgs.attach_tunnel(store, drg, connection, tunnel, configuration.get("drgRouteTableId"))


def _free_headend(store: Store, prefix: str) -> str:
    taken = {tunnel.private["headend"] for tunnel in store.visible(TUNNEL)}
    free = [address for last in range(1, 255) if (address := f"{prefix}.{last}") not in taken]
    return secrets.choice(free)


def tunnels_of(store: Store, connection: Resource) -> list[Resource]:
    return [tunnel for tunnel in store.visible(TUNNEL) if tunnel.private["connection"] == connection.id]


def check_static_routes(store: Store, static_routes: list[str], tunnels: list[Body]) -> list[str]:
    """The routes as given. Raises 400 for too many, or for none while a tunnel's routing is STATIC."""
    most = store.behaviour.max_static_routes
    if len(static_routes) > most:
        raise invalid("staticRoutes", f"{len(static_routes)} routes given, at most {most} allowed")
    if not static_routes and any(tunnel["routing"] == "STATIC" for tunnel in tunnels):
        raise missing("staticRoutes")
    for place, route in enumerate(static_routes):
        addressing.static_route(route, f"staticRoutes[{place}]")
    return static_routes


def _check_identifier(body: Body) -> None:
    if body["cpeLocalIdentifierType"] == "IP_ADDRESS":
        addressing.address(body["cpeLocalIdentifier"], "cpeLocalIdentifier")


def refuse_unsettled(connection: Resource, *tunnels: Resource) -> None:
    """Raises 409 while the connection or one of these tunnels is not AVAILABLE."""
    for resource in (connection, *tunnels):
        if not resource.ready:
            raise incorrect_state(f"{resource.id} is {resource.state}, not AVAILABLE")


def _update(store: Store, connection: Resource, details: Body) -> None:
    tunnels = tunnels_of(store, connection)
    refuse_unsettled(connection, *tunnels)
    changed: Body = {
        name: details[name] for name in ("cpeLocalIdentifier", "cpeLocalIdentifierType") if name in details
    }
    if "staticRoutes" in details:
        bodies = [tunnel.body for tunnel in tunnels]
        changed["staticRoutes"] = check_static_routes(store, details["staticRoutes"], bodies)
    _check_identifier(connection.body | changed)
    connection.body |= changed
    for resource in (connection, *tunnels):
        store.settle(resource, store.behaviour.settle_seconds)


def _delete(store: Store, connection: Resource) -> None:
    tunnels = tunnels_of(store, connection)
    refuse_unsettled(connection, *tunnels)
    seconds = store.behaviour.terminate_seconds
    drg = store.get(DRG, connection.body["drgId"])
    for tunnel in tunnels:
        drgs.release_tunnel(store, drg, tunnel, seconds)
        store.end(tunnel, seconds)
    store.end(connection, seconds)
    drg.private["held until"] = store.clock() + seconds + store.behaviour.drg_release_seconds


_CONNECTIONS = Collection(
    CONNECTION, "ipsecConnections", "IPSecConnection", "IPSecConnections",
    create=_create, create_model="CreateIPSecConnectionDetails",
    update=_update, update_model="UpdateIPSecConnectionDetails", delete=_delete, filters=("drgId", "cpeId"),
)  # fmt: skip
