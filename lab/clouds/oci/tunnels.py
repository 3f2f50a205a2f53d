"""A connection's tunnels: their settings, their shared secrets, and what Oracle says of their health.

Whether the far end answers is not known here: the judge that the lab gives says so, each time a tunnel is
read. Without one no tunnel is ever UP.
"""

from __future__ import annotations

import copy

from lab.clouds.oci import drgs, tunnel_settings
from lab.clouds.oci.api import Answer, Observer, Request, Route, body_of, listed
from lab.clouds.oci.connections import check_static_routes, refuse_unsettled, tunnels_of
from lab.clouds.oci.errors import incorrect_state, invalid, not_found
from lab.clouds.oci.store import CONNECTION, CPE, TUNNEL, Body, Judge, Resource, Store, timestamp

_TUNNELS = "/ipsecConnections/{id}/tunnels"
_TUNNEL = f"{_TUNNELS}/{{tunnel}}"
_NEGOTIATED = {
    "negotiatedEncryptionAlgorithm": "customEncryptionAlgorithm",
    "negotiatedAuthenticationAlgorithm": "customAuthenticationAlgorithm",
}
# (details, whether it stands, what Oracle recommends and so is met without custom algorithms).
_PHASES = (
    (
        "phaseOneDetails",
        "isIkeEstablished",
        {
            "negotiatedEncryptionAlgorithm": "AES_256_CBC",
            "negotiatedAuthenticationAlgorithm": "SHA2_384",
            "negotiatedDhGroup": "GROUP20",
        },
    ),
    (
        "phaseTwoDetails",
        "isEspEstablished",
        {"negotiatedEncryptionAlgorithm": "AES_256_GCM", "negotiatedDhGroup": "GROUP5"},
    ),
)


def routes(judge: Judge | None) -> list[Route]:
    look = _observer(judge)
    secret = "IPSecConnectionTunnelSharedSecret"
    return [
        Route("GET", _TUNNELS, "ListIPSecConnectionTunnels", _list, look),
        Route("GET", _TUNNEL, "GetIPSecConnectionTunnel", _get, look),
        Route("PUT", _TUNNEL, "UpdateIPSecConnectionTunnel", _update),
        Route("GET", f"{_TUNNEL}/sharedSecret", f"Get{secret}", _get_secret),
        Route("PUT", f"{_TUNNEL}/sharedSecret", f"Update{secret}", _update_secret),
        Route("GET", f"{_TUNNEL}/error", "GetIPSecConnectionTunnelError", _get_error, look),
    ]


def _observer(judge: Judge | None) -> Observer:
    """Asks the judge about every tunnel of the connection, holding the lock only to look and to note."""

    def observe(store: Store, request: Request) -> None:
        with store.lock:
            connection = store.get(CONNECTION, request.ids["id"])
            cpe = store.find(CPE, connection.body["cpeId"])
            questions = [
                (tunnel, copy.deepcopy(_shown(store, tunnel)), str(tunnel.private["shared secret"]))
                for tunnel in tunnels_of(store, connection)
            ]
            ends = copy.deepcopy((connection.body, cpe.body if cpe else {}))
        verdicts = [_verdict(judge, ends[0], tunnel, ends[1], secret) for _, tunnel, secret in questions]
        with store.lock:
            for (tunnel, _, _), verdict in zip(questions, verdicts, strict=True):
                _note(store, tunnel, verdict)

    return observe


def _verdict(judge: Judge | None, connection: Body, tunnel: Body, cpe: Body, secret: str) -> str | None:
    if tunnel["lifecycleState"] != "AVAILABLE":
        return f"the tunnel is {tunnel['lifecycleState']}"
    if "vpnIp" not in tunnel:
        return "the tunnel has no address yet"
    if judge is None:
        return "nothing answers at the CPE's address"
    return judge(connection, tunnel, cpe, secret)


def _note(store: Store, tunnel: Resource, verdict: str | None) -> None:
    """A change of what is so; what is said of it follows after the lag."""
    health = tunnel.private.setdefault("health", {"reason": "the tunnel is new", "since": store.clock()})
    if (verdict is None) != (health["reason"] is None):
        health["said before"] = _negotiation(store, tunnel)
        health["since"] = store.clock()
    health["reason"] = verdict


def _negotiation(store: Store, tunnel: Resource) -> str:
    """UP or DOWN as Oracle has noticed so far."""
    health = tunnel.private.get("health")
    if health is None:
        return "DOWN"
    if store.clock() - health["since"] < store.behaviour.status_seconds:
        return str(health.get("said before", "DOWN"))
    return "UP" if health["reason"] is None else "DOWN"


def _status(store: Store, tunnel: Resource) -> str:
    return "DOWN_FOR_MAINTENANCE" if tunnel.private.get("maintenance") else _negotiation(store, tunnel)


def _shown(store: Store, tunnel: Resource) -> Body:
    """The tunnel as the API shows it: some of its attributes move at every read."""
    body = copy.deepcopy(tunnel.body)
    status = _status(store, tunnel)
    body |= {"status": status, "timeStatusUpdated": timestamp()}
    if store.clock() >= tunnel.private["address from"]:
        body["vpnIp"] = tunnel.private["headend"]
    tunnel.private["reads"] = tunnel.private.get("reads", 0) + 1
    for phase, established, usual in _PHASES:
        body[phase][established] = status == "UP"
        if status == "UP":
            body[phase] |= _negotiated(body[phase], usual, tunnel.private["reads"])
    return body


def _negotiated(phase: Body, usual: Body, reads: int) -> Body:
    custom = {name: phase[there] for name, there in _NEGOTIATED.items() if there in phase}
    return {
        "remainingLifetime": phase["lifetime"] - 7 * reads % phase["lifetime"],
        "remainingLifetimeLastRetrieved": timestamp(),
        **(custom or usual),
        "negotiatedDhGroup": phase.get("customDhGroup", phase.get("dhGroup", usual["negotiatedDhGroup"])),
    }


def _connection_and_tunnel(store: Store, request: Request) -> tuple[Resource, Resource]:
    connection = store.get(CONNECTION, request.ids["id"])
    tunnel = store.get(TUNNEL, request.ids["tunnel"], request.if_match)
    if tunnel.private["connection"] != connection.id:
        raise not_found(f"{tunnel.id} of {connection.id}")
    return connection, tunnel


def _list(store: Store, request: Request) -> Answer:
    connection = store.get(CONNECTION, request.ids["id"])
    return listed(store, [_shown(store, tunnel) for tunnel in tunnels_of(store, connection)])


def _get(store: Store, request: Request) -> Answer:
    _, tunnel = _connection_and_tunnel(store, request)
    return Answer(_shown(store, tunnel), tunnel.etag)


def _changing(store: Store, request: Request) -> tuple[Resource, Resource]:
    connection, tunnel = _connection_and_tunnel(store, request)
    if connection.ending or tunnel.ending:
        raise incorrect_state(f"{connection.id} is {connection.state}")
    refuse_unsettled(connection, tunnel)
    return connection, tunnel


def _hold(store: Store, connection: Resource, tunnel: Resource) -> None:
    store.settle(tunnel, store.behaviour.settle_seconds)
    if store.behaviour.update_holds_connection:
        store.settle(connection, store.behaviour.settle_seconds)
    store.touch(tunnel)


def _update(store: Store, request: Request) -> Answer:
    connection, tunnel = _changing(store, request)
    changed = tunnel_settings.applied(tunnel.body, body_of(request, "UpdateIPSecConnectionTunnelDetails"))
    check_static_routes(store, connection.body["staticRoutes"], [changed])
    _check_inside(store, connection, tunnel, changed)
    tunnel.body = changed
    _hold(store, connection, tunnel)
    return Answer(_shown(store, tunnel), tunnel.etag)


def _check_inside(store: Store, connection: Resource, tunnel: Resource, changed: Body) -> None:
    """Two tunnels of one DRG cannot share inside addresses. Assumed."""
    network = tunnel_settings.inside_network(changed)
    for other in drgs.tunnels_of_drg(store, connection.body["drgId"]):
        taken = tunnel_settings.inside_network(other.body)
        if network and taken and other.id != tunnel.id and network.overlaps(taken):
            raise invalid("bgpSessionConfig.oracleInterfaceIp", f"{network} is taken by tunnel {other.id}")


def _get_secret(store: Store, request: Request) -> Answer:
    _, tunnel = _connection_and_tunnel(store, request)
    return Answer({"sharedSecret": tunnel.private["shared secret"]}, tunnel.etag)


def _update_secret(store: Store, request: Request) -> Answer:
    connection, tunnel = _changing(store, request)
    details = body_of(request, "UpdateIPSecConnectionTunnelSharedSecretDetails")
    text = details.get("sharedSecret", "")
    tunnel_settings.check_shared_secret(text)
    tunnel.private["shared secret"] = text
    _hold(store, connection, tunnel)
    return Answer({"sharedSecret": text}, tunnel.etag)


def _get_error(store: Store, request: Request) -> Answer:
    """What is wrong with a tunnel that is not UP. That a healthy one answers 404 is assumed."""
    _, tunnel = _connection_and_tunnel(store, request)
    reason = tunnel.private.get("health", {}).get("reason")
    if reason is None:
        raise not_found(f"an error of {tunnel.id}")
    return Answer(
        {
            "id": tunnel.id,
            "errorCode": "IKE_NOT_ESTABLISHED",
            "errorDescription": reason,
            "solution": "Compare the CPE's configuration and shared secret with the tunnel's.",
            "ociResourcesLink": "https://docs.oracle.com/iaas/Content/Network/Troubleshoot/ipsectroubleshoot.htm",
            "timestamp": timestamp(),
        }
    )
