"""What is said of a tunnel's health: its status, its error, and the attributes that move at each read.

Does not prove that an IKE daemon would agree: UP is what the judge says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.clouds.oci.behaviour import Behaviour


def test_status_follows_the_judge_after_the_lag(start: Callable[..., Any]) -> None:
    asked: list[tuple[Any, ...]] = []
    reasons: dict[str, str | None] = {"now": None}

    def judge(*evidence: Any) -> str | None:
        asked.append(evidence)
        return reasons["now"]

    region = start(judge=judge)
    connection = region.connection()
    assert {t.status for t in region.tunnels(connection)} == {"DOWN"}
    assert asked == []
    region.settle()

    def statuses() -> set[str]:
        return {t.status for t in region.tunnels(connection)}

    assert statuses() == {"DOWN"}
    region.clock.advance(1.9)
    assert statuses() == {"DOWN"}
    region.clock.advance(0.2)
    assert statuses() == {"UP"}
    reasons["now"] = "the far end has another secret"
    assert statuses() == {"UP"}
    region.clock.advance(2)
    assert statuses() == {"DOWN"}
    shown_connection, shown_tunnel, shown_cpe, shown_secret = asked[0]
    assert (shown_connection["id"], shown_cpe["ipAddress"]) == (connection.id, "203.0.113.7")
    assert shown_tunnel["vpnIp"].startswith(("192.0.2.", "198.51.100."))
    assert shown_secret in {
        region.api.get_ip_sec_connection_tunnel_shared_secret(connection.id, tunnel.id).data.shared_secret
        for tunnel in region.tunnels(connection)
    }


def test_the_error_says_what_the_judge_says(start: Callable[..., Any], refused: Any) -> None:
    reasons: dict[str, str | None] = {"now": "no answer from 203.0.113.7"}
    region = start(judge=lambda *_: reasons["now"])
    connection = region.connection()
    tunnel = region.tunnels(connection)[0]

    def error() -> Any:
        return region.api.get_ip_sec_connection_tunnel_error(connection.id, tunnel.id).data

    assert error().error_description == "the tunnel is PROVISIONING"
    region.settle()
    assert (error().error_code, error().error_description) == ("IKE_NOT_ESTABLISHED", "no answer from 203.0.113.7")
    reasons["now"] = None
    with refused(404, "NotAuthorizedOrNotFound"):
        error()


def test_without_a_judge_no_tunnel_is_up(region: Any) -> None:
    connection = region.connection()
    for _ in range(3):
        region.settle()
        assert {t.status for t in region.tunnels(connection)} == {"DOWN"}


def test_a_judge_may_ask_the_cloud_itself(start: Callable[..., Any]) -> None:
    """No lock is held while it is asked."""
    held: dict[str, Any] = {}

    def judge(connection: Any, tunnel: Any, cpe: Any, shared_secret: str) -> str | None:
        found = held["region"].api.get_cpe(cpe["id"]).data
        return None if found.ip_address == cpe["ipAddress"] else "another address"

    held["region"] = region = start(Behaviour(status_seconds=0), judge=judge)
    connection = region.connection()
    region.settle()
    assert {t.status for t in region.tunnels(connection)} == {"UP"}


def test_maintenance_takes_one_tunnel_down(start: Callable[..., Any]) -> None:
    region = start(Behaviour(status_seconds=0), judge=lambda *_: None)
    connection = region.connection()
    region.settle()
    first = region.tunnels(connection)[0]
    region.cloud.maintain(first.id)
    assert [t.status for t in region.tunnels(connection)] == ["DOWN_FOR_MAINTENANCE", "UP"]
    region.cloud.maintain(first.id, False)
    assert [t.status for t in region.tunnels(connection)] == ["UP", "UP"]


def test_state_that_really_drifts_moves_at_each_read(start: Callable[..., Any]) -> None:
    region = start(Behaviour(status_seconds=0), judge=lambda *_: None)
    connection = region.connection()
    region.settle()
    one, two = (region.tunnels(connection)[0] for _ in range(2))
    assert one.time_status_updated != two.time_status_updated
    assert one.phase_one_details.remaining_lifetime > two.phase_one_details.remaining_lifetime
    assert one.phase_two_details.negotiated_dh_group == "GROUP5"
    assert one.phase_one_details.is_ike_established
    assert (one.phase_one_details.negotiated_encryption_algorithm, one.phase_one_details.negotiated_dh_group) == (
        "AES_256_CBC", "GROUP20",
    )  # fmt: skip
    steady = ("id", "vpn_ip", "cpe_ip", "routing", "ike_version", "dpd_mode", "bgp_session_info", "display_name")
    assert [getattr(one, name) for name in steady] == [getattr(two, name) for name in steady]
