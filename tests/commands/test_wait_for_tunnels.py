"""wait-for-tunnels: when it ends, what it answers, which failures it outlives.

Oracle's API is a table on this machine. Does not prove how long OCI's states last, nor that they come in this order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from commands import wait_for_tunnels
from commands.invocation import CommandError, SignInSettings
from commands.tunnels import Connection, Tunnel
from commands.wait_for_tunnels import verdict

A = Tunnel("ocid1.tunnel.a", "203.0.113.9", "AVAILABLE", "DOWN")
B = Tunnel("ocid1.tunnel.b", "203.0.113.5", "AVAILABLE", "DOWN")


def connection(*tunnels: Tunnel, state: str = "AVAILABLE") -> Connection:
    return Connection("ocid1.ipsec", "ocid1.compartment", state, tunnels)


def test_answer_is_compact_json() -> None:
    assert verdict(connection(A, B)) == (
        '[{"id":"ocid1.tunnel.a","vpnIp":"203.0.113.9"},{"id":"ocid1.tunnel.b","vpnIp":"203.0.113.5"}]'
    )


@pytest.mark.parametrize(
    "found",
    [
        connection(A, B, state="PROVISIONING"),
        connection(A),
        connection(),
        connection(A, Tunnel(B.id, B.vpn_ip, "PROVISIONING", "DOWN")),
        connection(A, Tunnel(B.id, None, "AVAILABLE", "DOWN")),
        connection(A, Tunnel(B.id, "", "AVAILABLE", "DOWN")),
    ],
)
def test_something_is_still_to_come(found: Connection) -> None:
    assert verdict(found) is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            connection(A, B, Tunnel("ocid1.tunnel.c", None, "PROVISIONING", "DOWN"), state="PROVISIONING"),
            "IPSec connection ocid1.ipsec has 3 tunnels (203.0.113.9, 203.0.113.5, ocid1.tunnel.c): "
            "it must have exactly 2",
        ),
        (
            connection(A, B, state="TERMINATING"),
            "IPSec connection ocid1.ipsec is TERMINATING: it must be AVAILABLE",
        ),
        (
            connection(state="TERMINATED"),
            "IPSec connection ocid1.ipsec is TERMINATED: it must be AVAILABLE",
        ),
    ],
)
def test_what_waiting_cannot_mend_is_refused_at_once(found: Connection, message: str) -> None:
    with pytest.raises(CommandError) as refused:
        verdict(found)
    assert str(refused.value) == message


def as_json(tunnel: Tunnel) -> dict[str, Any]:
    return {
        "id": tunnel.id,
        "vpnIp": tunnel.vpn_ip,
        "lifecycleState": tunnel.state,
        "status": tunnel.status,
        "compartmentId": "c",
        "timeCreated": "2026-01-01T00:00:00Z",
    }


class Api:
    """Answers a look with the first of the given connections, the last for ever."""

    def __init__(self, *script: Connection | tuple[int, str]) -> None:
        self.script = list(script)

    def __call__(self, method: str, path: str, body: Any, etag: str | None) -> tuple[int, Any, Mapping[str, str]]:
        now = self.script[0]
        if isinstance(now, tuple):
            if len(self.script) > 1:
                self.script.pop(0)
            return now[0], {"code": now[1], "message": "said\nso"}, {}
        if path == "/ipsecConnections/ocid1.ipsec":
            return 200, {"id": now.id, "lifecycleState": now.state, "compartmentId": "c"}, {}
        assert path == "/ipsecConnections/ocid1.ipsec/tunnels", path
        if len(self.script) > 1:
            self.script.pop(0)
        return 200, [as_json(tunnel) for tunnel in now.tunnels], {}


def run(desk: Any, api_key: dict[str, str], served: Any, seconds: float = 600) -> None:
    environment = {**served.environment, "IPSEC_ID": "ocid1.ipsec", "TIMEOUT_SECONDS": str(seconds)}
    wait_for_tunnels.run(desk.invocation(environment, SignInSettings(oci=api_key)))


def test_from_provisioning_to_the_answer_in_the_order_of_the_ids(
    desk: Any, api_key: dict[str, str], serve_oci: Any
) -> None:
    early = Tunnel(B.id, None, "PROVISIONING", "DOWN")
    served = serve_oci(
        Api(
            (404, "NotAuthorizedOrNotFound"),
            connection(state="PROVISIONING"),
            (500, "InternalServerError"),
            (429, "TooManyRequests"),
            connection(early, A),
            connection(B, A),
        )
    )
    run(desk, api_key, served)
    assert desk.answers == [verdict(connection(A, B))]
    assert json.loads(desk.answers[0])[0]["id"] == A.id
    assert desk.told == [
        "[   0 s] trying again: cannot read IPSec connection ocid1.ipsec: "
        "OCI says 404-NotAuthorizedOrNotFound: said so",
        "[   1 s] connection PROVISIONING; tunnels: none yet",
        "[   2 s] trying again: cannot read IPSec connection ocid1.ipsec: OCI says 500-InternalServerError: said so",
        "[   3 s] trying again: cannot read IPSec connection ocid1.ipsec: OCI says 429-TooManyRequests: said so",
        "[   4 s] connection AVAILABLE; tunnels: 203.0.113.9 AVAILABLE DOWN, ocid1.tunnel.b PROVISIONING DOWN",
        "[   5 s] connection AVAILABLE; tunnels: 203.0.113.9 AVAILABLE DOWN, 203.0.113.5 AVAILABLE DOWN",
    ]


def test_time_out_says_what_is_missing(desk: Any, api_key: dict[str, str], serve_oci: Any) -> None:
    with pytest.raises(CommandError) as refused:
        run(desk, api_key, serve_oci(Api(connection(A))), seconds=30)
    assert str(refused.value) == (
        "IPSec connection ocid1.ipsec and exactly 2 tunnels with an address are not AVAILABLE after 30 s: "
        "connection AVAILABLE; tunnels: 203.0.113.9 AVAILABLE DOWN"
    )
    assert desk.now == 1030
    assert desk.answers == []


def test_not_found_for_more_than_a_minute_is_an_error(desk: Any, api_key: dict[str, str], serve_oci: Any) -> None:
    with pytest.raises(CommandError) as refused:
        run(desk, api_key, serve_oci(Api((404, "NotAuthorizedOrNotFound"))))
    assert str(refused.value) == (
        "cannot read IPSec connection ocid1.ipsec: OCI says 404-NotAuthorizedOrNotFound: said so "
        "(it does not exist, or this sign-in may not see it)"
    )
    assert 1060 <= desk.now <= 1070


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, "NotAuthenticated", " (the sign-in is refused: its key or token is unknown or has expired)"),
        (403, "NotAllowed", ""),
        (400, "InvalidParameter", ""),
    ],
)
def test_other_refusals_end_it_at_once(
    desk: Any, api_key: dict[str, str], serve_oci: Any, status: int, code: str, advice: str
) -> None:
    with pytest.raises(CommandError) as refused:
        run(desk, api_key, serve_oci(Api((status, code))))
    assert str(refused.value) == (
        f"cannot read IPSec connection ocid1.ipsec: OCI says {status}-{code}: said so{advice}"
    )
    assert desk.now == 1000


def test_a_silent_network_is_outlived(desk: Any, api_key: dict[str, str], serve_oci: Any) -> None:
    served = serve_oci(Api(connection(A, B)))
    # Nothing listens on the discard port.
    served.endpoint, there = "http://127.0.0.1:9", served.endpoint
    with pytest.raises(CommandError, match="^IPSec connection .* after 5 s: trying again: cannot read IPSec"):
        run(desk, api_key, served, seconds=5)
    served.endpoint = there
    run(desk, api_key, served, seconds=5)
    assert desk.answers == [verdict(connection(A, B))]


def test_tunnels_on_a_second_page_count(desk: Any, api_key: dict[str, str], serve_oci: Any) -> None:
    def respond(method: str, path: str, body: Any, etag: str | None) -> tuple[int, Any, Mapping[str, str]]:
        if path.endswith("/tunnels"):
            return 200, [as_json(B)], {"opc-next-page": "second"}
        if path.endswith("/tunnels?page=second"):
            return 200, [as_json(A)], {}
        return 200, {"id": "ocid1.ipsec", "lifecycleState": "AVAILABLE", "compartmentId": "c"}, {}

    run(desk, api_key, serve_oci(respond))
    assert desk.answers == [verdict(connection(A, B))]
